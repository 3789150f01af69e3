"""Runs syncs durably: after connecting, when somebody asks, and by the clock; one key makes one sync."""

import logging
import uuid
from datetime import timedelta
from typing import Protocol

from xpm.api import Disconnected, TryLater, XpmError
from xpm.clock import Clock
from xpm.durable import Durable
from xpm.mirroring import Kind, Mirroring
from xpm.store import Database, Transaction
from xpm.store import connections as store
from xpm.store.connections import Connection, Sync

log = logging.getLogger(__name__)

SYNC = "sync_practice"
"""The workflow that copies the practice: (workspace id, sync id, kind); without a kind the whole, and aloud."""

_AGAIN_AFTER = 60.0
_TRIED_FOR = timedelta(hours=12)


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
        clock: Clock,
    ) -> None:
        self._database = database
        self._mirroring = mirroring
        self._durable = durable
        self._notices = notices
        self._clock = clock

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

    async def run(self, workspace_id: str, sync_id: str, kind: str | None = None) -> float | None:
        """The workflow: copies, telling how far when a person waits for it; tries again while XPM is away.

        An increment is tried once: the next slot reaches back to where it stopped.
        """
        tell = self._notices.progress if kind is None else _tell_nobody
        of_kind = Kind.FULL if kind is None else Kind(kind)
        await tell(workspace_id, None)
        pause = None
        try:
            await self._mirroring.sync(workspace_id, sync_id, tell, of_kind)
        except Disconnected:
            pass
        except TryLater as error:
            log.warning(
                "sync.waits",
                extra={"workspace": workspace_id, "kind": of_kind.value, "why": str(error)},
            )
            if of_kind is Kind.FULL:
                pause = await self._pause(workspace_id, sync_id, error)
        except XpmError as error:
            log.warning("sync.failed", extra={"workspace": workspace_id, "why": str(error)})
        if of_kind is Kind.FULL:
            await self._notices.connection_changed(workspace_id)
        return pause

    async def _pause(self, workspace_id: str, sync_id: str, error: TryLater) -> float | None:
        """The longer it waits the more rarely it is tried; in the end the clock has begun another full one."""
        async with self._database.reading() as tx:
            sync = await store.sync(tx, workspace_id, sync_id)
        waited = _TRIED_FOR if sync is None else self._clock() - sync.started_at
        if waited >= _TRIED_FOR:
            return None
        return max(error.after or _AGAIN_AFTER, waited.total_seconds() / 4)


async def _tell_nobody(_: str, __: Sync | None) -> None:
    """The clock's syncs are nobody's to wait for."""
