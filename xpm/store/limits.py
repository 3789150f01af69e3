"""Calls to a practice and what it said of its limits, shared by every process on this database.

Xero counts by app and practice, so the key is the practice's and no workspace's:
https://developer.xero.com/documentation/guides/oauth2/limits/
"""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.workspaces import upsert


@dataclass(frozen=True, slots=True)
class Limit:
    """What was heard of a practice's limits."""

    tenant_id: str
    day_left: int | None = None
    day_left_at: dt.datetime | None = None
    day_until: dt.datetime | None = None
    paused_until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A call that began; while `leased_until` lies ahead it holds a place."""

    started_at: dt.datetime
    leased_until: dt.datetime | None


async def get(tx: Transaction, tenant_id: str) -> Limit | None:
    """What was heard of a practice's limits."""
    c = t.practice_limits.c
    row = (await tx.execute(sa.select(t.practice_limits).where(c.tenant_id == tenant_id))).first()
    return None if row is None else Limit(**row._mapping)


async def hold(tx: Transaction, tenant_id: str) -> Limit:
    """The same, held until the transaction ends: others who want a place wait here, one after the other."""
    c = t.practice_limits.c
    await tx.execute(upsert(tx, t.practice_limits, {"tenant_id": tenant_id}))
    statement = sa.select(t.practice_limits).where(c.tenant_id == tenant_id).with_for_update()
    return Limit(**(await tx.execute(statement)).one()._mapping)


async def started(tx: Transaction, tenant_id: str, since: dt.datetime) -> list[Started]:
    """The calls that began since then or still hold a place, the oldest first; forgets the others."""
    c = t.practice_calls.c
    counts = sa.or_(c.started_at > since, c.leased_until.is_not(None))
    await tx.execute(sa.delete(t.practice_calls).where(c.tenant_id == tenant_id, ~counts))
    rows = await tx.execute(
        sa.select(c.started_at, c.leased_until)
        .where(c.tenant_id == tenant_id)
        .order_by(c.started_at)
    )
    return [Started(*row) for row in rows]


async def start(
    tx: Transaction, tenant_id: str, call: str, at: dt.datetime, leased_until: dt.datetime
) -> None:
    """Notes a call that begins now."""
    await tx.execute(
        sa.insert(t.practice_calls).values(
            tenant_id=tenant_id, id=call, started_at=at, leased_until=leased_until
        )
    )


async def lease(
    tx: Transaction, tenant_id: str, call: str, leased_until: dt.datetime | None
) -> None:
    """Lets a call hold its place until then; with None it has ended and counts for its minute only."""
    c = t.practice_calls.c
    await tx.execute(
        sa.update(t.practice_calls)
        .where(c.tenant_id == tenant_id, c.id == call)
        .values(leased_until=leased_until)
    )


async def hear(tx: Transaction, limit: Limit) -> None:
    """Notes what a practice said."""
    values = {column.name: getattr(limit, column.name) for column in t.practice_limits.columns}
    await tx.execute(upsert(tx, t.practice_limits, values))


async def purge(tx: Transaction, before: dt.datetime) -> None:
    """Forgets calls that began before then: their process is gone, and no limit counts them."""
    c = t.practice_calls.c
    await tx.execute(sa.delete(t.practice_calls).where(c.started_at < before))
