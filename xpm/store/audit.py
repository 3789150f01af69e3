"""The append-only log of who did what, kept at least a year as Xero's security standard asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.questions import Instruction


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the audit log. `detail` holds ids and counts, never a secret or what somebody typed."""

    at: datetime
    workspace_id: str
    event: str
    slack_user_id: str | None = None
    subject: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


# Nobody asks for the number it gets.
_NOTE = Instruction(sa.insert(t.audit).inline())


async def note(tx: Transaction, fact: Fact) -> None:
    """Appends a fact in the caller's transaction: what happened and its record stand or fall together."""
    await _NOTE.carry_out(
        tx,
        at=fact.at,
        workspace_id=fact.workspace_id,
        event=fact.event,
        slack_user_id=fact.slack_user_id,
        subject=fact.subject,
        detail=fact.detail,
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


async def last(tx: Transaction, workspace_id: str, events: Sequence[str]) -> datetime | None:
    """When one of these events happened last in a workspace."""
    c = t.audit.c
    statement = (
        sa.select(c.at)
        .where(c.workspace_id == workspace_id, c.event.in_(events))
        .order_by(c.id.desc())
        .limit(1)
    )
    return (await tx.execute(statement)).scalar()


async def page(
    tx: Transaction, since: datetime, workspace_id: str | None, after: int, limit: int
) -> list[tuple[int, Fact]]:
    """The next facts since a time, of one workspace or of all, with their numbers; for the export."""
    c = t.audit.c
    statement = (
        sa.select(c.id, c.at, c.workspace_id, c.event, c.slack_user_id, c.subject, c.detail)
        .where(c.id > after, c.at >= since)
        .order_by(c.id)
        .limit(limit)
    )
    if workspace_id is not None:
        statement = statement.where(c.workspace_id == workspace_id)
    found = []
    for row in await tx.execute(statement):
        values = dict(row._mapping)
        found.append((values.pop("id"), Fact(**values)))
    return found
