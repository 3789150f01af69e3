"""What is asked on the way to an ack, each in as few questions as can be."""

from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.connections import Connection, Sync
from xpm.store.entries import State
from xpm.store.questions import Asking, Question, columns_of
from xpm.store.workspaces import Person, Workspace

_WORKSPACE: sa.BindParameter[str] = sa.bindparam("workspace_id")
_USER: sa.BindParameter[str] = sa.bindparam("slack_user_id")


# -- who asks --------------------------------------------------------------------------------------------------------


_WHO = Question(
    sa.select(*columns_of(t.workspaces, Workspace), *columns_of(t.people, Person))
    .select_from(
        t.workspaces.outerjoin(
            t.people,
            sa.and_(
                t.people.c.workspace_id == t.workspaces.c.id, t.people.c.slack_user_id == _USER
            ),
        )
    )
    .where(
        t.workspaces.c.id == _WORKSPACE,
        t.workspaces.c.removed_at.is_(None),
        t.workspaces.c.bot_token.is_not(None),
    )
)
_WIDTH = len(fields(Workspace))


async def who(tx: Asking, workspace_id: str, slack_user_id: str) -> tuple[Workspace, Person] | None:
    """A workspace with a token of its own and the person as we know them; None where the app is not, or not so."""
    row = await _WHO.row(tx, workspace_id=workspace_id, slack_user_id=slack_user_id)
    if row is None:
        return None
    workspace, person = row[:_WIDTH], row[_WIDTH:]
    is_known = person[0] is not None
    return Workspace(*workspace), Person(*person) if is_known else Person(
        workspace_id, slack_user_id
    )


# -- how things stand ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queue:
    """The connection, who made it, this person's unfinished entries by state, and everybody's that are being sent."""

    connection: Connection | None
    connected_by: str
    own: dict[State, int]
    sending: int


_COUNTED = (State.OFFERED, State.SENDING, State.REFUSED)


def _count(state: State, *, of_person: bool) -> sa.ScalarSelect[int]:
    c = t.entries.c
    whose = [c.slack_user_id == _USER] if of_person else []
    statement = sa.select(sa.func.count()).where(c.workspace_id == _WORKSPACE, c.state == state)
    return statement.where(*whose).select_from(t.entries).scalar_subquery()


_QUEUE = Question(
    sa.select(
        *(_count(state, of_person=True) for state in _COUNTED),
        _count(State.SENDING, of_person=False),
        t.people.c.name,
        *columns_of(t.connections, Connection),
    )
    # One row, also where nothing is connected.
    .select_from(
        sa.select(sa.literal(1).label("one"))
        .subquery()
        .outerjoin(t.connections, t.connections.c.workspace_id == _WORKSPACE)
        .outerjoin(
            t.people,
            sa.and_(
                t.people.c.workspace_id == t.connections.c.workspace_id,
                t.people.c.slack_user_id == t.connections.c.connected_by,
            ),
        )
    )
)


async def queue(tx: Asking, workspace_id: str, slack_user_id: str) -> Queue:
    """What waits in a workspace, for whom, and whether XPM is connected."""
    [row] = await _QUEUE.rows(tx, workspace_id=workspace_id, slack_user_id=slack_user_id)
    end = len(_COUNTED)
    counts, sending, name, connection = row[:end], row[end], row[end + 1], row[end + 2 :]
    return Queue(
        connection=None if connection[0] is None else Connection(*connection),
        connected_by=name or "",
        own={state: count for state, count in zip(_COUNTED, counts, strict=True) if count},
        sending=sending,
    )


def _newest(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    c = t.syncs.c
    statement = sa.select(*columns_of(t.syncs, Sync)).where(
        c.workspace_id == _WORKSPACE, c.kind == "full", *conditions
    )
    newest = statement.order_by(c.started_at.desc()).limit(1).subquery()
    return sa.select(*columns_of(newest, Sync))


_SYNCS = Question(
    _newest().union_all(_newest(t.syncs.c.finished_at.is_not(None), t.syncs.c.failure.is_(None)))
)


async def syncs(tx: Asking, workspace_id: str) -> tuple[Sync | None, Sync | None]:
    """The last full sync that succeeded, and the one that runs."""
    rows = await _SYNCS.rows(tx, workspace_id=workspace_id)
    found = [Sync(*row) for row in rows]
    done = next((one for one in found if one.finished_at and one.failure is None), None)
    return done, next((one for one in found if one.finished_at is None), None)
