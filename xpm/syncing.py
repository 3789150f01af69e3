"""Runs syncs durably: after connecting, when somebody asks, and by the clock; one key makes one sync."""

import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol

from xpm.api import Disconnected, TryLater, XpmError
from xpm.durable import Durable
from xpm.mirroring import Kind, Mirroring
from xpm.store import Database, Transaction
from xpm.store.connections import Connection, Sync

log = logging.getLogger(__name__)

SYNC = "sync_practice"
"""The workflow that copies the practice: (workspace id, sync id, kind); without a kind the whole, and aloud."""

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
        mirroring: Mirroring,
        durable: Durable,
        notices: SyncNotices,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._database = database
        self._mirroring = mirroring
        self._durable = durable
        self._notices = notices
        self._sleep = sleep

    async def connected(self, tx: Transaction, connection: Connection) -> None:
        """Enqueues the first sync with the connection itself."""
        key = f"first:{connection.workspace_id}:{connection.connected_at.isoformat()}"
        await self._durable.enqueue(tx, SYNC, key, connection.workspace_id, key)

    async def begin(self, workspace_id: str) -> None:
        """Enqueues a full sync that somebody asked for."""
        key = f"{workspace_id}:{uuid.uuid4().hex}"
        async with self._database.transaction() as tx:
            await self._durable.enqueue(tx, SYNC, key, workspace_id, key)

    async def begin_slot(self, workspace_id: str, kind: Kind, slot: str) -> None:
        """Enqueues the clock's sync of this kind for a slot: one, however many replicas tick."""
        key = f"{workspace_id}:{kind}:{slot}"
        async with self._database.transaction() as tx:
            await self._durable.enqueue(tx, SYNC, key, workspace_id, key, kind.value)

    async def run(self, workspace_id: str, sync_id: str, kind: str | None = None) -> None:
        """The workflow: copies, telling how far when a person waits for it; tries again while XPM is away.

        An increment is tried once: the next slot reaches back to where it stopped.
        """
        tell = self._notices.progress if kind is None else _tell_nobody
        of_kind = Kind.FULL if kind is None else Kind(kind)
        await tell(workspace_id, None)
        for _ in range(_TRIES if of_kind is Kind.FULL else 1):
            try:
                await self._mirroring.sync(workspace_id, sync_id, tell, of_kind)
            except Disconnected:
                break
            except TryLater as error:
                log.warning(
                    "sync.waits",
                    extra={"workspace": workspace_id, "kind": of_kind.value, "why": str(error)},
                )
                if of_kind is Kind.FULL:
                    await self._notices.connection_changed(workspace_id)
                    await self._sleep(error.after or _AGAIN_AFTER)
            except XpmError as error:
                log.warning("sync.failed", extra={"workspace": workspace_id, "why": str(error)})
                break
            else:
                break
        if of_kind is Kind.FULL:
            await self._notices.connection_changed(workspace_id)


async def _tell_nobody(_: str, __: Sync | None) -> None:
    """The clock's syncs are nobody's to wait for."""
