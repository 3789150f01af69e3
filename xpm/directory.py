"""The mirror of clients, contacts, staff and jobs: the sync that fills it, the job menu and the look-ups that read it.

XPM offers partners no job search by name and no "jobs changed since", so the menu is pre-loaded from here:
https://developer.xero.com/documentation/api/practice-manager-3-1/jobs
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import quote

from xpm import api
from xpm.api import Priority
from xpm.clock import Clock
from xpm.connections import Connections
from xpm.matching import numbers_in
from xpm.store import Database, Transaction, mirror
from xpm.store import connections as connection_store
from xpm.store import tables as t
from xpm.store.calls import Party
from xpm.store.connections import Connection, Sync
from xpm.store.mirror import Job, Rows, StaffMember, Task

T = TypeVar("T")

Tell = Callable[[str, Sync], Awaitable[None]]
"""Is told how far a sync is: (workspace id, sync). Called at most every two seconds and once at the end."""

MENU_LIMIT = 100
"""Slack shows at most 100 options in a group: https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element"""

_CHUNK = 500
_TELL_EVERY = 2.0
# States are each practice's own; these are the usual names of those that take no time.
_CLOSED = re.compile(r"complete|cancel|closed|archived|abandoned", re.IGNORECASE)
_JOB_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/ -]{0,28}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the job menu. `hidden` counts the jobs that typing would find but the menu has no room for."""

    label: str
    jobs: tuple[Job, ...]
    hidden: int = 0
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class JobCard:
    """A job with its tasks."""

    job: Job
    tasks: tuple[Task, ...]


def is_open(state: str) -> bool:
    """Whether a job in a state of this name usually takes time; XPM is the judge."""
    return _CLOSED.search(state) is None


def job_id(text: str) -> str | None:
    """A job ID out of what somebody typed, or None when it cannot be one.

    IDs are the practice's own and case counts; only the usual form (j000123) is put in capitals for a phone keyboard.
    """
    typed = text.strip()
    if _JOB_ID.fullmatch(typed) is None or not any(character.isdigit() for character in typed):
        return None
    return typed.upper() if re.fullmatch(r"[jJ]\d+", typed) else typed


def job_url(job: Job) -> str:
    """The job's page in XPM: https://developer.xero.com/documentation/api/practice-manager-3-1/jobs"""
    return (
        job.web_url
        or f"https://app.practicemanager.xero.com/job/jobview.aspx?id={quote(job.number, safe='')}"
    )


class Directory:
    """Reads the mirror for people and fills it from the practice."""

    def __init__(self, database: Database, connections: Connections, clock: Clock) -> None:
        self._database = database
        self._connections = connections
        self._clock = clock

    # -- for people ------------------------------------------------------------------------------------------------

    async def menu(
        self,
        workspace_id: str,
        clients: Sequence[tuple[str, str]],
        staff_uuid: str | None,
        typed: str,
    ) -> list[Group]:
        """The job menu: a group for each client (uuid, name), then the person's own jobs; `typed` words filter both."""
        words = typed.casefold().split()
        groups = []
        seen: set[str] = set()
        async with self._database.reading() as tx:
            for uuid, name in clients:
                jobs = await mirror.jobs_of_clients(tx, workspace_id, [uuid], words, MENU_LIMIT)
                total = len(jobs)
                if not words and total == MENU_LIMIT:
                    total = await mirror.count_jobs_of_client(tx, workspace_id, uuid)
                groups.append(Group(f"Jobs of {name}", tuple(jobs), total - len(jobs)))
                seen |= {job.number for job in jobs}
            if staff_uuid is not None:
                jobs = await mirror.jobs_of_staff(
                    tx, workspace_id, staff_uuid, words, MENU_LIMIT + len(seen)
                )
                unseen = [job for job in jobs if job.number not in seen]
                own = unseen[:MENU_LIMIT]
                total = len(own)
                if not words and len(own) == MENU_LIMIT:
                    total = await mirror.count_jobs_of_staff(tx, workspace_id, staff_uuid) - (
                        len(jobs) - len(unseen)
                    )
                groups.append(Group("Your jobs", tuple(own), max(0, total - len(own)), is_own=True))
        return [group for group in groups if group.jobs]

    async def card(self, workspace_id: str, number: str) -> JobCard | None:
        """A job and its tasks as the mirror has them."""
        async with self._database.reading() as tx:
            job = await mirror.job(tx, workspace_id, number)
            if job is None:
                return None
            return JobCard(job, tuple(await mirror.tasks_of(tx, workspace_id, number)))

    async def look_up(self, workspace_id: str, number: str) -> JobCard | None:
        """A job by its exact ID, asked of XPM now and kept; None when the practice has no such job.

        Raises Disconnected or TryLater.
        """
        connection = await self._connected(workspace_id)
        async with self._connections.practice(workspace_id) as practice:
            job = await practice.job(number)
        if job is None:
            return None
        await self._keep(connection, [job])
        return await self.card(workspace_id, job.number)

    async def refresh_jobs(
        self, workspace_id: str, clients: Sequence[str], staff_uuid: str | None
    ) -> None:
        """Asks XPM for the jobs of some clients and of a staff member now. Raises Disconnected or TryLater.

        These lists bring no tasks, so the tasks we have stay; `look_up` brings a new job's when it is chosen.
        """
        connection = await self._connected(workspace_id)
        async with self._connections.practice(workspace_id, Priority.SYNC) as practice:
            for uuid in clients:
                await self._keep(connection, await practice.jobs_of_client(uuid), with_tasks=False)
            if staff_uuid is not None:
                own = await practice.jobs_of_staff(staff_uuid)
                await self._keep(connection, own, with_tasks=False, assigned_to=staff_uuid)

    async def staff_member(self, workspace_id: str, email: str | None) -> StaffMember | None:
        """The staff record with this e-mail address, when there is exactly one."""
        if not email:
            return None
        async with self._database.reading() as tx:
            return await mirror.staff_by_email(tx, workspace_id, email)

    async def parties(self, workspace_id: str, numbers: Sequence[str]) -> list[Party]:
        """Who the numbers (E.164) belong to; a number nobody has stands alone."""
        found: list[Party] = []
        async with self._database.reading() as tx:
            for number in numbers:
                found += await mirror.parties(tx, workspace_id, number) or [Party(number)]
        return found

    async def counts(self, workspace_id: str) -> dict[str, int]:
        """How many clients, contacts, staff and jobs the mirror holds."""
        async with self._database.reading() as tx:
            return await mirror.counts(tx, workspace_id)

    # -- sync ------------------------------------------------------------------------------------------------------

    async def sync(self, workspace_id: str, sync_id: str, tell: Tell) -> None:
        """Copies staff, open jobs and clients, then forgets what the practice no longer has.

        Cut anywhere it leaves the old mirror whole and can be begun again. Raises Disconnected or TryLater, and notes
        the failure on the sync.
        """
        sync = Sync(workspace_id, sync_id, self._clock())
        async with self._database.transaction() as tx:
            before = await connection_store.last_sync(tx, workspace_id)
            if before is not None:
                sync = Sync(workspace_id, sync_id, self._clock(), clients_expected=before.clients)
            await connection_store.start_sync(tx, sync)
        try:
            await self._copy(sync, tell)
        except api.XpmError as error:
            async with self._database.transaction() as tx:
                await connection_store.change_sync(
                    tx,
                    workspace_id,
                    sync_id,
                    failure=type(error).__name__,
                    finished_at=self._clock(),
                )
            raise

    async def _copy(self, sync: Sync, tell: Tell) -> None:
        workspace_id = sync.workspace_id
        connection = await self._connected(workspace_id)
        progress = _Progress(self._database, sync, tell)
        async with self._connections.practice(workspace_id, Priority.SYNC) as practice:
            staff = await practice.staff()
            async with self._writing(connection) as tx:
                await mirror.write(
                    tx, t.staff, [_staff_row(workspace_id, sync.id, one) for one in staff]
                )
            await progress.count(staff=len(staff))
            async with aclosing(practice.open_jobs()) as open_jobs:
                async for jobs in _chunks(open_jobs):
                    await self._keep(connection, jobs, sync.id, are_open=True)
                    await progress.count(jobs=len(jobs))
            contacts: set[str] = set()
            async with aclosing(practice.clients()) as all_clients:
                async for clients in _chunks(all_clients):
                    living = [client for client in clients if not client.is_deleted]
                    rows = _client_rows(workspace_id, sync.id, living, connection.region)
                    async with self._writing(connection) as tx:
                        for table, of_table in rows:
                            await mirror.write(tx, table, of_table)
                    new = {row["uuid"] for row in rows[1][1]} - contacts
                    contacts |= new
                    await progress.count(clients=len(living), contacts=len(new))
        async with self._writing(connection) as tx:
            await mirror.sweep(tx, workspace_id, sync.id)
            await connection_store.change_sync(tx, workspace_id, sync.id, finished_at=self._clock())
        await progress.end()

    async def _connected(self, workspace_id: str) -> Connection:
        connection = await self._connections.of(workspace_id)
        if connection is None:
            raise api.Disconnected("XPM is not connected")
        return connection

    @asynccontextmanager
    async def _writing(self, connection: Connection) -> AsyncIterator[Transaction]:
        """A transaction for what this practice told, or Disconnected: nothing is copied once it is disconnected."""
        async with self._database.transaction() as tx:
            if not await connection_store.hold(tx, connection.workspace_id, connection.tenant_id):
                raise api.Disconnected("XPM is not connected")
            yield tx

    async def _keep(
        self,
        connection: Connection,
        jobs: Sequence[api.Job],
        sync_id: str = "",
        *,
        are_open: bool = False,
        with_tasks: bool = True,
        assigned_to: str = "",
    ) -> None:
        workspace_id = connection.workspace_id
        async with self._writing(connection) as tx:
            if not sync_id:
                # A sync under way must not sweep a job that XPM has just told us of.
                running = await connection_store.last_sync(tx, workspace_id, finished=False)
                sync_id = running.id if running and running.finished_at is None else ""
            rows = _job_rows(
                workspace_id, sync_id, jobs, are_open=are_open, assigned_to=assigned_to
            )
            await mirror.replace_jobs(tx, workspace_id, *rows, with_tasks=with_tasks)


class _Progress:
    """Counts what a sync has copied, keeps the counts, and tells now and then."""

    def __init__(self, database: Database, sync: Sync, tell: Tell) -> None:
        self._database = database
        self._sync = sync
        self._tell = tell
        self._counts = {"staff": 0, "jobs": 0, "clients": 0, "contacts": 0}
        self._told = 0.0

    async def count(self, **more: int) -> None:
        for name, number in more.items():
            self._counts[name] += number
        async with self._database.transaction() as tx:
            await connection_store.change_sync(
                tx, self._sync.workspace_id, self._sync.id, **self._counts
            )
        if time.monotonic() - self._told >= _TELL_EVERY:
            await self.end()

    async def end(self) -> None:
        self._told = time.monotonic()
        async with self._database.reading() as tx:
            sync = await connection_store.sync(tx, self._sync.workspace_id, self._sync.id)
        if sync is not None:
            await self._tell(sync.workspace_id, sync)


async def _chunks(items: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    chunk: list[T] = []
    async for item in items:
        chunk.append(item)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _staff_row(workspace_id: str, sync_id: str, staff: api.Staff) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "uuid": staff.uuid,
        "name": staff.name,
        "email": staff.email.casefold() if staff.email else None,
        "sync_id": sync_id,
    }


def _job_row(workspace_id: str, sync_id: str, job: api.Job, *, are_open: bool) -> dict[str, Any]:
    name, state, client = job.name or job.number, job.state or "", job.client_name or ""
    return {
        "workspace_id": workspace_id,
        "number": job.number,
        "uuid": job.uuid,
        "name": name,
        "state": state,
        "is_open": are_open or is_open(state),
        "client_uuid": job.client_uuid,
        "client_name": client,
        "manager_name": job.manager_name,
        "due_date": job.due_date,
        "web_url": job.web_url,
        "search": f"{job.number} {name} {client}".casefold(),
        "sync_id": sync_id,
    }


def _job_rows(
    workspace_id: str,
    sync_id: str,
    jobs: Sequence[api.Job],
    *,
    are_open: bool,
    assigned_to: str,
) -> tuple[Rows, Rows, Rows]:
    rows: tuple[Rows, Rows, Rows] = ([], [], [])
    for job in jobs:
        rows[0].append(_job_row(workspace_id, sync_id, job, are_open=are_open))
        marks = {"workspace_id": workspace_id, "job_number": job.number, "sync_id": sync_id}
        for uuid in {one.uuid for one in job.assigned} | {assigned_to} - {""}:
            rows[1].append({**marks, "staff_uuid": uuid})
        for position, task in enumerate(job.tasks):
            rows[2].append(
                {
                    **marks,
                    "uuid": task.for_time,
                    "name": task.name or "Task",
                    "is_completed": task.is_completed,
                    "position": position,
                    "assigned": [one.uuid for one in task.assigned],
                }
            )
    return rows


def _client_rows(
    workspace_id: str, sync_id: str, clients: Sequence[api.Client], region: str
) -> list[tuple[Any, Rows]]:
    marks = {"workspace_id": workspace_id, "sync_id": sync_id}
    client_rows, contact_rows, link_rows, number_rows = [], {}, {}, {}
    for client in clients:
        archived = client.is_archived
        client_rows.append(
            {**marks, "uuid": client.uuid, "name": client.name, "is_archived": archived}
        )
        for number in numbers_in(client.phone, region):
            key = (number, client.uuid, "")
            number_rows[key] = dict(zip(("e164", "client_uuid", "contact_uuid"), key, strict=True))
        for contact in client.contacts:
            if contact.is_deleted:
                continue
            contact_rows[contact.uuid] = {
                "uuid": contact.uuid,
                "name": contact.name or "",
                "email": contact.email,
            }
            link_rows[client.uuid, contact.uuid] = {
                "client_uuid": client.uuid,
                "contact_uuid": contact.uuid,
                "position": contact.position,
                "is_primary": contact.is_primary,
            }
            for number in chain(
                numbers_in(contact.mobile, region), numbers_in(contact.phone, region)
            ):
                key = (number, client.uuid, contact.uuid)
                number_rows[key] = dict(
                    zip(("e164", "client_uuid", "contact_uuid"), key, strict=True)
                )
    return [
        (t.clients, client_rows),
        (t.contacts, [{**marks, **row} for row in contact_rows.values()]),
        (t.client_contacts, [{**marks, **row} for row in link_rows.values()]),
        (t.phone_numbers, [{**marks, **row} for row in number_rows.values()]),
    ]
