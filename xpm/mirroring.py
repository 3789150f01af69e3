"""Fills the mirror from the practice: everything at night, what changed in between.

XPM tells changed clients by `modifiedsince` and nothing of the kind for jobs and staff, so those come whole:
https://developer.xero.com/documentation/api/practice-manager-3-1/clients#get-list
What is unchanged is known by its print and not written; what is written goes in short transactions, so that people's
clicks find the database free. Cut anywhere, a copy leaves the old mirror whole and can begin again.
"""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from xpm import api
from xpm.api import Practice, Priority
from xpm.clock import Clock
from xpm.connections import Connections
from xpm.matching import region_of, region_votes
from xpm.mirror_rows import Numbers, add_client, client_print, job_print, job_rows, staff_row
from xpm.store import Database, Transaction, copying, syncs
from xpm.store import connections as store
from xpm.store.connections import Connection, Sync

T = TypeVar("T")

Tell = Callable[[str, Sync], Awaitable[None]]
"""Is told how far a sync is: (workspace id, sync). Called at most every two seconds and once at the end."""

OVERLAP = dt.timedelta(minutes=10)
"""How far an increment reaches back before the last: clocks differ, and XPM's list takes minutes to write."""

# A click that writes waits for its turn while these are written; `benchmarks/syncing.py` measures how long.
_CHUNK = 1000
# Reading a number takes some 30 µs: so many clients make some 2 ms, then people's clicks get through.
_BREATH = 20
_TELL_EVERY = 2.0
_ASKED_FOR_REGION = 300


class Kind(StrEnum):
    """What a sync copies."""

    FULL = "full"
    CLIENTS = "clients"
    JOBS = "jobs"
    STAFF = "staff"


class Mirroring:
    """Copies a practice, whole or in part."""

    def __init__(self, database: Database, connections: Connections, clock: Clock) -> None:
        self._database = database
        self._connections = connections
        self._clock = clock

    async def sync(
        self, workspace_id: str, sync_id: str, tell: Tell, kind: Kind = Kind.FULL
    ) -> None:
        """Copies what `kind` says, then forgets what the practice no longer has.

        An increment of clients before any full sync copies them all. Raises Rejected, Disconnected or TryLater, and
        notes the failure on the sync.
        """
        async with self._database.transaction() as tx:
            before = await store.last_sync(tx, workspace_id)
            cut = await store.sync(tx, workspace_id, sync_id)
            # One that was cut, or waited for XPM, began when it was first tried.
            sync = Sync(workspace_id, sync_id, cut.started_at if cut else self._clock(), kind=kind)
            if before is not None and kind is Kind.FULL:
                sync = replace(sync, clients_expected=before.clients)
            since = await syncs.clients_known_until(tx, workspace_id)
            await store.start_sync(tx, sync)
        copy = _Copy(self._database, self._clock, sync, tell)
        try:
            connection = await self._connections.of(workspace_id)
            if connection is None:
                raise api.Disconnected("XPM is not connected")
            async with self._connections.practice(workspace_id, Priority.SYNC) as practice:
                if kind in (Kind.FULL, Kind.STAFF):
                    connection = await copy.staff(
                        connection, practice, is_first=before is None and kind is Kind.FULL
                    )
                if kind in (Kind.FULL, Kind.JOBS):
                    await copy.jobs(connection, practice)
                if kind is Kind.FULL:
                    connection = await copy.all_clients(connection, practice)
                if kind is Kind.CLIENTS:
                    await copy.changed_clients(connection, practice, since)
            await copy.finish(connection)
        except api.XpmError as error:
            async with self._database.transaction() as tx:
                await store.change_sync(
                    tx,
                    workspace_id,
                    sync_id,
                    failure=type(error).__name__,
                    finished_at=self._clock(),
                )
            raise


class _Copy:
    """One sync under way: what it has counted, seen and told."""

    def __init__(self, database: Database, clock: Clock, sync: Sync, tell: Tell) -> None:
        self._database = database
        self._clock = clock
        self._sync = sync
        self._tell = tell
        self._counts = {"staff": 0, "jobs": 0, "clients": 0, "contacts": 0}
        self._told = time.monotonic()
        self._asked: list[str | None] | None = None

    async def staff(
        self, connection: Connection, practice: Practice, *, is_first: bool
    ) -> Connection:
        staff = await practice.staff()
        if is_first:
            self._asked = [number for one in staff for number in (one.phone, one.mobile)]
        rows = [staff_row(connection.workspace_id, self._sync.id, one) for one in staff]
        async with self._writing(connection) as tx:
            await copying.replace_staff(tx, connection.workspace_id, rows)
        await self._count(staff=len(staff))
        return connection

    async def jobs(self, connection: Connection, practice: Practice) -> None:
        workspace_id = connection.workspace_id
        seen: set[str] = set()
        async with aclosing(practice.open_jobs()) as open_jobs:
            async for jobs in _chunks(open_jobs):
                prints = {job.number: job_print(job, is_open=True) for job in jobs}
                async with self._database.reading() as tx:
                    known = await copying.job_prints(tx, workspace_id, [*prints])
                changed = [
                    (job, True, prints[job.number])
                    for job in {job.number: job for job in jobs}.values()
                    if known.get(job.number) != prints[job.number]
                ]
                if changed:
                    rows = job_rows(workspace_id, self._sync.id, changed)
                    async with self._writing(connection) as tx:
                        await copying.replace_jobs(tx, workspace_id, *rows, with_tasks=True)
                more = len(prints.keys() - seen)
                seen |= prints.keys()
                await self._count(jobs=more)
        gone = await self._unseen(copying.open_jobs_after, seen)
        for some in _cut(gone, _CHUNK):
            async with self._writing(connection) as tx:
                await copying.forget_jobs(tx, workspace_id, some, self._sync.id)

    async def all_clients(self, connection: Connection, practice: Practice) -> Connection:
        """Copies every client; the first time, the region of the practice is read from the numbers that come first."""
        workspace_id = connection.workspace_id
        seen: set[str] = set()
        contacts: set[str] = set()
        numbers = Numbers(connection.region)
        async with aclosing(practice.clients()) as all_clients:
            async for clients in _chunks(all_clients):
                if self._asked is not None:
                    connection = await self._choose_region(connection, clients)
                    numbers = Numbers(connection.region)
                living = [client for client in clients if not client.is_deleted]
                await self._write_clients(connection, living, numbers)
                new = {
                    one.uuid for client in living for one in client.contacts if not one.is_deleted
                }
                more = len({client.uuid for client in living} - seen)
                seen.update(client.uuid for client in living)
                before = len(contacts)
                contacts |= new
                await self._count(clients=more, contacts=len(contacts) - before)
        gone = await self._unseen(copying.clients_after, seen)
        for some in _cut(gone, _CHUNK):
            async with self._writing(connection) as tx:
                await copying.forget_clients(tx, workspace_id, some, unseen_by=self._sync.id)
        return connection

    async def changed_clients(
        self, connection: Connection, practice: Practice, since: dt.datetime | None
    ) -> None:
        """Copies the clients that XPM changed since then, and forgets those it says are deleted."""
        numbers = Numbers(connection.region)
        modified = None if since is None else since - OVERLAP
        async with aclosing(practice.clients(modified)) as changed:
            async for clients in _chunks(changed):
                living = [client for client in clients if not client.is_deleted]
                await self._write_clients(connection, living, numbers)
                deleted = [client.uuid for client in clients if client.is_deleted]
                if deleted:
                    async with self._writing(connection) as tx:
                        await copying.forget_clients(tx, connection.workspace_id, deleted)
                await self._count(clients=len(clients))

    async def finish(self, connection: Connection) -> None:
        async with self._writing(connection) as tx:
            await store.change_sync(
                tx,
                self._sync.workspace_id,
                self._sync.id,
                region=connection.region,
                finished_at=self._clock(),
                **self._counts,
            )
        await self._say()

    async def _unseen(
        self,
        page: Callable[[Transaction, str, str], Awaitable[list[str]]],
        seen: set[str],
    ) -> list[str]:
        """What the mirror has and this sync did not see, read in pages so that nobody waits for the whole."""
        unseen: list[str] = []
        after: str | None = ""
        while after is not None:
            async with self._database.reading() as tx:
                keys = await page(tx, self._sync.workspace_id, after)
            unseen += [key for key in keys if key not in seen]
            after = keys[-1] if keys else None
        return unseen

    async def _write_clients(
        self, connection: Connection, clients: list[api.Client], numbers: Numbers
    ) -> None:
        workspace_id = connection.workspace_id
        prints = {one.uuid: client_print(one, numbers.region) for one in clients}
        known: dict[str, str] = {}
        if prints:
            async with self._database.reading() as tx:
                known = await copying.client_prints(tx, workspace_id, [*prints])
        changed = [
            (client, prints[client.uuid])
            for client in {one.uuid: one for one in clients}.values()
            if known.get(client.uuid) != prints[client.uuid]
        ]
        rows = copying.ClientRows()
        for some in _cut(changed, _BREATH):
            for client, print_ in some:
                add_client(rows, workspace_id, self._sync.id, client, print_, numbers.of)
            await asyncio.sleep(0)
        if changed:
            async with self._writing(connection) as tx:
                had = [client.uuid for client, _ in changed if client.uuid in known]
                await copying.replace_clients(tx, workspace_id, rows, had)

    async def _choose_region(self, connection: Connection, clients: list[api.Client]) -> Connection:
        texts = self._asked or []
        for client in clients:
            texts += [client.phone, *(one.mobile for one in client.contacts)]
        self._asked = None
        told = [text for text in texts if text][:_ASKED_FOR_REGION]
        # Trying each number in each region takes some 100 ms, once: beside the loop, so that nobody waits for it.
        votes = await asyncio.to_thread(region_votes, told)
        region = region_of(votes, connection.region)
        if region == connection.region:
            return connection
        async with self._writing(connection) as tx:
            await store.change(tx, connection.workspace_id, region=region)
        return replace(connection, region=region)

    @asynccontextmanager
    async def _writing(self, connection: Connection) -> AsyncIterator[Transaction]:
        async with writing(self._database, connection) as tx:
            yield tx

    async def _count(self, **more: int) -> None:
        for name, number in more.items():
            self._counts[name] += number
        if time.monotonic() - self._told >= _TELL_EVERY:
            async with self._database.transaction() as tx:
                await store.change_sync(tx, self._sync.workspace_id, self._sync.id, **self._counts)
            await self._say()

    async def _say(self) -> None:
        self._told = time.monotonic()
        async with self._database.reading() as tx:
            sync = await store.sync(tx, self._sync.workspace_id, self._sync.id)
        if sync is not None:
            await self._tell(sync.workspace_id, sync)


@asynccontextmanager
async def writing(database: Database, connection: Connection) -> AsyncIterator[Transaction]:
    """A transaction for what this practice told, or Disconnected: nothing is copied once it is disconnected."""
    async with database.transaction() as tx:
        if not await store.hold(tx, connection.workspace_id, connection.tenant_id):
            raise api.Disconnected("XPM is not connected")
        yield tx


async def _chunks(items: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    chunk: list[T] = []
    async for item in items:
        chunk.append(item)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _cut(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
