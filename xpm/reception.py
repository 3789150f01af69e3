"""Receives ended calls, each once, and asks the person who took them.

Store, then answer: a call and the work it makes are committed together before the phone system hears yes.
"""

import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from xpm.api import Disconnected, Rejected, TryLater
from xpm.calls import EndedCall, Rules, Told, outside_of
from xpm.clock import Clock
from xpm.connections import Connections
from xpm.directory import Directory
from xpm.durable import Durable
from xpm.entries import Entries
from xpm.gathering import (
    GIVEN_WAY,
    OFFER,
    OFFER_IN_TURN,
    RETELL,
    Gathering,
    asked_since,
    forgotten_before,
)
from xpm.matching import outside_numbers
from xpm.notices import Notices
from xpm.store import Database, Transaction
from xpm.store import calls as store
from xpm.store import entries as entry_store
from xpm.store import phones as phone_store
from xpm.store.calls import Call
from xpm.store.workspaces import Person, PhoneSystem
from xpm.taking import Taking

log = logging.getLogger(__name__)

__all__ = ["OFFER", "OFFER_IN_TURN", "REFRESH", "RETELL", "FindPerson", "Reception"]

REFRESH = "refresh_jobs"
"""The workflow that fetches the jobs of a call's clients and person anew: (workspace id, call id)."""

_AGAIN_AFTER = 5.0
_REFRESHED_AGAIN_AFTER = 15.0
_REFRESHED_WITHIN = dt.timedelta(minutes=3)
"""After a call its message is open; later somebody who misses a job types its ID."""
_TEST_SECONDS = 720
_POSTED_WITHIN = dt.timedelta(hours=1)

FindPerson = Callable[[str, str], Awaitable[Person | None]]
"""Finds somebody in a workspace by e-mail address; raises TryLater when Slack does not answer."""


class Reception:
    """Takes calls in and offers them to their people."""

    def __init__(
        self,
        database: Database,
        connections: Connections,
        directory: Directory,
        entries: Entries,
        durable: Durable,
        notices: Notices,
        find_person: FindPerson,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self._database = database
        self._connections = connections
        self._directory = directory
        self._entries = entries
        self._durable = durable
        self._notices = notices
        self._find_person = find_person
        self._clock = clock
        self._rules = rules
        self._gathering = Gathering(durable, rules)
        self._taking = Taking(database, self._take)

    async def receive(self, system: PhoneSystem, told: Sequence[Told]) -> int:
        """Keeps what was told and enqueues asking about calls worth it; how many calls of people are new.

        What the system tells at the same moment is written together, and the first to have told it is told of all.
        """
        return await self._taking.take(system, told) if told else 0

    async def _take(self, tx: Transaction, system: PhoneSystem, told: Sequence[Told]) -> int:
        return await self._gathering.take(tx, system, told, self._clock())

    async def test(self, system: PhoneSystem, person: Person, key: str) -> None:
        """Lets a call come to a person that is made up, as if the phone system had told it: the same `key`, one call.

        It goes the way of every call, whatever the rules ask about, and can never become a time in XPM.
        """
        now = self._clock()
        async with self._database.asking() as tx:
            rules = await phone_store.rules(tx, system.workspace_id, self._rules)
        seconds = max(_TEST_SECONDS, rules.minimum_seconds)
        made_up = EndedCall(
            source_id=f"test:{key}",
            email=person.email or "",
            direction="inbound",
            numbers=(),
            caller_name=None,
            is_answered=True,
            is_internal=False,
            started_at=now - dt.timedelta(seconds=seconds),
            answered_at=now - dt.timedelta(seconds=seconds),
            ended_at=now,
        )
        # By itself: written together with what the system tells, one would be taken for the other.
        async with self._database.transaction() as tx:
            await self._take(tx, replace(system, kind=store.TEST), [made_up])

    async def mend(
        self, system: PhoneSystem, staff: str, email: str | None, *, by: str | None = None
    ) -> int:
        """Says who stands behind a phone system's own name, None for nobody; how many calls are asked about now."""
        now = self._clock()
        async with self._database.transaction() as tx:
            await phone_store.mend(tx, system.workspace_id, system.id, staff, email, now, by=by)
            if email is None:
                return 0
            return await self._gathering.mended(
                tx, system.workspace_id, system.id, staff, email, now
            )

    async def ask_mended(self) -> None:
        """Asks about calls whose person was named on the command line since. A tick of the clock."""
        now = self._clock()
        async with self._database.reading() as tx:
            people = await phone_store.mended_since_unknown(tx, asked_since(now))
        for one in people:
            async with self._database.transaction() as tx:
                await self._gathering.mended(
                    tx, one.workspace_id, one.phone_system_id, one.staff, one.email or "", now
                )

    async def purge(self) -> None:
        """Forgets what was told so long ago that nothing more can come. A tick of the clock."""
        async with self._database.transaction() as tx:
            await phone_store.purge_tellings(tx, forgotten_before(self._clock()))

    async def offer(self, workspace_id: str, call_id: str) -> float | None:
        """The workflow: finds the person and the clients, makes the entry, and posts its message.

        Returns the seconds after which to try again while Slack is away.
        """
        return await self._offer(workspace_id, call_id, is_one_of_many=False)

    async def offer_in_turn(self, workspace_id: str, call_ids: Sequence[str]) -> float | None:
        """The workflow for calls of a system that tells very many: one at each run, with jobs as the mirror has them.

        To fetch jobs afresh for each would take XPM's limits from everybody else for hours.
        """
        for call_id in call_ids:
            async with self._database.reading() as tx:
                call = await store.get(tx, workspace_id, call_id)
                unshown = await entry_store.unshown_of_call(tx, workspace_id, call_id)
            is_next = call is not None and call.outcome == store.WAITING
            if is_next or unshown:
                pause = await self._offer(workspace_id, call_id, is_one_of_many=True)
                if pause is not None:
                    return pause
            if is_next:
                return 0.0
        return None

    async def _offer(
        self, workspace_id: str, call_id: str, *, is_one_of_many: bool
    ) -> float | None:
        async with self._database.asking() as tx:
            call = await store.get(tx, workspace_id, call_id)
        if call is None:
            return None
        try:
            if call.outcome == store.WAITING:
                now = self._clock()
                if call.offer_at is not None and call.offer_at > now:
                    return (call.offer_at - now).total_seconds()
                await self._make_entry(call, is_one_of_many=is_one_of_many)
            await self._show(call)
        except TryLater as error:
            return error.after or _AGAIN_AFTER
        return None

    async def _make_entry(self, call: Call, *, is_one_of_many: bool) -> None:
        person = await self._find_person(call.workspace_id, call.email) if call.email else None
        if person is None or person.has_left:
            async with self._database.transaction() as tx:
                await store.conclude(tx, call.workspace_id, call.id, store.UNKNOWN_PERSON)
            log.info("call.of_nobody", extra={"call": call.id})
            return
        connection = await self._connections.of(call.workspace_id)
        region = connection.region if connection else "NZ"
        async with self._database.asking() as tx:
            rules = await phone_store.rules(tx, call.workspace_id, self._rules)
        numbers = outside_numbers(outside_of(call.numbers, rules, region), region)
        parties = tuple(
            await self._directory.parties(call.workspace_id, numbers, person.slack_user_id)
        )
        async with self._database.transaction() as tx:
            await phone_store.take_turn(tx, call.phone_system_id, call.source_id)
            now_told = await store.get(tx, call.workspace_id, call.id)
            if now_told is None or now_told.outcome != store.WAITING:
                return
            if await self._has_asked(tx, now_told, person):
                await store.conclude(tx, call.workspace_id, call.id, GIVEN_WAY)
                return
            await store.conclude(tx, call.workspace_id, call.id, store.OFFERED, parties)
            kept = await store.get(tx, call.workspace_id, call.id)
            if kept is not None:
                await self._entries.offer(tx, kept, person, region)
            if not is_one_of_many:
                await self._durable.enqueue(tx, REFRESH, call.id, call.workspace_id, call.id)

    async def _has_asked(self, tx: Transaction, call: Call, person: Person) -> bool:
        """Whether this person was asked about the same call under another name that the phone system has for them."""
        found = await store.of_sources(
            tx, call.workspace_id, call.phone_system_id, [call.source_id]
        )
        for other in found.get(call.source_id, []):
            if other.id != call.id:
                entries = await entry_store.of_call(tx, call.workspace_id, other.id)
                if any(entry.slack_user_id == person.slack_user_id for entry in entries):
                    return True
        return False

    async def retell(self, workspace_id: str, call_id: str) -> float | None:
        """The workflow: brings the messages about a call up to what was told of it later."""
        async with self._database.reading() as tx:
            call = await store.get(tx, workspace_id, call_id)
            entries = await entry_store.of_call(tx, workspace_id, call_id)
        try:
            for entry in entries:
                if entry.message_ts is not None:
                    await self._notices.show(workspace_id, entry.id)
        except TryLater as error:
            return error.after or _AGAIN_AFTER
        # A message that is being posted just now may have been written before this was told.
        is_posted = all(entry.message_ts is not None for entry in entries)
        is_old = call is None or self._clock() - call.received_at > _POSTED_WITHIN
        return None if is_posted or is_old else _AGAIN_AFTER

    async def _show(self, call: Call) -> None:
        async with self._database.reading() as tx:
            entries = await entry_store.unshown_of_call(tx, call.workspace_id, call.id)
        for entry in entries:
            await self._notices.show(call.workspace_id, entry.id)

    async def refresh(self, workspace_id: str, call_id: str) -> float | None:
        """The workflow: fetches the jobs of the call's clients and person, so that a job made just now is in the menu.

        The mirror serves when XPM is away: this is a courtesy and gives up a few minutes after the call. Returns the
        seconds after which to try again until then.
        """
        async with self._database.asking() as tx:
            call = await store.get(tx, workspace_id, call_id)
        if call is None:
            return None
        staff = await self._directory.staff_member(workspace_id, call.email)
        clients = list(
            dict.fromkeys(party.client_uuid for party in call.parties if party.client_uuid)
        )
        try:
            await self._directory.refresh_jobs(workspace_id, clients, staff.uuid if staff else None)
        except (Disconnected, Rejected, TryLater) as error:
            log.info("jobs.not_refreshed", extra={"call": call_id, "why": type(error).__name__})
            if isinstance(error, TryLater):
                pause = max(error.after or 0.0, _REFRESHED_AGAIN_AFTER)
                if (
                    self._clock() + dt.timedelta(seconds=pause)
                    < call.received_at + _REFRESHED_WITHIN
                ):
                    return pause
        return None
