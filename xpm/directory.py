"""What people read of the practice: the job menu, exact look-ups, and whom a number belongs to; from the mirror.

XPM offers partners no job search by name and no "jobs changed since", so the menu is pre-loaded from here:
https://developer.xero.com/documentation/api/practice-manager-3-1/jobs
"""

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from xpm import api
from xpm.api import Priority
from xpm.clock import Clock
from xpm.connections import Connections
from xpm.job_lists import JobLists, Lists
from xpm.job_menu import Asker, Group, menu_of, recent_of, search_of
from xpm.mirror_rows import job_print, job_rows
from xpm.mirroring import writing
from xpm.near_ids import near_ids
from xpm.store import (
    Asking,
    Database,
    Transaction,
    copying,
    job_marks,
    known_numbers,
    mirror,
    syncs,
)
from xpm.store.calls import Party
from xpm.store.connections import Connection
from xpm.store.mirror import Job, StaffMember, Task

FRESH = dt.timedelta(minutes=4)
"""Jobs asked for less long ago are not asked for again after a call: one made five minutes ago is there."""

_MOST_ABSENT = 1000
_LOGGED_WITHIN = dt.timedelta(days=366)

# States are each practice's own; these are the usual names of those that take no time.
_CLOSED = re.compile(r"complete|cancel|closed|archived|abandoned", re.IGNORECASE)
_JOB_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/ -]{0,28}[A-Za-z0-9])?")


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


def _form(number: str) -> str:
    """An ID's form: J000123 is A000000."""
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "0", number))


def job_url(job: Job) -> str:
    """The job's page in XPM: https://developer.xero.com/documentation/api/practice-manager-3-1/jobs"""
    return (
        job.web_url
        or f"https://app.practicemanager.xero.com/job/jobview.aspx?id={quote(job.number, safe='')}"
    )


async def staff_of(tx: Asking, workspace_id: str, email: str | None) -> StaffMember | None:
    """The staff record with this e-mail address, when there is exactly one."""
    return await mirror.staff_by_email(tx, workspace_id, email) if email else None


async def card_of(tx: Asking, workspace_id: str, number: str) -> JobCard | None:
    """A job and its tasks as the mirror has them."""
    job = await mirror.job(tx, workspace_id, number)
    if job is None:
        return None
    return JobCard(job, tuple(await mirror.tasks_of(tx, workspace_id, number)))


class Directory:
    """Reads the mirror for people, and asks XPM for the jobs that somebody needs now."""

    def __init__(self, database: Database, connections: Connections, clock: Clock) -> None:
        self._database = database
        self._connections = connections
        self._clock = clock
        self._lists = JobLists(database)
        # IDs that the practice said it has not, with when: every letter typed after one would ask again.
        self._absent: dict[tuple[str, str], dt.datetime] = {}

    # -- for people ------------------------------------------------------------------------------------------------

    async def menu(
        self,
        workspace_id: str,
        clients: Sequence[tuple[str, str]],
        staff_uuid: str | None,
        typed: str,
        slack_user_id: str = "",
    ) -> list[Group]:
        """The job menu of a person for some clients (uuid, name); see `xpm.job_menu`."""
        who = Asker(workspace_id, staff_uuid, slack_user_id, self._clock().date())
        async with self._listed(who) as (lists, recent):
            return await menu_of(lists, who, clients, typed, recent)

    async def search(self, workspace_id: str, typed: str, slack_user_id: str = "") -> list[Job]:
        """The jobs of the practice that somebody may mean, the likeliest first, misspellings forgiven."""
        who = Asker(workspace_id, None, slack_user_id, self._clock().date())
        async with self._listed(who) as (lists, recent):
            return (await search_of(lists, who, typed, recent))[0]

    @asynccontextmanager
    async def _listed(self, who: Asker) -> AsyncIterator[tuple[Lists, list[Job]]]:
        """The lists that a menu is filled from, and the jobs that the person logged on lately."""
        async with self._database.asking() as tx:
            mark = await job_marks.of(tx, who.workspace_id)
            recent = await recent_of(tx, who)
        async with self._lists.under(who.workspace_id, mark) as lists:
            yield lists, recent

    async def card(self, workspace_id: str, number: str) -> JobCard | None:
        """A job and its tasks as the mirror has them."""
        async with self._database.asking() as tx:
            return await card_of(tx, workspace_id, number)

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

    async def find_id(self, workspace_id: str, typed: str, within: float = 1.5) -> Job | None:
        """The job of a typed ID that the mirror does not know, asked of XPM for at most `within` seconds.

        None when the text has not the form of the practice's IDs, when XPM has no such job, and when it does not say:
        a menu can show no error, and Slack waits three seconds for it
        (https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element).
        """
        number = job_id(typed)
        if number is None or await self._is_no_id(workspace_id, number):
            return None
        try:
            async with asyncio.timeout(within):
                card = await self.look_up(workspace_id, number)
        except (TimeoutError, api.Disconnected, api.TryLater):
            return None
        if card is None:
            if len(self._absent) >= _MOST_ABSENT:
                self._absent.clear()
            self._absent[workspace_id, number] = self._clock()
            return None
        return card.job

    async def near(self, workspace_id: str, number: str) -> list[Job]:
        """The jobs whose ID somebody may have meant who typed this one, the likeliest slip first, open ones before."""
        async with self._database.reading() as tx:
            known = await mirror.outermost_ids(tx, workspace_id)
            asked = near_ids(number, known)
            jobs = await mirror.jobs_among(tx, workspace_id, asked)
        return sorted(jobs, key=lambda job: (not job.is_open, asked.index(job.number)))

    async def _is_no_id(self, workspace_id: str, number: str) -> bool:
        said = self._absent.get((workspace_id, number))
        if said is not None and self._clock() - said < FRESH:
            return True
        async with self._database.reading() as tx:
            known = await mirror.outermost_ids(tx, workspace_id)
        # J0001 on the way to J000123 is not asked for: XPM counts the calls of a day.
        return _form(number) not in {_form(one) for one in known}

    async def refresh_jobs(
        self, workspace_id: str, clients: Sequence[str], staff_uuid: str | None
    ) -> None:
        """Asks XPM for the jobs of some clients and of a staff member, unless that was done a moment ago.

        These lists bring no tasks, so the tasks we have stay; `look_up` brings a new job's when it is chosen.
        Raises Disconnected or TryLater, the latter also when the rest of the day is kept for writing times.
        """
        connection = await self._connected(workspace_id)
        people = [] if staff_uuid is None else [staff_uuid]
        async with self._database.reading() as tx:
            since = self._clock() - FRESH
            clients, people = await copying.jobs_not_asked_since(
                tx, workspace_id, clients, people, since
            )
        async with self._connections.practice(workspace_id, Priority.COURTESY) as practice:
            for uuid in clients:
                of_client = await practice.jobs_of_client(uuid)
                await self._keep(connection, of_client, with_tasks=False, asked_of=uuid)
            for uuid in people:
                own = await practice.jobs_of_staff(uuid)
                await self._keep(connection, own, with_tasks=False, assigned_to=uuid)

    async def staff_member(self, workspace_id: str, email: str | None) -> StaffMember | None:
        """The staff record with this e-mail address, when there is exactly one."""
        async with self._database.asking() as tx:
            return await staff_of(tx, workspace_id, email)

    async def parties(
        self, workspace_id: str, numbers: Sequence[str], slack_user_id: str = ""
    ) -> list[Party]:
        """Who the numbers (E.164) belong to; a number nobody has stands alone.

        Of several clients of a number the likely one is first: last logged on with this number by this person, then by
        anyone, then with open jobs.
        """
        found: list[Party] = []
        async with self._database.reading() as tx:
            for number in numbers:
                parties = await mirror.parties(tx, workspace_id, number)
                if not parties:
                    said = await known_numbers.party(tx, workspace_id, number)
                    parties = [said or Party(number)]
                if len(parties) > 1:
                    parties = await self._by_likelihood(tx, workspace_id, parties, slack_user_id)
                found += parties
        return found

    async def _by_likelihood(
        self, tx: Transaction, workspace_id: str, parties: list[Party], slack_user_id: str
    ) -> list[Party]:
        uuids = [party.client_uuid for party in parties if party.client_uuid]
        since = self._clock().date() - _LOGGED_WITHIN
        own: dict[str | None, float] = {}
        anyones: dict[str | None, float] = {}
        for uuid, who, last in await known_numbers.last_logged(
            tx, workspace_id, parties[0].number, uuids, since
        ):
            anyones[uuid] = max(anyones.get(uuid, 0), last.timestamp())
            if who == slack_user_id:
                own[uuid] = last.timestamp()
        busy = await known_numbers.with_open_jobs(tx, workspace_id, uuids)
        return sorted(
            parties,
            key=lambda party: (
                -own.get(party.client_uuid, 0),
                -anyones.get(party.client_uuid, 0),
                party.client_uuid not in busy,
            ),
        )

    async def counts(self, workspace_id: str) -> dict[str, int]:
        """How many clients, contacts, staff and jobs the mirror holds."""
        async with self._database.reading() as tx:
            return await mirror.counts(tx, workspace_id)

    async def _connected(self, workspace_id: str) -> Connection:
        connection = await self._connections.of(workspace_id)
        if connection is None:
            raise api.Disconnected("XPM is not connected")
        return connection

    async def _keep(
        self,
        connection: Connection,
        jobs: Sequence[api.Job],
        *,
        with_tasks: bool = True,
        asked_of: str = "",
        assigned_to: str = "",
    ) -> None:
        workspace_id = connection.workspace_id
        async with writing(self._database, connection) as tx:
            # A sync under way must not sweep a job that XPM has just told us of.
            sync_id = await syncs.running(tx, workspace_id, self._clock()) or ""
            # What comes in part has no print: the next sync reads it whole.
            told = [
                (
                    job,
                    is_open(job.state or ""),
                    job_print(job, is_open=is_open(job.state or "")) if with_tasks else "",
                )
                for job in jobs
            ]
            for has_url in (False, True):
                some = [one for one in told if (one[0].web_url is not None) is has_url]
                if not some:
                    continue
                rows = job_rows(workspace_id, sync_id, some, assigned_to=assigned_to)
                await copying.replace_jobs(tx, workspace_id, *rows, with_tasks=with_tasks)
            await copying.jobs_asked(tx, workspace_id, asked_of, assigned_to, self._clock())
