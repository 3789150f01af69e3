"""Runs syncs durably: after connecting, when somebody asks, and by the clock; one key makes one sync."""

import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

from xpm.api import Disconnected, TryLater, XpmError
from xpm.directory import Directory
from xpm.durable import Durable
from xpm.store import Database, Transaction
from xpm.store.connections import Connection, Sync

log = logging.getLogger(__name__)

SYNC = "sync_practice"
"""The workflow that copies the practice: (workspace id, sync id)."""

_AGAIN_AFTER = 60.0
_TRIES = 10


class SyncNotices(Protocol):
    """How people hear of a sync; kept by the edge. Never raises: a sync does not fail because Slack is away."""

    async def progress(self, workspace_id: str, sync: Sync | None) -> None:
        """Shows how far a sync is, or that one is about to begin."""
        ...

    async def connection_changed(self, workspace_id: str) -> None:
        """Lets App Home follow."""
        ...


class Syncing:
    """Begins syncs and carries them through."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        durable: Durable,
        notices: SyncNotices,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._database = database
        self._directory = directory
        self._durable = durable
        self._notices = notices
        self._sleep = sleep

    async def connected(self, tx: Transaction, connection: Connection) -> None:
        """Enqueues the first sync with the connection itself."""
        key = f"first:{connection.workspace_id}:{connection.connected_at.isoformat()}"
        await self._durable.enqueue(tx, SYNC, key, connection.workspace_id, key)

    async def begin(self, workspace_id: str, slot: str | None = None) -> None:
        """Enqueues a sync; with a `slot` of the clock only one for it, however many replicas tick."""
        key = f"{workspace_id}:{slot or uuid.uuid4().hex}"
        async with self._database.transaction() as tx:
            await self._durable.enqueue(tx, SYNC, key, workspace_id, key)

    async def run(self, workspace_id: str, sync_id: str) -> None:
        """The workflow: copies, telling how far; tries again while XPM is away."""
        await self._notices.progress(workspace_id, None)
        for _ in range(_TRIES):
            try:
                await self._directory.sync(workspace_id, sync_id, self._notices.progress)
            except Disconnected:
                break
            except TryLater as error:
                log.warning("sync.waits", extra={"workspace": workspace_id, "why": str(error)})
                await self._notices.connection_changed(workspace_id)
                await self._sleep(error.after or _AGAIN_AFTER)
            except XpmError as error:
                log.warning("sync.failed", extra={"workspace": workspace_id, "why": str(error)})
                break
            else:
                break
        await self._notices.connection_changed(workspace_id)
