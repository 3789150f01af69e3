"""Nothing stands still in silence: what lost its workflow gets another, and who waits for a day is told.

The net under the engine. A workflow is enqueued with its row, runs again after a crash and is taken over from a dead
replica; should one be lost all the same, its row tells here.
"""

import logging
from datetime import datetime, timedelta
from typing import Final, Protocol

from xpm.api import TryLater
from xpm.choices import OVERDUE, is_overdue
from xpm.clock import Clock
from xpm.durable import Durable
from xpm.entries import SETTLE, Entries
from xpm.reception import OFFER, OFFER_IN_TURN
from xpm.store import Database, Transaction, watch
from xpm.store import entries as store
from xpm.store.entries import Entry, State

log = logging.getLogger(__name__)

REMIND: Final = "remind_of_waiting"
"""Tells somebody what has waited for a day: (workspace id, person)."""

EVERY: Final = timedelta(minutes=10)
_STILL: Final = timedelta(minutes=10)
_AGAIN_AFTER = 60.0


class Reminders(Protocol):
    """How a person is reminded; kept by the edge."""

    async def still_waiting(
        self, workspace_id: str, slack_user_id: str, waiting: list[Entry]
    ) -> None:
        """Says that these have waited for a day or more, and what for. Raises TryLater."""
        ...


class Watching:
    """Looks over everything that should move, every ten minutes."""

    def __init__(
        self,
        database: Database,
        durable: Durable,
        entries: Entries,
        notices: Reminders,
        clock: Clock,
    ) -> None:
        self._database = database
        self._durable = durable
        self._entries = entries
        self._notices = notices
        self._clock = clock

    async def look(self) -> None:
        """The tick; each slot's findings have one key, so that replicas that look at once do the same once."""
        now = self._clock()
        slot = int(now.timestamp() // EVERY.total_seconds())
        async with self._database.reading() as tx:
            entries = await watch.still_entries(tx, now - _STILL, now - OVERDUE)
            calls = await watch.still_calls(tx, now - _STILL)
            stranded = await watch.stranded(tx)
            overdue = await watch.overdue(tx, now - OVERDUE, now - OVERDUE)
        for workspace_id, entry_id, version in entries:
            if not await self._durable.is_under_way(SETTLE, f"{entry_id}:"):
                await self._begin(SETTLE, f"{entry_id}:{version}:{slot}", workspace_id, entry_id)
        in_turn = await self._in_turn() if calls else set()
        for workspace_id, call_id in calls:
            if call_id not in in_turn and not await self._durable.is_under_way(OFFER, call_id):
                await self._begin(OFFER, f"{call_id}:{slot}", workspace_id, call_id)
        for workspace_id in stranded:
            async with self._database.transaction() as tx:
                await self._entries.resume(tx, workspace_id)
        for workspace_id, person in overdue:
            await self._remind_later(workspace_id, person, now, slot)

    async def _in_turn(self) -> set[str]:
        """The calls of crowds that are going to be asked about."""
        portions = await self._durable.arguments_of(OFFER_IN_TURN)
        return {call_id for _, call_ids in portions for call_id in call_ids}

    async def _begin(self, name: str, key: str, workspace_id: str, identity: str) -> None:
        log.warning("work.begun_anew", extra={"workflow": name, "entry": identity})
        async with self._database.transaction() as tx:
            await self._durable.enqueue(tx, name, key, workspace_id, identity)

    async def _remind_later(self, workspace_id: str, person: str, now: datetime, slot: int) -> None:
        async with self._database.transaction() as tx:
            waiting = await self._waiting(tx, workspace_id, person)
            if any(
                one.reminded_at is not None and now - one.reminded_at < OVERDUE for one in waiting
            ):
                # Another replica came before, between our question and this.
                return
            is_first = False
            for entry in waiting:
                # Of replicas that look at once, whoever marks the entries reminds.
                changed = await store.change(tx, entry, reminded_at=now)
                if changed is not None:
                    is_first = True
                    # Its message is to offer more from now on.
                    key = f"{changed.id}:{changed.version}:overdue"
                    await self._durable.enqueue(tx, SETTLE, key, workspace_id, changed.id)
            if is_first:
                key = f"{workspace_id}:{person}:{slot}"
                await self._durable.enqueue(tx, REMIND, key, workspace_id, person)

    async def _waiting(self, tx: Transaction, workspace_id: str, person: str) -> list[Entry]:
        sending = await store.in_state(tx, workspace_id, State.SENDING)
        now = self._clock()
        return [one for one in sending if one.slack_user_id == person and is_overdue(one, now)]

    async def remind(self, workspace_id: str, person: str) -> float | None:
        """The workflow: one message for all that waits; none when it was saved meanwhile."""
        async with self._database.reading() as tx:
            waiting = await self._waiting(tx, workspace_id, person)
        if not waiting:
            return None
        try:
            await self._notices.still_waiting(workspace_id, person, waiting)
        except TryLater as error:
            return error.after or _AGAIN_AFTER
        return None
