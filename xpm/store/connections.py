"""A workspace's connection to its practice, the links that lead to it, and its syncs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
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
    ended_at: datetime | None = None
    ended_why: str | None = None
    notice_channel: str | None = None
    notice_ts: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectLink:
    """One way from Slack to Xero's consent: single use, ten minutes, for one person. Holds fingerprints only."""

    link: str
    workspace_id: str
    slack_user_id: str
    expires_at: datetime
    opened_at: datetime | None = None
    state: str | None = None
    browser: str | None = None
    verifier: Sealed | None = None
    answered_at: datetime | None = None
    outcome: str | None = None


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

    @property
    def seconds(self) -> int:
        """How long it took, in whole seconds, at least 1."""
        if self.finished_at is None:
            return 0
        return max(1, round((self.finished_at - self.started_at).total_seconds()))


async def get(tx: Transaction, workspace_id: str) -> Connection | None:
    """The workspace's connection, ended or not; None when there is none."""
    row = (
        await tx.execute(
            sa.select(t.connections).where(t.connections.c.workspace_id == workspace_id)
        )
    ).first()
    return None if row is None else Connection(**row._mapping)


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
    for table in (t.connections, *t.MIRROR, t.syncs):
        await tx.execute(sa.delete(table).where(table.c.workspace_id == workspace_id))


async def add_link(tx: Transaction, link: ConnectLink) -> None:
    """Remembers a new link."""
    values = {column.name: getattr(link, column.name) for column in t.connect_links.columns}
    await tx.execute(sa.insert(t.connect_links).values(values))


async def link(tx: Transaction, fingerprint: str) -> ConnectLink | None:
    """The link with this fingerprint, in whatever condition."""
    row = (
        await tx.execute(sa.select(t.connect_links).where(t.connect_links.c.link == fingerprint))
    ).first()
    return None if row is None else ConnectLink(**row._mapping)


async def open_link(
    tx: Transaction, fingerprint: str, now: datetime, *, state: str, browser: str, verifier: Sealed
) -> ConnectLink | None:
    """Opens an unused young link once; None for any other, also for the second of two at the same moment."""
    c = t.connect_links.c
    row = (
        await tx.execute(
            sa.update(t.connect_links)
            .where(c.link == fingerprint, c.opened_at.is_(None), c.expires_at > now)
            .values(opened_at=now, state=state, browser=browser, verifier=verifier)
            .returning(*t.connect_links.columns)
        )
    ).first()
    return None if row is None else ConnectLink(**row._mapping)


async def answer_link(
    tx: Transaction, state: str, browser: str, now: datetime
) -> ConnectLink | None:
    """Takes Xero's answer once, from the browser that began; None for any other."""
    c = t.connect_links.c
    row = (
        await tx.execute(
            sa.update(t.connect_links)
            .where(
                c.state == state, c.browser == browser, c.answered_at.is_(None), c.expires_at > now
            )
            .values(answered_at=now)
            .returning(*t.connect_links.columns)
        )
    ).first()
    return None if row is None else ConnectLink(**row._mapping)


async def settle_link(tx: Transaction, fingerprint: str, outcome: str) -> None:
    """Notes how a link ended, for the page that the browser is sent to."""
    await tx.execute(
        sa.update(t.connect_links)
        .where(t.connect_links.c.link == fingerprint)
        .values(outcome=outcome, verifier=None)
    )


async def link_of_browser(tx: Transaction, browser: str) -> ConnectLink | None:
    """The link that this browser answered last."""
    c = t.connect_links.c
    statement = (
        sa.select(t.connect_links).where(c.browser == browser).order_by(c.opened_at.desc()).limit(1)
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else ConnectLink(**row._mapping)


async def purge_links(tx: Transaction, before: datetime) -> None:
    """Forgets links that expired before a time."""
    await tx.execute(sa.delete(t.connect_links).where(t.connect_links.c.expires_at < before))


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
    """The last sync that succeeded, or with `finished=False` the last one that began."""
    c = t.syncs.c
    statement = (
        sa.select(t.syncs)
        .where(c.workspace_id == workspace_id)
        .order_by(c.started_at.desc())
        .limit(1)
    )
    if finished:
        statement = statement.where(c.finished_at.is_not(None), c.failure.is_(None))
    row = (await tx.execute(statement)).first()
    return None if row is None else Sync(**row._mapping)
