"""What follows when a connection is made, ended by Xero or deleted: people are told, and open calls say how it stands.

Each is a workflow enqueued in the transaction that changes the connection, so that it happens though the process dies.
"""

import logging
from datetime import datetime, timedelta
from typing import Protocol

from xpm.api import TryLater
from xpm.choices import Problem, problems
from xpm.clock import Clock
from xpm.durable import Durable
from xpm.store import Database, Transaction, audit
from xpm.store import connections as store
from xpm.store import entries as entry_store
from xpm.store.connections import Connection
from xpm.store.entries import Entry, State

log = logging.getLogger(__name__)

SAY_ENDED = "say_connection_ended"
"""Tells the person who connected, once: (workspace id, when it was connected)."""

SHOW_OPEN = "show_open_entries"
"""Makes the messages of open calls say how it stands: (workspace id, MADE or DELETED, since when or empty)."""

SHOW_ENTRY = "show_entry"
"""Makes one entry's message show how it stands: (workspace id, entry id)."""

MADE, DELETED = "made", "deleted"
SHOWN_FOR = timedelta(days=14)
"""Calls that nobody has touched for longer are not shown anew.

Slack takes some 50 changed messages a minute (https://docs.slack.dev/apis/web-api/rate-limits), and those of people who
work just now must not wait behind a year of calls nobody wanted. A click on an old one tells how it stands, and from
then on it follows as the young ones do.
"""

_AGAIN_AFTER = 10.0
_LOOK_SECONDS = 3.0
_COPIED_WITHIN = timedelta(hours=1)
_OURS = frozenset({Problem.DISCONNECTED, Problem.NOT_CONNECTED})


class ConnectionNotices(Protocol):
    """How people hear of it; kept by the edge. All but `connection_changed` raise TryLater while Slack is away."""

    async def ended(self, connection: Connection, waiting: int) -> tuple[str, str]:
        """Tells whoever connected, by direct message; where it stands: channel and timestamp, empty if refused."""
        ...

    async def show(self, workspace_id: str, entry_id: str) -> None:
        """Makes the entry's message show the entry as it stands."""
        ...

    async def connection_changed(self, workspace_id: str) -> None:
        """Lets App Home follow."""
        ...


class Following:
    """Enqueues what follows from a change of the connection, and carries it through."""

    def __init__(
        self,
        database: Database,
        durable: Durable,
        notices: ConnectionNotices,
        clock: Clock,
    ) -> None:
        self._database = database
        self._durable = durable
        self._notices = notices
        self._clock = clock

    # -- in the transaction of the change ---------------------------------------------------------------------------

    async def made(self, tx: Transaction, connection: Connection) -> None:
        """Open calls that said that XPM is not connected are shown anew."""
        workspace_id = connection.workspace_id
        since = await audit.last(tx, workspace_id, ["connection.ended", "connection.deleted"])
        said = since.isoformat() if since is not None else ""
        await self._enqueue(tx, SHOW_OPEN, connection, MADE, MADE, said)

    async def ended(self, tx: Transaction, connection: Connection) -> None:
        """Whoever connected is told."""
        await self._enqueue(tx, SAY_ENDED, connection, "", connection.connected_at.isoformat())

    async def deleted(self, tx: Transaction, connection: Connection) -> None:
        """Open calls say that XPM was disconnected."""
        await self._enqueue(tx, SHOW_OPEN, connection, DELETED, DELETED, "")

    async def _enqueue(
        self, tx: Transaction, workflow: str, connection: Connection, why: str, *arguments: str
    ) -> None:
        workspace_id = connection.workspace_id
        key = f"{workspace_id}:{connection.connected_at.isoformat()}:{why}"
        await self._durable.enqueue(tx, workflow, key, workspace_id, *arguments)

    # -- after a click ------------------------------------------------------------------------------------------------

    async def show(self, workspace_id: str, entry_id: str) -> None:
        """Makes the entry's message show how it stands: now, or as soon as Slack takes it, without another click."""
        try:
            await self._notices.show(workspace_id, entry_id)
        except TryLater as error:
            log.info("entry.shown_later", extra={"entry": entry_id, "why": str(error)})
            key = f"{entry_id}:{self._clock().isoformat()}"
            async with self._database.transaction() as tx:
                await self._durable.enqueue(tx, SHOW_ENTRY, key, workspace_id, entry_id)

    # -- the workflows ------------------------------------------------------------------------------------------------

    async def say_ended(self, workspace_id: str, connected_at: str) -> float | None:
        """The workflow: one direct message for one ended connection, however often it is begun again."""
        async with self._database.reading() as tx:
            connection = await store.get(tx, workspace_id)
            counts = await entry_store.count_by_state(tx, workspace_id)
        if (
            connection is not None
            and not connection.is_live
            and connection.told_ended_at is None
            and connection.connected_at.isoformat() == connected_at
        ):
            try:
                channel, ts = await self._notices.ended(connection, counts.get(State.SENDING, 0))
            except TryLater as error:
                return error.after or _AGAIN_AFTER
            async with self._database.transaction() as tx:
                await store.told_ended(tx, connection, self._clock(), channel, ts)
        await self._notices.connection_changed(workspace_id)
        return None

    async def show_open(self, workspace_id: str, why: str, since: str) -> float | None:
        """The workflow: each open call with a message is marked or freed, and shown; what was chosen is kept."""
        async with self._database.reading() as tx:
            connection = await store.get(tx, workspace_id)
            copied = await store.last_sync(tx, workspace_id)
            found = await entry_store.open_with_message(tx, workspace_id, self._clock() - SHOWN_FOR)
        if why == MADE and copied is None and self._is_young(connection):
            # Before the first copy of the practice nobody has a staff record and nothing has jobs.
            return _LOOK_SECONDS
        for entry in found:
            if why == DELETED:
                is_concerned = True
            else:
                was_disconnected = since == "" or entry.changed_at >= datetime.fromisoformat(since)
                is_concerned = was_disconnected or bool(_OURS & set(problems(entry)))
            if is_concerned:
                await self._show_later(entry, why)
        log.info("entries.shown_anew", extra={"workspace": workspace_id, "count": len(found)})
        return None

    def _is_young(self, connection: Connection | None) -> bool:
        return (
            connection is not None
            and connection.is_live
            and self._clock() - connection.connected_at < _COPIED_WITHIN
        )

    async def _show_later(self, entry: Entry, why: str) -> None:
        workspace_id = entry.workspace_id
        async with self._database.transaction() as tx:
            connection = await store.get(tx, workspace_id)
            is_connected = connection is not None and connection.is_live
            if is_connected == (why == DELETED):
                # It has changed again since; the workflow of that change tells how it stands.
                return
            now = self._clock()
            await _mark(tx, entry, now, is_connected=is_connected)
            at = connection.connected_at if connection is not None else now
            key = f"{entry.id}:{why}:{at.isoformat()}"
            await self._durable.enqueue(tx, SHOW_ENTRY, key, workspace_id, entry.id)

    async def show_entry(self, workspace_id: str, entry_id: str) -> float | None:
        """The workflow: one message, shown as its entry stands."""
        try:
            await self._notices.show(workspace_id, entry_id)
        except TryLater as error:
            return error.after or _AGAIN_AFTER
        return None


async def _mark(tx: Transaction, entry: Entry, now: datetime, *, is_connected: bool) -> None:
    """Puts our own remark on an offer, or takes it off; a refusal keeps XPM's words."""
    if entry.state is not State.OFFERED:
        return
    others = [problem for problem in problems(entry) if problem not in _OURS]
    wanted = others if is_connected else [*others, Problem.DISCONNECTED]
    reason = ",".join(wanted) or None
    if reason != entry.reason:
        # Somebody who clicks at this moment wins: their message is shown anew by their own click.
        await entry_store.change(tx, entry, changed_at=now, reason=reason)
