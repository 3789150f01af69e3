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
from dataclasses import replace
from typing import Any

from xpm import entry_view
from xpm.calls import minutes as call_minutes
from xpm.choices import (
    AT_REST,
    UNCLEAR,
    WAITING_FOR_CONNECTION,
    Draft,
    Problem,
    TaskChoice,
    call_note,
    can_change,
    can_recall,
    filled_in,
    find_problems,
    kept_reason,
    likely_task,
    local_date,
    resting,
)
from xpm.clock import Clock
from xpm.directory import Directory, card_of, staff_of
from xpm.durable import Durable
from xpm.entry_view import EntryView
from xpm.store import Asking, Database, Transaction, audit
from xpm.store import calls as call_store
from xpm.store import connections as connection_store
from xpm.store import entries as store
from xpm.store.calls import Call
from xpm.store.entries import Act, Difference, Entry, Finding, State
from xpm.store.workspaces import Person

SETTLE = "settle_entry"
"""The workflow that carries an entry to XPM: (workspace id, entry id)."""


class NotYours(Exception):
    """No entry of this workspace and person has this id."""


class Entries:
    """Offers, chooses and sends; every rule of an entry's life before XPM is asked."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        durable: Durable,
        clock: Clock,
    ) -> None:
        self._database = database
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
        return await entry_view.read(self._database, workspace_id, entry_id)

    async def job_menu_of(
        self, person: Person, entry_id: str
    ) -> tuple[list[tuple[str, str]], str | None]:
        """The clients and the staff record that the entry's job menu is filled from. Raises NotYours."""
        async with self._database.asking() as tx:
            entry = await self._own(tx, person, entry_id, to_change=False)
            call = (
                await call_store.get(tx, person.workspace_id, entry.call_id)
                if entry.call_id
                else None
            )
            staff = await staff_of(tx, person.workspace_id, person.email)
        found: dict[str, str] = {}
        for party in call.parties if call else ():
            if party.client_uuid and entry.client_uuid in (None, party.client_uuid):
                found[party.client_uuid] = party.client_name or ""
        return list(found.items()), staff.uuid if staff else None

    async def own(self, person: Person, entry_id: str) -> Entry | None:
        """The person's own entry; None for anybody else's."""
        async with self._database.asking() as tx:
            return await store.of_person(tx, person.workspace_id, person.slack_user_id, entry_id)

    # -- choosing --------------------------------------------------------------------------------------------------

    async def choose_job(self, person: Person, entry_id: str, number: str, draft: Draft) -> Entry:
        """Puts a job of the mirror on the entry, with the task the person most likely means. Raises NotYours."""
        card = await self._directory.card(person.workspace_id, number)
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if card is None or not can_change(entry):
                return entry
            last = await store.last_task_for_job(
                tx, person.workspace_id, person.slack_user_id, number
            )
            return await self._change(
                tx,
                entry,
                draft,
                job_number=number,
                task_uuid=likely_task(card, last),
                reason=kept_reason(entry),
            )

    async def choose_client(
        self, person: Person, entry_id: str, client_uuid: str | None, draft: Draft
    ) -> Entry:
        """Says which of the call's clients it was; None means all of them again. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if not can_change(entry):
                return entry
            return await self._change(tx, entry, draft, client_uuid=client_uuid)

    # -- sending ---------------------------------------------------------------------------------------------------

    async def send(
        self, person: Person, entry_id: str, draft: Draft, task: TaskChoice | None = None
    ) -> Entry:
        """Commits the person's choice and its durable work together; what is wrong comes back as `problems`.

        A second click, or one on a message that is out of date, changes nothing. Raises NotYours.
        """
        workspace_id = person.workspace_id
        while True:
            async with self._database.asking() as asking:
                entry = await self._own(asking, person, entry_id, to_change=False)
                if not can_change(entry):
                    return entry
                connection = await connection_store.get(asking, workspace_id)
                staff = await staff_of(asking, workspace_id, person.email)
                number = entry.job_number
                call_id = entry.call_id
                call = await call_store.get(asking, workspace_id, call_id) if call_id else None
                card = await card_of(asking, workspace_id, number) if number else None
            filled = filled_in(entry, draft, task)
            found = find_problems(
                filled,
                card,
                connection,
                has_staff=staff is not None,
                today=local_date(self._clock(), person.time_zone),
            )
            if call is not None and call.is_test:
                found = [Problem.TEST]
            values: dict[str, Any] = {
                "minutes": filled.minutes,
                "note": filled.note,
                "date": filled.date,
                "task_uuid": filled.task_uuid,
                "changed_at": self._clock(),
            }
            if found or staff is None or connection is None:
                values |= {"state": State.OFFERED, "reason": ",".join(found)}
            else:
                act = Act.CHANGE if entry.xpm_time_uuid else Act.ADD
                values |= {"state": State.SENDING, "act": act, **AT_REST}
                values |= {"staff_uuid": staff.uuid, "tenant_id": connection.tenant_id}
            async with self._database.transaction() as tx:
                changed = await store.change(tx, entry, **values)
                if changed is None:
                    # Something changed it since it was read, the tasks of its job arriving for one: look again.
                    continue
                if changed.state is State.SENDING:
                    await self._settle(tx, changed)
                    await self._note(tx, changed, "entry.chosen")
                return changed

    async def undo(self, person: Person, entry_id: str) -> Entry:
        """Takes a saved time out of XPM again. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if entry.state is not State.SENT:
                return entry
            changed = await self._change(
                tx, entry, state=State.SENDING, act=Act.REMOVE, **resting(entry)
            )
            await self._settle(tx, changed)
            await self._note(tx, changed, "entry.undo_chosen")
            return changed

    async def edit(self, person: Person, entry_id: str) -> Entry:
        """Opens a saved entry for changes; XPM keeps the time until new values are sent. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if entry.state is not State.SENT:
                return entry
            return await self._change(tx, entry, state=State.OFFERED, **resting(entry))

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
                **resting(entry),
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
            is_free = can_change(entry) or can_recall(entry, self._clock())
            if entry.xpm_time_uuid is not None or not is_free:
                return entry
            return await self._change(tx, entry, draft, state=State.NOT_LOGGED, **AT_REST)

    async def recall(self, person: Person, entry_id: str) -> Entry:
        """Takes back an entry that waits for XPM and was certainly not written, to change it. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if not can_recall(entry, self._clock()):
                return entry
            state = State.SENT if entry.act is Act.REMOVE else State.OFFERED
            resting = dict(AT_REST)
            if entry.doubtful_since is not None:
                # A day has gone by and nobody knows whether XPM has it: only a look there can tell.
                is_removal = entry.act is Act.REMOVE
                resting["reason"] = UNCLEAR if is_removal else Problem.UNSURE.value
            return await self._change(tx, entry, state=state, **resting)

    async def reopen(self, person: Person, entry_id: str) -> Entry:
        """Offers a call again that was not logged, or whose time was removed, by whomever. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            if entry.state not in (State.NOT_LOGGED, State.REMOVED) and not _is_missing(entry):
                return entry
            return await self._change(
                tx, entry, state=State.OFFERED, act=Act.ADD, xpm_time_uuid=None, **AT_REST
            )

    async def leave(self, person: Person, entry_id: str) -> Entry:
        """Leaves XPM as it was found to be, and the entry says what XPM has. Raises NotYours."""
        async with self._database.transaction() as tx:
            entry = await self._own(tx, person, entry_id)
            finding, saved = entry.finding, entry.saved
            if entry.state is not State.SENT or finding is None or saved is None:
                return entry
            if finding.kind is Difference.LEFT:
                return entry
            if _is_missing(entry):
                return await self._change(
                    tx, entry, state=State.REMOVED, xpm_time_uuid=None, **AT_REST
                )
            if finding.kind is Difference.CHANGED:
                job = finding.job_number
                saved = replace(
                    saved,
                    job_number=job,
                    job_name=saved.job_name if job == saved.job_number else "",
                    minutes=finding.minutes,
                    date=finding.date or saved.date,
                )
            left = {**resting(entry), "finding": Finding(Difference.LEFT)}
            return await self._change(tx, entry, saved=saved, **left)

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

    async def _own(
        self, tx: Asking, person: Person, entry_id: str, *, to_change: bool = True
    ) -> Entry:
        entry = await store.of_person(
            tx, person.workspace_id, person.slack_user_id, entry_id, to_change=to_change
        )
        if entry is None or person.has_left:
            raise NotYours(entry_id)
        return entry

    async def _change(
        self, tx: Transaction, entry: Entry, draft: Draft | None = None, **values: Any
    ) -> Entry:
        if draft is not None:
            filled = filled_in(entry, draft, None)
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


def _is_missing(entry: Entry) -> bool:
    """Whether XPM was found not to have the time any more."""
    return (
        entry.state is State.SENT
        and entry.finding is not None
        and entry.finding.kind is Difference.MISSING
    )
