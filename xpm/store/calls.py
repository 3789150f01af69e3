"""Ended calls, each kept once however often it is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from xpm.store import tables as t
from xpm.store.database import Transaction

WAITING = "waiting"
OFFERED = "offered"
UNKNOWN_PERSON = "unknown person"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody outside who was on the call, as far as the directory knows them."""

    number: str
    client_uuid: str | None = None
    client_name: str | None = None
    contact_name: str | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """An ended call of one person. `seconds` is talk time, or with ringing when `includes_ringing`."""

    workspace_id: str
    id: str
    phone_system_id: str
    source_id: str
    email: str
    direction: str
    numbers: tuple[str, ...]
    caller_name: str | None
    is_answered: bool
    is_internal: bool
    started_at: datetime
    ended_at: datetime
    seconds: int
    includes_ringing: bool
    notes: str | None
    received_at: datetime
    outcome: str = WAITING
    parties: tuple[Party, ...] = ()


def _call(row: Any) -> Call:
    values = dict(row._mapping)
    values["numbers"] = tuple(values["numbers"])
    values["parties"] = tuple(Party(**party) for party in values["parties"])
    return Call(**values)


_ADD: dict[str, Any] = {
    name: insert(t.calls).on_conflict_do_nothing().returning(t.calls.c.id)
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


async def add(tx: Transaction, call: Call) -> bool:
    """Keeps a call; False when the same one (phone system, its id, person) is there already."""
    values = {column.name: getattr(call, column.name) for column in t.calls.columns}
    values["numbers"], values["parties"] = list(call.numbers), []
    statement = _ADD[tx.dialect.name]
    return (await tx.execute(statement, values)).first() is not None


async def get(tx: Transaction, workspace_id: str, call_id: str) -> Call | None:
    """One call."""
    c = t.calls.c
    row = (
        await tx.execute(sa.select(t.calls).where(c.workspace_id == workspace_id, c.id == call_id))
    ).first()
    return None if row is None else _call(row)


async def conclude(
    tx: Transaction, workspace_id: str, call_id: str, outcome: str, parties: tuple[Party, ...] = ()
) -> None:
    """Notes what became of a call, and who was on it."""
    c = t.calls.c
    names = ("number", "client_uuid", "client_name", "contact_name", "position")
    await tx.execute(
        sa.update(t.calls)
        .where(c.workspace_id == workspace_id, c.id == call_id)
        .values(
            outcome=outcome,
            parties=[{name: getattr(party, name) for name in names} for party in parties],
        )
    )


_OF_NOBODY = (
    sa.select(t.calls.c.email, sa.func.count())
    .where(
        t.calls.c.workspace_id == sa.bindparam("workspace_id"),
        t.calls.c.outcome == UNKNOWN_PERSON,
        t.calls.c.received_at >= sa.bindparam("since"),
    )
    .group_by(t.calls.c.email)
    .order_by(t.calls.c.email)
)


async def of_nobody(tx: Transaction, workspace_id: str, since: datetime) -> list[tuple[str, int]]:
    """E-mail addresses that took calls but belong to nobody in the workspace, with the number of their calls."""
    rows = await tx.execute(_OF_NOBODY, {"workspace_id": workspace_id, "since": since})
    return [(email, count) for email, count in rows]
