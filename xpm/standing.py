"""How things stand between a workspace and its practice: read for status, help and App Home."""

import datetime as dt
from dataclasses import dataclass

from xpm.api import Limits
from xpm.clock import Clock
from xpm.store import Database, ways
from xpm.store import calls as call_store
from xpm.store.connections import Connection, Sync
from xpm.store.entries import State
from xpm.store.workspaces import Person

_NOBODYS_CALLS = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Standing:
    """The connection, the syncs and the queue, as one person may see them.

    `own` and `everyone` count entries by state, everyone's only those that are being sent;
    `nobodys_calls` are e-mail addresses with their calls;
    `calls_left` are the requests XPM still takes today, None while it has not said;
    `may_mend` says whether this person may disconnect and is shown what concerns others.
    """

    connection: Connection | None
    connected_by: str
    last_sync: Sync | None
    running_sync: Sync | None
    own: dict[State, int]
    everyone: dict[State, int]
    nobodys_calls: list[tuple[str, int]]
    may_mend: bool
    time_zone: str
    calls_left: int | None = None

    @property
    def is_connected(self) -> bool:
        """Whether XPM can be used now."""
        return self.connection is not None and self.connection.ended_at is None

    @property
    def unsaved(self) -> int:
        """How many entries of the workspace wait to be saved."""
        return self.everyone.get(State.SENDING, 0)


class Standings:
    """Reads how things stand."""

    def __init__(self, database: Database, clock: Clock, limits: Limits | None = None) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits or Limits()

    async def of(self, person: Person) -> Standing:
        """How things stand for a person in their workspace."""
        workspace_id = person.workspace_id
        async with self._database.asking() as tx:
            queue = await ways.queue(tx, workspace_id, person.slack_user_id)
            last, running = await ways.syncs(tx, workspace_id)
            connection = queue.connection
            is_theirs = person.is_admin or (
                connection is not None and connection.connected_by == person.slack_user_id
            )
            # Somebody who connected and became a guest since may do nothing any more.
            may_mend = is_theirs and not person.is_guest and not person.has_left
            since = self._clock() - _NOBODYS_CALLS
            nobodys = await call_store.of_nobody(tx, workspace_id, since) if may_mend else []
        calls_left = (
            None if connection is None else await self._limits.of(connection.tenant_id).day_left()
        )
        return Standing(
            connection=connection,
            calls_left=calls_left,
            connected_by=queue.connected_by,
            last_sync=last,
            running_sync=running,
            own=queue.own,
            everyone={State.SENDING: queue.sending} if queue.sending else {},
            nobodys_calls=nobodys,
            may_mend=may_mend,
            time_zone=person.time_zone,
        )
