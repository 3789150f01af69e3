"""Replicas tell each other that they live, and take over what a dead one ran.

The engine recovers its own work when it is started again under the same name; work of a replica that does not come
back would wait for ever. Who lives is only about who works: what is written is decided by each entry's row, so a
replica that was merely held up, and goes on after it was taken over from, does no harm.
"""

import asyncio
import contextlib
import logging
import secrets
from datetime import datetime, timedelta
from typing import Final

from xpm.clock import Clock
from xpm.durable import Durable
from xpm.store import Database, Transaction
from xpm.store import replicas as store

log = logging.getLogger(__name__)

BEAT: Final = timedelta(seconds=5)
GRACE: Final = timedelta(seconds=30)
"""Without a beat for so long a replica counts as dead; a database that was away for a moment is no death."""

MOST_SKEW: Final = timedelta(seconds=5)
"""Times of people and calls are this process's own, so a clock that is further off is to be put right."""


class Replicas:
    """Beats for this replica and looks after the others; nobody else is there on SQLite, where all work is its own."""

    def __init__(
        self,
        database: Database,
        durable: Durable,
        clock: Clock,
        *,
        beat: timedelta = BEAT,
        grace: timedelta = GRACE,
    ) -> None:
        self._database = database
        self._durable = durable
        self._clock = clock
        self._beat = beat
        self._grace = grace
        self._token = secrets.token_hex(8)
        self._offset = timedelta(0)
        self._task: asyncio.Task[None] | None = None
        self.is_well = True
        """Whether this replica's name is its own and its clock agrees with the database's."""

    async def start(self) -> None:
        """Takes this replica's name and begins to beat."""
        async with self._database.transaction() as tx:
            await store.enter(tx, self._durable.replica, self._token, await self._ask_time(tx))
        self._task = asyncio.create_task(self._live(), name="replica-beat")

    async def stop(self) -> None:
        """Stops beating and gives the name back, so that others need not wait to take over what is left."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        async with self._database.transaction() as tx:
            await store.leave(tx, self._durable.replica, self._token)

    async def _live(self) -> None:
        while True:
            # Entering was the first beat.
            await asyncio.sleep(self._beat.total_seconds())
            try:
                await self.look()
            except Exception:
                # A database that is away for a moment is found again with the next beat.
                log.exception("replica.beat_failed")

    async def look(self) -> None:
        """One beat: says that this replica lives, and puts back into the queue what dead ones ran."""
        async with self._database.transaction() as tx:
            now = await self._ask_time(tx)
            is_ours = await store.beat(tx, self._durable.replica, self._token, now)
            living = await store.living(tx, now - self._grace)
        self._mind(is_ours, abs(self._offset))
        if not self._durable.is_running:
            # It is being started or stopped, and takes nothing over.
            return
        running = await self._durable.running_on()
        for replica, workflow_ids in running.items():
            if replica == self._durable.replica or replica in living:
                continue
            # Who changes the dead one's row takes over; the others find it changed.
            async with self._database.transaction() as tx:
                is_mine = await store.bury(tx, replica, now, now - self._grace)
            if is_mine:
                log.warning(
                    "replica.taken_over", extra={"replica": replica, "count": len(workflow_ids)}
                )
                await self._durable.take_over(workflow_ids)

    def now(self) -> datetime:
        """The database's time, by this process's clock and what it was found to be off.

        Doubt is counted by it, so that a replica whose clock is ahead does not find a window over that is not.
        """
        return self._clock() + self._offset

    async def _ask_time(self, tx: Transaction) -> datetime:
        before = self._clock()
        now = await store.now(tx) or before
        after = self._clock()
        # A database that answers slowly makes no clock differ: its time lies anywhere between the two.
        self._offset = min(now - before, timedelta(0)) + max(now - after, timedelta(0))
        return now

    def _mind(self, is_ours: bool, skew: timedelta) -> None:
        was_well, self.is_well = self.is_well, is_ours and skew <= MOST_SKEW
        if was_well and not is_ours:
            log.error("replica.name_taken", extra={"replica": self._durable.replica})
        if was_well and skew > MOST_SKEW:
            log.error("replica.clock_differs", extra={"seconds": round(skew.total_seconds(), 1)})
