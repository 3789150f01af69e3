"""Where the app is installed: workspaces and organisations, their tokens, their removal and what is erased then."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.links import REMOVED
from xpm.store.workspaces import Workspace, get, upsert
from xpm.vault import Sealed


async def meet(tx: Transaction, workspace: Workspace) -> bool:
    """Remembers a workspace that its organisation's token serves; False when it was known."""
    values = {column.name: getattr(workspace, column.name) for column in t.workspaces.columns}
    statement: Any = upsert(tx, t.workspaces, values, keep=tuple(values))
    return (await tx.execute(statement.returning(t.workspaces.c.id))).first() is not None


async def rename(tx: Transaction, workspace_id: str, name: str) -> None:
    """Calls a workspace by another name."""
    c = t.workspaces.c
    await tx.execute(sa.update(t.workspaces).where(c.id == workspace_id).values(name=name))


async def holder(
    tx: Transaction, workspace_id: str | None, enterprise_id: str | None = None
) -> Workspace | None:
    """Whose token speaks in a workspace: its own, or its organisation's. None where the app is not, or not any more.

    `enterprise_id` is what Slack says of a workspace we have not met yet.
    """
    c = t.workspaces.c
    if workspace_id is not None:
        row = (await tx.execute(sa.select(t.workspaces).where(c.id == workspace_id))).first()
        if row is not None:
            if row.removed_at is not None:
                return None
            if row.bot_token is not None:
                return Workspace(**row._mapping)
            enterprise_id = row.enterprise_id
    found = await get(tx, enterprise_id) if enterprise_id is not None else None
    return found if found is not None and found.is_organisation and found.bot_token else None


async def is_known(tx: Transaction, workspace_id: str) -> bool:
    """Whether we have met the workspace, removed or not."""
    c = t.workspaces.c
    return (await tx.execute(sa.select(c.id).where(c.id == workspace_id))).first() is not None


# -- tokens that Slack rotates ---------------------------------------------------------------------------------------


async def claim_rotation(
    tx: Transaction, workspace: Workspace, now: datetime, until: datetime
) -> bool:
    """Whether it is ours to fetch the next token, until then; False when somebody else does or has."""
    c = t.workspaces.c
    statement = (
        sa.update(t.workspaces)
        .where(
            c.id == workspace.id,
            c.token_version == workspace.token_version,
            c.refresh_token.is_not(None),
            sa.or_(c.rotating_until.is_(None), c.rotating_until <= now),
        )
        .values(rotating_until=until)
    )
    return (await tx.execute(statement.returning(c.id))).first() is not None


async def change_token(tx: Transaction, workspace: Workspace, **values: Any) -> bool:
    """Changes the token's columns if no other token has come since; False when one has, or the app was removed."""
    c = t.workspaces.c
    statement = (
        sa.update(t.workspaces)
        .where(
            c.id == workspace.id,
            c.token_version == workspace.token_version,
            c.removed_at.is_(None),
        )
        .values(**values)
    )
    return (await tx.execute(statement.returning(c.id))).first() is not None


async def rotated(
    tx: Transaction, workspace: Workspace, token: Sealed, refresh: Sealed, expires_at: datetime
) -> bool:
    """Keeps the next token, even when our claim has run out meanwhile: Slack gives it once."""
    return await change_token(
        tx,
        workspace,
        bot_token=token,
        refresh_token=refresh,
        token_expires_at=expires_at,
        token_version=workspace.token_version + 1,
        rotating_until=None,
    )


# -- removal ---------------------------------------------------------------------------------------------------------


async def remove(tx: Transaction, workspace_id: str, at: datetime) -> list[str]:
    """Marks a workspace removed, or an organisation with all it serves, and forgets tokens and links at once.

    The ids that were marked; none when it was known, so that a second event changes nothing.
    """
    c = t.workspaces.c
    served = sa.and_(c.enterprise_id == workspace_id, c.bot_token.is_(None))
    statement = (
        sa.update(t.workspaces)
        .where(sa.or_(c.id == workspace_id, served), c.removed_at.is_(None))
        .values(
            removed_at=at,
            bot_token=None,
            refresh_token=None,
            token_expires_at=None,
            rotating_until=None,
            token_version=c.token_version + 1,
        )
    )
    gone = list((await tx.execute(statement.returning(c.id))).scalars())
    links = t.connect_links.c
    ours = links.workspace_id.in_(gone)
    await tx.execute(sa.delete(t.connect_links).where(ours, links.consented.is_(None)))
    # What Xero gave to these is given back first; whoever does that takes the row away.
    await tx.execute(sa.update(t.connect_links).where(ours).values(outcome=REMOVED))
    return gone


async def come_back(tx: Transaction, enterprise_id: str, workspace_id: str) -> bool:
    """Undoes the removal of a workspace to which its organisation gave the app again; False when there was none."""
    c = t.workspaces.c
    statement = (
        sa.update(t.workspaces)
        .where(c.id == workspace_id, c.enterprise_id == enterprise_id, c.removed_at.is_not(None))
        .values(removed_at=None)
    )
    return (await tx.execute(statement.returning(c.id))).first() is not None


async def removed_before(tx: Transaction, at: datetime) -> list[str]:
    """The ids of what was removed before a time; for the clock only."""
    c = t.workspaces.c
    return list((await tx.execute(sa.select(c.id).where(c.removed_at <= at))).scalars())


async def erase(tx: Transaction, workspace_id: str, removed_before: datetime) -> bool:
    """Erases everything of one removed workspace but its audit log; False when it came back or is erased already."""
    c = t.workspaces.c
    # The row first: it is the claim, and a reinstall waits for it.
    statement = sa.delete(t.workspaces).where(c.id == workspace_id, c.removed_at <= removed_before)
    if (await tx.execute(statement.returning(c.id))).first() is None:
        return False
    for table in reversed(t.metadata.sorted_tables):
        if table.name != "audit" and "workspace_id" in table.c:
            await tx.execute(sa.delete(table).where(table.c.workspace_id == workspace_id))
    return True
