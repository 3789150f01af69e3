"""Syncs beyond the last one: what an increment builds on, what is under way, and whom the clock serves."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction

FULL, CLIENTS = "full", "clients"

LONGEST = dt.timedelta(hours=6)
"""One that began longer ago and never ended has died with its process."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A connected workspace as the clock needs it; `full_began` and `full_region` tell its last full sync."""

    workspace_id: str
    connected_at: dt.datetime
    region: str
    time_zone: str
    full_began: dt.datetime | None
    full_region: str | None


async def clients_known_until(tx: Transaction, workspace_id: str) -> dt.datetime | None:
    """When the last sync began that brought every change of clients until then; None before the first full one."""
    c = t.syncs.c
    done = (
        c.workspace_id == workspace_id,
        c.finished_at.is_not(None),
        c.failure.is_(None),
    )
    full = await tx.scalar(sa.select(sa.func.max(c.started_at)).where(*done, c.kind == FULL))
    if full is None:
        return None
    some = await tx.scalar(sa.select(sa.func.max(c.started_at)).where(*done, c.kind == CLIENTS))
    since: dt.datetime = full if some is None else max(full, some)
    return since


async def running(tx: Transaction, workspace_id: str, now: dt.datetime) -> str | None:
    """The id of a sync of jobs that is under way; what is written in its name it does not sweep away."""
    c = t.syncs.c
    statement = (
        sa.select(c.id)
        .where(
            c.workspace_id == workspace_id,
            c.finished_at.is_(None),
            c.started_at > now - LONGEST,
        )
        .order_by(c.started_at.desc())
        .limit(1)
    )
    found: str | None = await tx.scalar(statement)
    return found


async def connected(tx: Transaction) -> list[Connected]:
    """Every workspace whose connection lives, in one question; for the clock only."""
    k, s, p = t.connections.c, t.syncs.c, t.people.c
    full = sa.and_(
        s.workspace_id == k.workspace_id,
        s.kind == FULL,
        s.finished_at.is_not(None),
        s.failure.is_(None),
    )
    began = sa.select(sa.func.max(s.started_at)).where(full).scalar_subquery()
    region = (
        sa.select(s.region).where(full).order_by(s.started_at.desc()).limit(1).scalar_subquery()
    )
    statement = (
        sa.select(k.workspace_id, k.connected_at, k.region, p.time_zone, began, region)
        .select_from(
            t.connections.outerjoin(
                t.people,
                sa.and_(p.workspace_id == k.workspace_id, p.slack_user_id == k.connected_by),
            )
        )
        .where(k.ended_at.is_(None))
        .order_by(k.workspace_id)
    )
    return [
        Connected(workspace, at, code, zone or "UTC", full_began, full_region)
        for workspace, at, code, zone, full_began, full_region in await tx.execute(statement)
    ]


async def purge(tx: Transaction, before: dt.datetime) -> None:
    """Forgets syncs that began before, but the last full one of each workspace."""
    c = t.syncs.c
    last = t.syncs.alias()
    newest = (
        sa.select(sa.func.max(last.c.started_at))
        .where(
            last.c.workspace_id == c.workspace_id,
            last.c.kind == FULL,
            last.c.finished_at.is_not(None),
            last.c.failure.is_(None),
        )
        .scalar_subquery()
    )
    await tx.execute(
        sa.delete(t.syncs).where(
            c.started_at < before, sa.or_(newest.is_(None), c.started_at != newest)
        )
    )
