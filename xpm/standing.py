"""How things stand between a workspace and its practice: read for status, help and App Home."""

import datetime as dt
from dataclasses import dataclass

from xpm.clock import Clock
from xpm.store import Database
from xpm.store import calls as call_store
from xpm.store import connections as connection_store
from xpm.store import entries as entry_store
from xpm.store import workspaces as workspace_store
from xpm.store.connections import Connection, Sync
from xpm.store.entries import State
from xpm.store.workspaces import Person

_NOBODYS_CALLS = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Standing:
    """The connection, the syncs and the queue, as one person may see them.

    `own` and `everyone` count entries by state; `nobodys_calls` are e-mail addresses with their calls;
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

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, person: Person) -> Standing:
        """How things stand for a person in their workspace."""
        workspace_id = person.workspace_id
        async with self._database.reading() as tx:
            connection = await connection_store.get(tx, workspace_id)
            connected_by = ""
            if connection is not None:
                connected_by = (
                    await workspace_store.person(tx, workspace_id, connection.connected_by)
                ).name
            last = await connection_store.last_sync(tx, workspace_id)
            latest = await connection_store.last_sync(tx, workspace_id, finished=False)
            own = await entry_store.count_by_state(tx, workspace_id, person.slack_user_id)
            everyone = await entry_store.count_by_state(tx, workspace_id)
            may_mend = person.is_admin or (
                connection is not None and connection.connected_by == person.slack_user_id
            )
            since = self._clock() - _NOBODYS_CALLS
            nobodys = await call_store.of_nobody(tx, workspace_id, since) if may_mend else []
        return Standing(
            connection=connection,
            connected_by=connected_by,
            last_sync=last,
            running_sync=latest if latest is not None and latest.finished_at is None else None,
            own=own,
            everyone=everyone,
            nobodys_calls=nobodys,
            may_mend=may_mend,
            time_zone=person.time_zone,
        )
