"""The clock: APScheduler on every replica. A tick only enqueues durable work keyed by its slot, so it fires once."""

import logging
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from xpm.clock import Clock
from xpm.store import Database
from xpm.store import connections as connection_store
from xpm.store import workspaces as workspace_store
from xpm.syncing import Syncing

log = logging.getLogger(__name__)

_KEEP_LINKS = timedelta(days=1)


class Timetable:
    """Ticks: a sync of every connected practice, and the purge of old links."""

    def __init__(
        self, database: Database, syncing: Syncing, clock: Clock, sync_minutes: int
    ) -> None:
        self._database = database
        self._syncing = syncing
        self._clock = clock
        self._sync_minutes = sync_minutes
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def start(self) -> None:
        """Starts the clock on the running loop."""
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": 60}
        self._scheduler.add_job(self.sync_all, "interval", minutes=self._sync_minutes, **options)
        self._scheduler.add_job(self.purge, "interval", hours=1, **options)
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
        """Enqueues a sync of each connected practice for the present slot."""
        slot = int(self._clock().timestamp() // (self._sync_minutes * 60))
        async with self._database.reading() as tx:
            workspaces = await workspace_store.every_id(tx)
            connected = []
            for workspace_id in workspaces:
                connection = await connection_store.get(tx, workspace_id)
                if connection is not None and connection.ended_at is None:
                    connected.append(workspace_id)
        for workspace_id in connected:
            await self._syncing.begin(workspace_id, f"slot:{slot}")

    async def purge(self) -> None:
        """Forgets links that expired a day ago."""
        async with self._database.transaction() as tx:
            await connection_store.purge_links(tx, self._clock() - _KEEP_LINKS)
