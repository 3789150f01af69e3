"""When a workspace removes the app: nothing more is sent at once, its practice is left, its data goes after a grace.

Who comes back within the grace finds everything but the connection to XPM, which is made anew.
"""

import logging
from datetime import datetime, timedelta

from xpm.clock import Clock
from xpm.connections import Connections
from xpm.durable import Durable
from xpm.store import Database, audit, installed
from xpm.withdrawing import Withdrawing

log = logging.getLogger(__name__)

LEAVE = "leave_practice"
"""The workflow that leaves XPM for a removed workspace: (workspace id, when it was removed)."""


class Leaving:
    """Marks workspaces removed, leaves their practices, erases them when their grace is over."""

    def __init__(
        self,
        database: Database,
        durable: Durable,
        connections: Connections,
        withdrawing: Withdrawing,
        clock: Clock,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._durable = durable
        self._connections = connections
        self._withdrawing = withdrawing
        self._clock = clock
        self._grace = grace

    async def remove(self, *workspace_ids: str) -> None:
        """Marks workspaces removed, or an organisation with all it serves; a second time changes nothing."""
        now = self._clock()
        gone: list[str] = []
        async with self._database.transaction() as tx:
            for workspace_id in workspace_ids:
                gone += await installed.remove(tx, workspace_id, now)
            for one in gone:
                await audit.note(tx, audit.Fact(now, one, "workspace.removed"))
                await self._durable.enqueue(
                    tx, LEAVE, f"{one}:{now.isoformat()}", one, now.isoformat()
                )
        for one in gone:
            log.info("workspace.removed", extra={"workspace": one})

    async def leave(self, workspace_id: str, removed_at: str) -> None:
        """The workflow: deletes the connection at Xero, revokes the grant, forgets tokens and mirror.

        A consent that was under way is given back as well. A connection made after the removal, by a workspace that
        came back meanwhile, stays.
        """
        await self._withdrawing.of_removed(workspace_id)
        connection = await self._connections.of(workspace_id)
        if connection is not None and connection.connected_at <= datetime.fromisoformat(removed_at):
            await self._connections.disconnect(workspace_id, None)

    async def erase_due(self) -> None:
        """Erases what was removed before the grace began, but for the audit log. A tick of the clock."""
        now = self._clock()
        async with self._database.reading() as tx:
            due = await installed.removed_before(tx, now - self._grace)
        for workspace_id in due:
            # Once more, in case XPM could not be left: nothing of it may outlive the row.
            await self.leave(workspace_id, now.isoformat())
            async with self._database.transaction() as tx:
                if not await installed.erase(tx, workspace_id, now - self._grace):
                    continue
                await audit.note(tx, audit.Fact(now, workspace_id, "workspace.erased"))
            await self._durable.forget(workspace_id)
            log.info("workspace.erased", extra={"workspace": workspace_id})
