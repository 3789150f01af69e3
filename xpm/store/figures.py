"""Counts over all workspaces, for whoever watches over the app; they name nobody."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.entries import UNFINISHED, State


@dataclass(frozen=True, slots=True)
class Figures:
    """How things are at one moment.

    `entries` are the unfinished ones by state with the moment the oldest was last changed; `waiting_since` is since
    when the longest waiting one waits; `synced_at` when the connected practice that is furthest behind was last copied
    whole; `calls_left` what XPM takes today of the practice that has least left.
    """

    entries: dict[State, tuple[int, datetime]]
    waiting_since: datetime | None
    connected: int
    ended: int
    synced_at: datetime | None
    calls_left: int | None


async def read(tx: Transaction) -> Figures:
    """The figures of this moment."""
    c, k, s, p = t.entries.c, t.connections.c, t.syncs.c, t.practice_limits.c
    counted = await tx.execute(
        sa.select(c.state, sa.func.count(), sa.func.min(c.changed_at))
        .where(c.state.in_(UNFINISHED))
        .group_by(c.state)
    )
    entries = {State(state): (count, oldest) for state, count, oldest in counted}
    waiting = sa.select(sa.func.min(c.waiting_since)).where(c.state == State.SENDING)
    connected = sa.select(sa.func.count()).where(k.ended_at.is_(None)).select_from(t.connections)
    ended = sa.select(sa.func.count()).where(k.ended_at.is_not(None)).select_from(t.connections)
    last = (
        sa.select(sa.func.max(s.finished_at).label("at"))
        .join(t.connections, k.workspace_id == s.workspace_id)
        .where(k.ended_at.is_(None), s.failure.is_(None), s.kind == "full")
        .group_by(s.workspace_id)
        .subquery()
    )
    left = sa.select(sa.func.min(p.day_left))
    return Figures(
        entries,
        (await tx.execute(waiting)).scalar(),
        (await tx.execute(connected)).scalar_one(),
        (await tx.execute(ended)).scalar_one(),
        (await tx.execute(sa.select(sa.func.min(last.c.at)))).scalar(),
        (await tx.execute(left)).scalar(),
    )
