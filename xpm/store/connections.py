"""A workspace's connection to its practice, the links that lead to it, and its syncs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.questions import Asking, Question, columns_of
from xpm.store.workspaces import upsert
from xpm.vault import Sealed


@dataclass(frozen=True, slots=True)
class Connection:
    """A workspace's link to one practice. `id` is Xero's connection id, needed to delete it; not the tenant's."""

    workspace_id: str
    id: str
    tenant_id: str
    practice: str
    region: str
    connected_by: str
    connected_at: datetime
    access_token: Sealed
    refresh_token: Sealed
    expires_at: datetime
    refreshed_at: datetime | None = None
    token_version: int = 0
    lease: str | None = None
    lease_until: datetime | None = None
    ended_at: datetime | None = None
    ended_why: str | None = None
    told_ended_at: datetime | None = None
    notice_channel: str | None = None
    notice_ts: str | None = None

    @property
    def is_live(self) -> bool:
        """Whether Xero has not ended it, as far as we know."""
        return self.ended_at is None

    def has_same_tokens_as(self, other: "Connection") -> bool:
        """Whether nobody has refreshed or reconnected between the two."""
        mine, theirs = self.connected_at, other.connected_at
        return (mine, self.token_version) == (theirs, other.token_version)


@dataclass(frozen=True, slots=True)
class Sync:
    """One copy of the practice into the mirror, finished or not."""

    workspace_id: str
    id: str
    started_at: datetime
    finished_at: datetime | None = None
    failure: str | None = None
    clients: int = 0
    contacts: int = 0
    staff: int = 0
    jobs: int = 0
    clients_expected: int = 0
    kind: str = "full"
    region: str | None = None

    @property
    def seconds(self) -> int:
        """How long it took, in whole seconds, at least 1."""
        if self.finished_at is None:
            return 0
        return max(1, round((self.finished_at - self.started_at).total_seconds()))


_CONNECTION = Question(
    sa.select(*columns_of(t.connections, Connection)).where(
        t.connections.c.workspace_id == sa.bindparam("workspace_id")
    )
)


async def get(tx: Asking, workspace_id: str) -> Connection | None:
    """The workspace's connection, ended or not; None when there is none."""
    row = await _CONNECTION.row(tx, workspace_id=workspace_id)
    return None if row is None else Connection(*row)


async def take_turn(tx: Transaction, workspace_id: str) -> None:
    """Lets one at a time connect a workspace, until the transaction ends; nothing else waits for it."""
    # SQLite has one writer at a time anyway, and the words are left out there.
    await tx.execute(
        sa.select(t.workspaces.c.id).where(t.workspaces.c.id == workspace_id).with_for_update()
    )


async def save(tx: Transaction, connection: Connection) -> None:
    """Remembers a connection, in the place of an earlier one."""
    values = {column.name: getattr(connection, column.name) for column in t.connections.columns}
    await tx.execute(upsert(tx, t.connections, values))


async def change(tx: Transaction, workspace_id: str, **values: Any) -> None:
    """Changes some fields of a workspace's connection."""
    await tx.execute(
        sa.update(t.connections)
        .where(t.connections.c.workspace_id == workspace_id)
        .values(**values)
    )


async def claim_refresh(
    tx: Transaction, connection: Connection, lease: str, now: datetime, until: datetime
) -> bool:
    """Claims the refreshing of these very tokens until a time; False while another claim lives or they are old."""
    c = t.connections.c
    statement = (
        sa.update(t.connections)
        .where(*_holds_tokens_of(connection), sa.or_(c.lease.is_(None), c.lease_until <= now))
        .values(lease=lease, lease_until=until)
    )
    return (await tx.execute(statement.returning(c.workspace_id))).first() is not None


async def release_refresh(tx: Transaction, connection: Connection, lease: str) -> None:
    """Gives a claim back unused, so that the next one need not wait."""
    c = t.connections.c
    await tx.execute(
        sa.update(t.connections)
        .where(c.workspace_id == connection.workspace_id, c.lease == lease)
        .values(lease=None, lease_until=None)
    )


async def keep_tokens(
    tx: Transaction,
    connection: Connection,
    lease: str,
    *,
    access_token: Sealed,
    refresh_token: Sealed,
    expires_at: datetime,
    refreshed_at: datetime,
) -> bool:
    """Puts a fresh pair in the place of the old; False when the claim was lost to somebody else meanwhile."""
    c = t.connections.c
    statement = (
        sa.update(t.connections)
        .where(*_holds_tokens_of(connection), c.lease == lease)
        .values(
            access_token=access_token,
            refresh_token=refresh_token,
            expires_at=expires_at,
            refreshed_at=refreshed_at,
            token_version=connection.token_version + 1,
            lease=None,
            lease_until=None,
        )
    )
    return (await tx.execute(statement.returning(c.workspace_id))).first() is not None


def _holds_tokens_of(connection: Connection) -> tuple[sa.ColumnElement[bool], ...]:
    c = t.connections.c
    return (
        c.workspace_id == connection.workspace_id,
        c.connected_at == connection.connected_at,
        c.token_version == connection.token_version,
        c.ended_at.is_(None),
    )


async def idle_since(tx: Transaction, before: datetime) -> list[str]:
    """The workspaces whose tokens nobody has refreshed since a time; for the clock only."""
    c = t.connections.c
    rows = await tx.execute(
        sa.select(c.workspace_id).where(
            c.ended_at.is_(None), sa.or_(c.refreshed_at.is_(None), c.refreshed_at < before)
        )
    )
    return list(rows.scalars())


async def is_shared(tx: Transaction, connection: Connection) -> bool:
    """Whether another workspace stands on the very same connection at Xero: one person connected both."""
    c = t.connections.c
    statement = sa.select(c.workspace_id).where(
        c.workspace_id != connection.workspace_id, c.id == connection.id
    )
    return (await tx.execute(statement.limit(1))).first() is not None


async def is_used(tx: Transaction, connection_id: str) -> bool:
    """Whether any workspace stands on this connection at Xero."""
    c = t.connections.c
    statement = sa.select(c.workspace_id).where(c.id == connection_id)
    return (await tx.execute(statement.limit(1))).first() is not None


async def told_ended(
    tx: Transaction, connection: Connection, at: datetime, channel: str, ts: str
) -> None:
    """Notes that the person who connected has been told, and where."""
    c = t.connections.c
    await tx.execute(
        sa.update(t.connections)
        .where(c.workspace_id == connection.workspace_id, c.connected_at == connection.connected_at)
        .values(told_ended_at=at, notice_channel=channel or None, notice_ts=ts or None)
    )


async def end(tx: Transaction, connection: Connection, at: datetime, why: str) -> bool:
    """Notes that Xero ended this connection; False when that is known, or another one stands in its place."""
    c = t.connections.c
    statement = (
        sa.update(t.connections)
        .where(
            c.workspace_id == connection.workspace_id,
            c.connected_at == connection.connected_at,
            c.ended_at.is_(None),
        )
        .values(ended_at=at, ended_why=why)
    )
    return (await tx.execute(statement.returning(c.workspace_id))).first() is not None


async def hold(tx: Transaction, workspace_id: str, tenant_id: str) -> bool:
    """Whether the workspace is connected to this practice, and stays so until the transaction ends."""
    c = t.connections.c
    statement = (
        sa.select(c.workspace_id)
        .where(c.workspace_id == workspace_id, c.tenant_id == tenant_id)
        .with_for_update(read=True)
    )
    return (await tx.execute(statement)).first() is not None


async def forget(tx: Transaction, workspace_id: str) -> None:
    """Forgets the connection, its tokens, its syncs and the whole mirror."""
    # The connection first: deleting it waits for those who `hold` it, so that nothing of theirs is left behind.
    for table in (t.connections, *t.MIRROR, *t.BESIDE_MIRROR, t.syncs):
        await tx.execute(sa.delete(table).where(table.c.workspace_id == workspace_id))


async def start_sync(tx: Transaction, sync: Sync) -> None:
    """Remembers that a sync began; beginning the same one again (after a crash) starts its counts anew."""
    values = {column.name: getattr(sync, column.name) for column in t.syncs.columns}
    await tx.execute(upsert(tx, t.syncs, values))


async def change_sync(tx: Transaction, workspace_id: str, sync_id: str, **values: Any) -> None:
    """Changes some fields of a sync."""
    c = t.syncs.c
    await tx.execute(
        sa.update(t.syncs).where(c.workspace_id == workspace_id, c.id == sync_id).values(**values)
    )


async def sync(tx: Transaction, workspace_id: str, sync_id: str) -> Sync | None:
    """One sync."""
    c = t.syncs.c
    row = (
        await tx.execute(sa.select(t.syncs).where(c.workspace_id == workspace_id, c.id == sync_id))
    ).first()
    return None if row is None else Sync(**row._mapping)


async def last_sync(tx: Transaction, workspace_id: str, *, finished: bool = True) -> Sync | None:
    """The last full sync that succeeded, or with `finished=False` the last one that began."""
    c = t.syncs.c
    statement = (
        sa.select(t.syncs)
        .where(c.workspace_id == workspace_id, c.kind == "full")
        .order_by(c.started_at.desc())
        .limit(1)
    )
    if finished:
        statement = statement.where(c.finished_at.is_not(None), c.failure.is_(None))
    row = (await tx.execute(statement)).first()
    return None if row is None else Sync(**row._mapping)
