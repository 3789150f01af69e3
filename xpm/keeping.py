"""Keeps connections alive that nobody uses: Xero lets a refresh token die after 60 days unused."""

import logging

from xpm.api import XpmError
from xpm.clock import Clock
from xpm.connections import IDLE, Connections
from xpm.durable import Durable
from xpm.store import Database
from xpm.store import connections as store

log = logging.getLogger(__name__)

KEEP = "keep_connection"
"""The workflow that refreshes one connection's tokens: (workspace id)."""

EVERY_HOURS = 6


class Keeping:
    """Finds idle connections on the clock and refreshes each durably, once however many replicas tick."""

    def __init__(
        self, database: Database, durable: Durable, connections: Connections, clock: Clock
    ) -> None:
        self._database = database
        self._durable = durable
        self._connections = connections
        self._clock = clock

    async def begin(self) -> None:
        """The tick: enqueues a refresh of each idle connection for the present slot."""
        now = self._clock()
        slot = int(now.timestamp() // (EVERY_HOURS * 3600))
        async with self._database.reading() as tx:
            idle = await store.idle_since(tx, now - IDLE)
        for workspace_id in idle:
            async with self._database.transaction() as tx:
                await self._durable.enqueue(tx, KEEP, f"{workspace_id}:{slot}", workspace_id)

    async def run(self, workspace_id: str) -> None:
        """The workflow; what fails is tried again in the next slot, for a month."""
        try:
            await self._connections.keep_alive(workspace_id)
        except XpmError as error:
            log.warning("connection.not_kept", extra={"workspace": workspace_id, "why": str(error)})
