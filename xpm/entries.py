"""What a person may do with an entry: offer → choose → send, and back. `xpm.settling` carries a sent one to XPM.

    offered ──send──▶ sending ──settle──▶ sent ──edit──▶ offered, while XPM keeps the old time
       │              │  │                 └──undo──▶ sending ──▶ removed ──log again──▶ offered
       │              │  └─ refused ──choose, send──▶ sending
       └─ not logged ◀┘ only while it waits and was certainly not written

Every move is a compare-and-set on the entry's version, so of two clicks at the same moment one changes nothing. Every
look-up takes the clicker's workspace and person: an id in a button is a claim, not a right.
"""

import datetime as dt
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from xpm.calls import minutes as call_minutes
from xpm.clock import Clock
from xpm.connections import Connections
from xpm.directory import Directory, JobCard
from xpm.durable import Durable
from xpm.matching import for_people
from xpm.store import Database, Transaction, audit
from xpm.store import calls as call_store
from xpm.store import entries as store
from xpm.store import workspaces as workspace_store
from xpm.store.calls import Call
from xpm.store.connections import Connection
from xpm.store.entries import Act, Entry, State
from xpm.store.workspaces import Person

SETTLE = "settle_entry"
"""The workflow that carries an entry to XPM: (workspace id, entry id)."""

NOTE_LIMIT = 3000
"""Characters; Slack's own limit of a text field, XPM publishes none."""

_MOST_MINUTES = 24 * 60


class Problem(StrEnum):
    """What keeps an entry from being sent; each has its sentence in the messages."""

    NOT_CONNECTED = "not_connected"
    NO_STAFF = "no_staff"
    NO_JOB = "no_job"
    NO_TASK = "no_task"
    TASK_OF_OTHER_JOB = "task_of_other_job"
    MINUTES = "minutes"
    NOTE_TOO_LONG = "note_too_long"
    FUTURE = "future"
    OTHER_PRACTICE = "other_practice"


class NotYours(Exception):
    """No entry of this workspace and person has this id."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form's fields; None where the form has no such field."""

    minutes: str | None = None
    note: str | None = None
    date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """A task out of the menu that was shown for a job; the job may have been changed since."""

    job_number: str
    task_uuid: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """Everything a message about an entry shows, read at one moment."""

    entry: Entry
    call: Call | None
    card: JobCard | None
    person: Person
    connection: Connection | None
    connected_by: str
    has_staff: bool
    has_jobs: bool
    client_has_jobs: bool
    minutes_of_day: int
    entries_of_day: int

    @property
    def clients(self) -> list[tuple[str, str]]:
        """The clients on the call: (uuid, name), each once; just the chosen one when a choice was made."""
        found = {
            party.client_uuid: party.client_name or ""
            for party in (self.call.parties if self.call else ())
            if party.client_uuid
        }
        chosen = self.entry.client_uuid
        return [(uuid, name) for uuid, name in found.items() if chosen in (None, uuid)]


def problems(entry: Entry) -> list[Problem]:
    """What keeps an offered entry from being sent, as found when it was last tried."""
    if entry.state is not State.OFFERED or not entry.reason:
        return []
    return [Problem(word) for word in entry.reason.split(",")]


def parse_minutes(text: str) -> int | None:
    """Whole minutes from 1 to 1440 as typed, or None."""
    typed = text.strip()
    if not typed.isascii() or not typed.isdigit() or len(typed) > 4:
        return None
    minutes = int(typed)
    return minutes if 1 <= minutes <= _MOST_MINUTES else None


def local_date(moment: dt.datetime, time_zone: str) -> dt.date:
    """The calendar day of a moment where the person is; XPM's dates are days, never instants."""
    try:
        return moment.astimezone(ZoneInfo(time_zone)).date()
    except (ZoneInfoNotFoundError, ValueError):
        return moment.date()


class Entries:
    """Offers, chooses and sends; every rule of an entry's life before XPM is asked."""

    def __init__(
        self,
        database: Database,
        connections: Connections,
        directory: Directory,
        durable: Durable,
        clock: Clock,
    ) -> None:
        self._database = database
        self._connections = connections
        self._directory = directory
        self._durable = durable
        self._clock = clock

    # -- offering --------------------------------------------------------------------------------------------------

    async def offer(self, tx: Transaction, call: Call, person: Person, region: str) -> Entry | None:
        """Makes the person's entry for a call, with its minutes and a note filled in; None when they have one."""
        entry = self._new(person, local_date(call.started_at, person.time_zone), call.id)
        clients = {party.client_uuid for party in call.parties if party.client_uuid}
        entry = replace(
            entry,
            minutes=str(call_minutes(call.seconds)),
            note=call_note(call, region),
            client_uuid=next(iter(clients)) if len(clients) == 1 else None,
        )
        return entry if await store.add(tx, entry) else None

    async def open_form(self, person: Person) -> Entry:
        """An entry with no call, for today."""
        entry = self._new(person, local_date(self._clock(), person.time_zone), None)
        async with self._database.transaction() as tx:
            await store.add(tx, entry)
        return entry

    def _new(self, person: Person, date: dt.date, call_id: str | None) -> Entry:
        now = self._clock()
        return Entry(
            workspace_id=person.workspace_id,
            id=uuid.uuid4().hex,
            slack_user_id=person.slack_user_id,
            call_id=call_id,
            state=State.OFFERED,
            date=date,
            created_at=now,
            changed_at=now,
        )

    # -- reading ---------------------------------------------------------------------------------------------------

    async def view(self, workspace_id: str, entry_id: str) -> EntryView | None:
        """All that a message about the entry shows; None when there is no such entry."""
        async with self._database.reading() as tx:
            entry = await store.get(tx, workspace_id, entry_id)
            if entry is None:
                return None
            call = await call_store.get(tx, workspace_id, entry.call_id) if entry.call_id else None
            person = await workspace_store.person(tx, workspace_id, entry.slack_user_id)
            minutes, count = await store.sent_on(tx, workspace_id, entry.slack_user_id, entry.date)
        card = (
            await self._directory.card(workspace_id, entry.job_number) if entry.job_number else None
        )
        connection = await self._connections.of(workspace_id)
        connected_by = ""
        if connection is not None:
            async with self._database.reading() as tx:
                connected_by = (
                    await workspace_store.person(tx, workspace_id, connection.connected_by)
                ).name
        staff = await self._directory.staff_member(workspace_id, person.email)
        view = EntryView(
            entry,
            call,
            card,
            person,
            connection,
            connected_by,
            staff is not None,
            False,
            False,
            minutes,
            count,
        )
        groups = await self._directory.menu(
            workspace_id, view.clients, staff.uuid if staff else None, ""
        )
        of_clients = [group for group in groups if not group.is_own]
        return replace(view, has_jobs=bool(groups), client_has_jobs=bool(of_clients))

    async def job_menu_of(
        self, person: Person, entry_id: str
    ) -> tuple[list[tuple[str, str]], str | None]:
        """The clients and the staff record that the entry's job menu is filled from. Raises NotYours."""
        async with self._database.reading() as tx:
            entry = await self._own(tx, person, entry_id)
            call = (
                await call_store.get(tx, person.workspace_id, entry.call_id)
                if entry.call_id
                else None
            )
        staff = await self._directory.staff_member(person.workspace_id, person.email)
        found: dict[str, str] = {}
        for party in call.parties if call else ():
            if party.client_uuid and entry.client_uuid in (None, party.client_uuid):
                found[party.client_uuid] = party.client_name or ""
        return list(found.items()), staff.uuid if staff else None

    async def own(self, person: Person, entry_id: str) -> Entry | None:
        """The person's own entry; None for anybody else's."""
        async with self._database.reading() as tx:
            return await store.of_person(tx, person.workspace_id, person.slack_user_id, entry_id)

    # -- choosing --------------------------------------------------------------------------------------------------

    async def choose_job(self, person: Person, entry_id: str, number: str, draft: Draft) -> Entry:
        """Puts a job of the mirror on the entry, with the task the person most likely means. Raises NotYours."""
        card = await self._directory.card(person.workspace_id, number)
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if card is None or not _can_change(entry):
                return entry
            last = await store.last_task_for_job(
                tx, person.workspace_id, person.slack_user_id, number
            )
            return await self._change(
                tx,
                entry,
                draft,
                job_number=number,
                task_uuid=_likely_task(card, last),
                reason=_no_reason(entry),
            )

    async def choose_client(
        self, person: Person, entry_id: str, client_uuid: str | None, draft: Draft
    ) -> Entry:
        """Says which of the call's clients it was; None means all of them again. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if not _can_change(entry):
                return entry
            return await self._change(tx, entry, draft, client_uuid=client_uuid)

    # -- sending ---------------------------------------------------------------------------------------------------

    async def send(
        self, person: Person, entry_id: str, draft: Draft, task: TaskChoice | None = None
    ) -> Entry:
        """Commits the person's choice and its durable work together; what is wrong comes back as `problems`.

        A second click, or one on a message that is out of date, changes nothing. Raises NotYours.
        """
        connection = await self._connections.of(person.workspace_id)
        staff = await self._directory.staff_member(person.workspace_id, person.email)
        async with self._database.reading() as tx:
            before = await self._own(tx, person, entry_id)
        number = before.job_number
        card = await self._directory.card(person.workspace_id, number) if number else None
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if not _can_change(entry) or entry.job_number != number:
                return entry
            filled = _filled(entry, draft, task)
            found = self._problems(filled, person, card, connection, has_staff=staff is not None)
            if found or staff is None or connection is None:
                return await self._change(
                    tx,
                    entry,
                    draft,
                    task_uuid=filled.task_uuid,
                    state=State.OFFERED,
                    reason=",".join(found),
                )
            changed = await self._change(
                tx,
                entry,
                draft,
                task_uuid=filled.task_uuid,
                staff_uuid=staff.uuid,
                tenant_id=connection.tenant_id,
                state=State.SENDING,
                act=Act.CHANGE if entry.xpm_time_uuid else Act.ADD,
                reason=None,
                doubtful_since=None,
                waiting_since=None,
                waiting_for=None,
            )
            await self._settle(tx, changed)
            await self._note(tx, changed, "entry.chosen")
            return changed

    def _problems(
        self,
        entry: Entry,
        person: Person,
        card: JobCard | None,
        connection: Connection | None,
        *,
        has_staff: bool,
    ) -> list[Problem]:
        if connection is None or connection.ended_at is not None:
            return [Problem.NOT_CONNECTED]
        if not has_staff:
            return [Problem.NO_STAFF]
        found = []
        if card is None:
            found.append(Problem.NO_JOB)
        elif entry.task_uuid is None:
            found.append(Problem.NO_TASK)
        elif entry.task_uuid not in {task.uuid for task in card.tasks}:
            found.append(Problem.TASK_OF_OTHER_JOB)
        if parse_minutes(entry.minutes) is None:
            found.append(Problem.MINUTES)
        if len(entry.note) > NOTE_LIMIT:
            found.append(Problem.NOTE_TOO_LONG)
        if entry.date > local_date(self._clock(), person.time_zone):
            found.append(Problem.FUTURE)
        if entry.xpm_time_uuid is not None and entry.tenant_id != connection.tenant_id:
            found.append(Problem.OTHER_PRACTICE)
        return found

    async def undo(self, person: Person, entry_id: str) -> Entry:
        """Takes a saved time out of XPM again. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if entry.state is not State.SENT:
                return entry
            changed = await self._change(
                tx, entry, state=State.SENDING, act=Act.REMOVE, reason=None
            )
            await self._settle(tx, changed)
            await self._note(tx, changed, "entry.undo_chosen")
            return changed

    async def edit(self, person: Person, entry_id: str) -> Entry:
        """Opens a saved entry for changes; XPM keeps the time until new values are sent. Raises NotYours."""
        return await self._move(person, entry_id, State.SENT, state=State.OFFERED, reason=None)

    async def keep(self, person: Person, entry_id: str) -> Entry:
        """Leaves a saved entry as XPM has it and drops the changes. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if not entry.is_editing or entry.saved is None:
                return entry
            saved = entry.saved
            return await self._change(
                tx,
                entry,
                state=State.SENT,
                reason=None,
                job_number=saved.job_number,
                task_uuid=saved.task_uuid,
                minutes=str(saved.minutes),
                note=saved.note,
                date=saved.date,
            )

    async def dismiss(self, person: Person, entry_id: str, draft: Draft) -> Entry:
        """Says that the call is not worth logging; also calls back one that waits and was not written.

        Raises NotYours.
        """
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if entry.xpm_time_uuid is not None or not (_can_change(entry) or _can_recall(entry)):
                return entry
            return await self._change(tx, entry, draft, state=State.NOT_LOGGED, **_AT_REST)

    async def recall(self, person: Person, entry_id: str) -> Entry:
        """Takes back an entry that waits for XPM and was certainly not written, to change it. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if not _can_recall(entry):
                return entry
            state = State.SENT if entry.act is Act.REMOVE else State.OFFERED
            return await self._change(tx, entry, state=state, **_AT_REST)

    async def reopen(self, person: Person, entry_id: str) -> Entry:
        """Offers a call again that was not logged, or whose time was removed. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if entry.state not in (State.NOT_LOGGED, State.REMOVED):
                return entry
            return await self._change(tx, entry, state=State.OFFERED, act=Act.ADD, **_AT_REST)

    async def resume(self, tx: Transaction, workspace_id: str) -> int:
        """Sends on, after reconnecting, what waited for the connection; how many entries that is."""
        waiting = [
            entry
            for entry in await store.in_state(tx, workspace_id, State.SENDING)
            if entry.waiting_for == WAITING_FOR_CONNECTION
        ]
        for entry in waiting:
            changed = await store.change(tx, entry, waiting_for=None, changed_at=self._clock())
            if changed is not None:
                await self._settle(tx, changed)
        return len(waiting)

    # -- within ----------------------------------------------------------------------------------------------------

    async def _own(self, tx: Transaction, person: Person, entry_id: str) -> Entry:
        entry = await store.of_person(tx, person.workspace_id, person.slack_user_id, entry_id)
        if entry is None or person.has_left:
            raise NotYours(entry_id)
        return entry

    async def _move(self, person: Person, entry_id: str, only_from: State, **values: Any) -> Entry:
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            return (
                entry if entry.state is not only_from else await self._change(tx, entry, **values)
            )

    async def _change(
        self, tx: Transaction, entry: Entry, draft: Draft | None = None, **values: Any
    ) -> Entry:
        if draft is not None:
            filled = _filled(entry, draft, None)
            values = {"minutes": filled.minutes, "note": filled.note, "date": filled.date, **values}
        changed = await store.change(tx, entry, changed_at=self._clock(), **values)
        # Within one transaction nobody can have come between the reading and this; on PostgreSQL another replica
        # can, and then its change stands and ours is dropped.
        return changed or await self._again(tx, entry)

    async def _again(self, tx: Transaction, entry: Entry) -> Entry:
        found = await store.get(tx, entry.workspace_id, entry.id)
        if found is None:
            raise NotYours(entry.id)
        return found

    async def _settle(self, tx: Transaction, entry: Entry) -> None:
        if entry.state is State.SENDING:
            key = f"{entry.id}:{entry.version}"
            await self._durable.enqueue(tx, SETTLE, key, entry.workspace_id, entry.id)

    async def _note(self, tx: Transaction, entry: Entry, event: str) -> None:
        await audit.note(
            tx,
            audit.Fact(
                self._clock(),
                entry.workspace_id,
                event,
                entry.slack_user_id,
                entry.id,
                {"act": entry.act.value},
            ),
        )


WAITING_FOR_XPM = "xpm"
WAITING_FOR_CONNECTION = "connection"
WAITING_FOR_TOMORROW = "tomorrow"
"""What an unsent entry waits for: XPM to answer, somebody to reconnect, or the day's calls to be free again."""

_AT_REST: dict[str, None] = {
    "reason": None,
    "doubtful_since": None,
    "waiting_since": None,
    "waiting_for": None,
}


def _can_change(entry: Entry) -> bool:
    return entry.state in (State.OFFERED, State.REFUSED)


def _can_recall(entry: Entry) -> bool:
    """Only what waits and was certainly not written: a doubtful entry is found out first."""
    return (
        entry.state is State.SENDING
        and entry.waiting_for is not None
        and entry.doubtful_since is None
    )


def _no_reason(entry: Entry) -> str | None:
    # XPM's refusal stays in sight until the next try; our own remarks are answered by choosing.
    return entry.reason if entry.state is State.REFUSED else None


def _filled(entry: Entry, draft: Draft, task: TaskChoice | None) -> Entry:
    is_current = task is not None and task.job_number == entry.job_number
    return replace(
        entry,
        minutes=entry.minutes if draft.minutes is None else draft.minutes.strip(),
        note=entry.note if draft.note is None else draft.note,
        date=draft.date or entry.date,
        task_uuid=task.task_uuid if task is not None and is_current else entry.task_uuid,
    )


def _likely_task(card: JobCard, last: str | None) -> str | None:
    """The task used last for this job while it is there, else the only open one."""
    if last in {task.uuid for task in card.tasks}:
        return last
    usable = [task for task in card.tasks if not task.is_completed]
    return usable[0].uuid if len(usable) == 1 else None


def call_note(call: Call, region: str) -> str:
    """What the note says until the person changes it."""
    names = [
        party.contact_name or party.client_name or for_people(party.number, region)
        for party in call.parties
    ]
    who = " and ".join(dict.fromkeys(names)) or call.caller_name
    return f"Call with {who}" if who else "Call from a withheld number"
