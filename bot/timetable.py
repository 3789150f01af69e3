"""The clock: APScheduler on every replica. A tick only enqueues durable work keyed by its slot, so it fires once."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from xpm.clock import Clock
from xpm.mirroring import Kind
from xpm.rhythm import Rhythm
from xpm.store import Database, limits, links, syncs
from xpm.syncing import Syncing

log = logging.getLogger(__name__)

_FIRST = timedelta(minutes=1)
_OPTIONS = {"coalesce": True, "max_instances": 1, "misfire_grace_time": 60}
_KEEP_LINKS = timedelta(days=1)
_KEEP_SYNCS = timedelta(days=3)


class Timetable:
    """Ticks: the syncs of every connected practice, each in its rhythm, and the purge of what is old."""

    def __init__(
        self,
        database: Database,
        syncing: Syncing,
        clock: Clock,
        rhythm: Rhythm,
    ) -> None:
        self._database = database
        self._syncing = syncing
        self._clock = clock
        self._rhythm = rhythm
        self._begun: set[tuple[str, Kind, str]] = set()
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def also(
        self, tick: Callable[[], Awaitable[None]], every: timedelta = timedelta(hours=1)
    ) -> None:
        """Adds a tick; it does its own counting of slots.

        The first comes within a minute: a process that starts often would otherwise never get to the rare ones, and
        what a crash left behind is best looked for right after it.
        """
        first = datetime.now(UTC) + min(every, _FIRST)
        self._scheduler.add_job(
            tick, "interval", seconds=every.total_seconds(), start_date=first, **_OPTIONS
        )

    def start(self) -> None:
        """Starts the clock on the running loop."""
        self.also(self.sync_all, timedelta(minutes=1))
        self.also(self.purge)
        self._scheduler.start()

    def stop(self) -> None:
        """Stops the clock."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    @property
    def is_running(self) -> bool:
        """Whether the clock goes."""
        return bool(self._scheduler.running)

    async def sync_all(self) -> None:
        """Enqueues the syncs that are due, each under the name of its slot."""
        now = self._clock()
        async with self._database.reading() as tx:
            connected = await syncs.connected(tx)
        due = {
            (workspace.workspace_id, kind, slot)
            for workspace in connected
            for kind, slot in self._rhythm.due(workspace, now)
        }
        for workspace_id, kind, slot in sorted(due - self._begun):
            await self._syncing.begin_slot(workspace_id, kind, slot)
        # What is still due is remembered only to spare the database: its key would not begin twice either.
        self._begun = due

    async def purge(self) -> None:
        """Forgets links that expired a day ago, old syncs, and calls that no limit counts any more."""
        async with self._database.transaction() as tx:
            await links.purge(tx, self._clock() - _KEEP_LINKS)
            await syncs.purge(tx, self._clock() - _KEEP_SYNCS)
            await limits.purge(tx, self._clock() - _KEEP_LINKS)
