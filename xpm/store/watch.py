"""What the clock asks of all workspaces at once: what has stood still. For the clock only."""

from datetime import datetime

import sqlalchemy as sa

from xpm.store import calls as call_store
from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.entries import State


async def still_entries(
    tx: Transaction, before: datetime, since: datetime
) -> list[tuple[str, str, int]]:
    """Entries that nobody moved since `before` though something is to be done: (workspace, entry, version).

    Those that are being sent, however old, but for those that wait for a connection; and those whose message or news
    is yet to be shown, unless they are older than `since`. A form that was never posted is shown by clicks.
    """
    c = t.entries.c
    is_sending = sa.and_(
        c.state == State.SENDING, sa.func.coalesce(c.waiting_for, "") != "connection"
    )
    is_unseen = sa.and_(
        c.changed_at > since,
        sa.or_(
            c.has_news,
            sa.and_(
                c.shown_version < c.version,
                sa.or_(c.state != State.OFFERED, c.message_ts.is_not(None)),
            ),
            sa.and_(c.message_ts.is_(None), c.call_id.is_not(None)),
        ),
    )
    rows = await tx.execute(
        sa.select(c.workspace_id, c.id, c.version)
        .where(t.ENTRIES_MOVING, c.changed_at < before, sa.or_(is_sending, is_unseen))
        .order_by(c.changed_at)
    )
    return [tuple(row) for row in rows]


async def stranded(tx: Transaction) -> list[str]:
    """Workspaces that are connected and have entries that wait for a connection."""
    c, k = t.entries.c, t.connections.c
    rows = await tx.execute(
        sa.select(c.workspace_id)
        .distinct()
        .join(t.connections, k.workspace_id == c.workspace_id)
        .where(c.state == State.SENDING, c.waiting_for == "connection", k.ended_at.is_(None))
    )
    return list(rows.scalars())


async def still_calls(tx: Transaction, before: datetime) -> list[tuple[str, str]]:
    """Calls that came before then and nobody was asked about: (workspace, call)."""
    c = t.calls.c
    rows = await tx.execute(
        sa.select(c.workspace_id, c.id)
        .where(c.outcome == call_store.WAITING, c.received_at < before)
        .order_by(c.received_at)
    )
    return [tuple(row) for row in rows]


async def overdue(
    tx: Transaction, before: datetime, reminded_before: datetime
) -> list[tuple[str, str]]:
    """People whose entries have waited since before then and who were not reminded: (workspace, person)."""
    c = t.entries.c
    reminded = sa.func.max(c.reminded_at)
    rows = await tx.execute(
        sa.select(c.workspace_id, c.slack_user_id)
        .where(c.state == State.SENDING, sa.func.coalesce(c.waiting_since, c.changed_at) < before)
        .group_by(c.workspace_id, c.slack_user_id)
        .having(sa.or_(reminded.is_(None), reminded < reminded_before))
        .order_by(c.workspace_id, c.slack_user_id)
    )
    return [tuple(row) for row in rows]
