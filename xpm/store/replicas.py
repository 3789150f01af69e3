"""Which replicas live, by the database's own time."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.workspaces import upsert

_BURIED = "buried"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_KEPT = timedelta(days=1)


async def now(tx: Transaction) -> datetime | None:
    """The database's time; None on SQLite, which has no time but this process's."""
    if tx.dialect.name == "sqlite":
        return None
    moment: datetime = (await tx.execute(sa.select(sa.func.clock_timestamp()))).scalar_one()
    return moment


async def enter(tx: Transaction, name: str, mark: str, at: datetime) -> None:
    """Takes a name; whoever had it finds out with its next beat."""
    c = t.replicas.c
    await tx.execute(sa.delete(t.replicas).where(c.beat_at < at - _KEPT))
    await tx.execute(upsert(tx, t.replicas, {"name": name, "mark": mark, "beat_at": at}))


async def leave(tx: Transaction, name: str, mark: str) -> None:
    """Gives the name back."""
    c = t.replicas.c
    await tx.execute(sa.delete(t.replicas).where(c.name == name, c.mark == mark))


async def beat(tx: Transaction, name: str, mark: str, at: datetime) -> bool:
    """Says that this replica lives, also when it was taken for dead or forgotten; False when another has its name."""
    c = t.replicas.c
    await tx.execute(_unless_known(tx, name))
    done = await tx.execute(
        sa.update(t.replicas)
        .where(c.name == name, c.mark.in_((mark, _BURIED)))
        .values(mark=mark, beat_at=at)
    )
    return bool(done.rowcount)


async def living(tx: Transaction, since: datetime) -> set[str]:
    """The replicas that have beaten since then."""
    c = t.replicas.c
    rows = await tx.execute(sa.select(c.name).where(c.beat_at >= since, c.mark != _BURIED))
    return set(rows.scalars())


async def bury(tx: Transaction, name: str, at: datetime, before: datetime) -> bool:
    """Declares a replica dead that has not beaten since `before`, or never; only one of those who do so hears True."""
    await tx.execute(_unless_known(tx, name))
    c = t.replicas.c
    done = await tx.execute(
        sa.update(t.replicas)
        .where(c.name == name, c.beat_at < before)
        .values(mark=_BURIED, beat_at=at)
    )
    return bool(done.rowcount)


def _unless_known(tx: Transaction, name: str) -> sa.Executable:
    """A row for a replica of which nothing is known, dead for ever."""
    values = {"name": name, "mark": _BURIED, "beat_at": _NEVER}
    return upsert(tx, t.replicas, values, keep=("mark", "beat_at"))
