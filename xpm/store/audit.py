"""The append-only log of who did what, kept at least a year as Xero's security standard asks."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the audit log. `detail` holds ids and counts, never a secret or what somebody typed."""

    at: datetime
    workspace_id: str
    event: str
    slack_user_id: str | None = None
    subject: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


async def note(tx: Transaction, fact: Fact) -> None:
    """Appends a fact in the caller's transaction: what happened and its record stand or fall together."""
    await tx.execute(
        sa.insert(t.audit).values(
            at=fact.at,
            workspace_id=fact.workspace_id,
            event=fact.event,
            slack_user_id=fact.slack_user_id,
            subject=fact.subject,
            detail=fact.detail,
        )
    )


async def since(tx: Transaction, workspace_id: str, at: datetime) -> list[Fact]:
    """The facts of a workspace since a time, oldest first."""
    c = t.audit.c
    rows = await tx.execute(
        sa.select(c.at, c.workspace_id, c.event, c.slack_user_id, c.subject, c.detail)
        .where(c.workspace_id == workspace_id, c.at >= at)
        .order_by(c.id)
    )
    return [Fact(**row._mapping) for row in rows]
