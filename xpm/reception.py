"""Receives ended calls, each once, and asks the person who took them.

Store, then answer: a call and the work it makes are committed together before the phone system hears yes.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence

from xpm.api import Disconnected, TryLater
from xpm.calls import EndedCall, Rules, talk_seconds, why_not_offered
from xpm.clock import Clock
from xpm.connections import Connections
from xpm.directory import Directory
from xpm.durable import Durable
from xpm.entries import Entries
from xpm.matching import outside_numbers
from xpm.settling import Notices
from xpm.store import Database
from xpm.store import calls as store
from xpm.store import entries as entry_store
from xpm.store.calls import Call
from xpm.store.workspaces import Person, PhoneSystem

log = logging.getLogger(__name__)

OFFER = "offer_call"
"""The workflow that asks a call's person: (workspace id, call id)."""

REFRESH = "refresh_jobs"
"""The workflow that fetches the jobs of a call's clients and person anew: (workspace id, call id)."""

_AGAIN_AFTER = 5.0

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

    async def receive(self, system: PhoneSystem, ended: Sequence[EndedCall]) -> int:
        """Keeps the calls that are new and enqueues asking about those worth it; how many were new."""
        new = 0
        async with self._database.transaction() as tx:
            for one in ended:
                why_not = why_not_offered(one, self._rules)
                call = self._call(system, one, why_not)
                if not await store.add(tx, call):
                    continue
                new += 1
                log.info("call.received", extra={"call": call.id, "outcome": call.outcome})
                if why_not is None:
                    await self._durable.enqueue(tx, OFFER, call.id, call.workspace_id, call.id)
        return new

    def _call(self, system: PhoneSystem, ended: EndedCall, why_not: str | None) -> Call:
        seconds, includes_ringing = talk_seconds(ended)
        return Call(
            workspace_id=system.workspace_id,
            id=uuid.uuid4().hex,
            phone_system_id=system.id,
            source_id=ended.source_id,
            email=ended.email.casefold(),
            direction=ended.direction,
            numbers=ended.numbers,
            caller_name=ended.caller_name,
            is_answered=ended.is_answered,
            is_internal=ended.is_internal,
            started_at=ended.started_at,
            ended_at=ended.ended_at,
            seconds=seconds,
            includes_ringing=includes_ringing,
            notes=ended.notes,
            received_at=self._clock(),
            outcome=why_not or store.WAITING,
        )

    async def offer(self, workspace_id: str, call_id: str) -> float | None:
        """The workflow: finds the person and the clients, makes the entry, and posts its message.

        Returns the seconds after which to try again while Slack is away.
        """
        async with self._database.reading() as tx:
            call = await store.get(tx, workspace_id, call_id)
        if call is None:
            return None
        try:
            if call.outcome == store.WAITING:
                await self._make_entry(call)
            await self._show(call)
        except TryLater as error:
            return error.after or _AGAIN_AFTER
        return None

    async def _make_entry(self, call: Call) -> None:
        person = await self._find_person(call.workspace_id, call.email)
        if person is None or person.has_left:
            async with self._database.transaction() as tx:
                await store.conclude(tx, call.workspace_id, call.id, store.UNKNOWN_PERSON)
            log.info("call.of_nobody", extra={"call": call.id})
            return
        connection = await self._connections.of(call.workspace_id)
        region = connection.region if connection else "NZ"
        numbers = outside_numbers(call.numbers, region)
        parties = tuple(await self._directory.parties(call.workspace_id, numbers))
        async with self._database.transaction() as tx:
            await store.conclude(tx, call.workspace_id, call.id, store.OFFERED, parties)
            kept = await store.get(tx, call.workspace_id, call.id)
            if kept is not None:
                await self._entries.offer(tx, kept, person, region)
            await self._durable.enqueue(tx, REFRESH, call.id, call.workspace_id, call.id)

    async def _show(self, call: Call) -> None:
        async with self._database.reading() as tx:
            entries = await entry_store.unshown_of_call(tx, call.workspace_id, call.id)
        for entry in entries:
            await self._notices.show(call.workspace_id, entry.id)

    async def refresh(self, workspace_id: str, call_id: str) -> None:
        """The workflow: fetches the jobs of the call's clients and person, so that a job made just now is in the menu.

        The mirror serves when XPM is away: this is a courtesy and gives up at the first failure.
        """
        async with self._database.reading() as tx:
            call = await store.get(tx, workspace_id, call_id)
        if call is None:
            return
        staff = await self._directory.staff_member(workspace_id, call.email)
        clients = list(
            dict.fromkeys(party.client_uuid for party in call.parties if party.client_uuid)
        )
        try:
            await self._directory.refresh_jobs(workspace_id, clients, staff.uuid if staff else None)
        except (Disconnected, TryLater) as error:
            log.info("jobs.not_refreshed", extra={"call": call_id, "why": type(error).__name__})
