"""Ended calls, each kept once however often it is told."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from xpm.calls import Remark
from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.questions import Asking, Instruction, Question, among

WAITING = "waiting"
OFFERED = "offered"
UNKNOWN_PERSON = "unknown person"

TEST = "test"
"""The kind of phone system of a call that somebody made up to see what comes; it can never become a time in XPM."""


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
    """An ended call of one person. `seconds` is talk time, or with ringing when `includes_ringing`.

    `staff` is the phone system's own name for the person. `version` counts what was told later. Nobody is asked before
    `offer_at`.
    """

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
    staff: str = ""
    system_kind: str = ""
    remarks: tuple[Remark, ...] = ()
    is_voicemail: bool = False
    version: int = 1
    offer_at: datetime | None = None

    @property
    def is_test(self) -> bool:
        """Whether somebody made it up to see what comes."""
        return self.system_kind == TEST


_NAMES = t.calls.columns.keys()


def _call(row: Sequence[Any]) -> Call:
    values = dict(zip(_NAMES, row, strict=True))
    values["numbers"] = tuple(values["numbers"])
    values["parties"] = tuple(Party(**party) for party in values["parties"])
    values["remarks"] = tuple(Remark(**remark) for remark in values["remarks"])
    return Call(**values)


_ADD = Instruction(
    sqlite.insert(t.calls).on_conflict_do_nothing(),
    postgresql.insert(t.calls).on_conflict_do_nothing(),
    returning=[t.calls.c.id],
)


def _values(values: dict[str, Any]) -> dict[str, Any]:
    """As the columns hold it."""
    kept = dict(values)
    if "numbers" in kept:
        kept["numbers"] = list(kept["numbers"])
    if "parties" in kept:
        kept["parties"] = [asdict(party) for party in kept["parties"]]
    if "remarks" in kept:
        kept["remarks"] = [asdict(remark) for remark in kept["remarks"]]
    return kept


async def add(tx: Transaction, *calls: Call) -> set[str]:
    """Keeps calls; the ids of those that were not there already (phone system, its id, person)."""
    rows = [
        _values({name: getattr(call, name) for name in _NAMES}) | {"parties": []} for call in calls
    ]
    return {call_id for [call_id] in await _ADD.each(tx, rows)}


_ONE = Question(
    sa.select(t.calls).where(
        t.calls.c.workspace_id == sa.bindparam("workspace_id"),
        t.calls.c.id == sa.bindparam("call_id"),
    )
)


async def get(tx: Asking, workspace_id: str, call_id: str) -> Call | None:
    """One call."""
    row = await _ONE.row(tx, workspace_id=workspace_id, call_id=call_id)
    return None if row is None else _call(row)


_OF_SOURCES = Question(
    sa.select(t.calls)
    .where(
        t.calls.c.workspace_id == sa.bindparam("workspace_id"),
        t.calls.c.phone_system_id == sa.bindparam("phone_system_id"),
        among(t.calls.c.source_id, "source_ids"),
    )
    .order_by(t.calls.c.id)
)


async def of_sources(
    tx: Asking, workspace_id: str, phone_system_id: str, source_ids: Collection[str]
) -> dict[str, list[Call]]:
    """What each person had of some calls of a phone system, by its id of the call, in an order that stays."""
    rows = await _OF_SOURCES.rows(
        tx, workspace_id=workspace_id, phone_system_id=phone_system_id, source_ids=source_ids
    )
    found: dict[str, list[Call]] = {}
    for call in map(_call, rows):
        found.setdefault(call.source_id, []).append(call)
    return found


async def change(tx: Transaction, call: Call, **values: Any) -> None:
    """Changes what was told of a call, and counts that."""
    c = t.calls.c
    await tx.execute(
        sa.update(t.calls)
        .where(c.workspace_id == call.workspace_id, c.id == call.id)
        .values(version=c.version + 1, **_values(values))
    )


async def of_staff_unknown(
    tx: Transaction, workspace_id: str, phone_system_id: str, staff: str, since: datetime
) -> list[Call]:
    """The calls since a time whose person was known by this name alone, and so belong to nobody yet."""
    c = t.calls.c
    rows = await tx.execute(
        sa.select(t.calls)
        .where(
            c.workspace_id == workspace_id,
            c.phone_system_id == phone_system_id,
            c.staff == staff,
            c.outcome == UNKNOWN_PERSON,
            c.received_at >= since,
        )
        .order_by(c.id)
    )
    return [_call(row) for row in rows]


async def waiting_by_name(
    tx: Transaction, workspace_id: str, phone_system_id: str, since: datetime
) -> dict[str, int]:
    """How many calls since a time wait for each name of a phone system, because its person is not known."""
    c = t.calls.c
    rows = await tx.execute(
        sa.select(c.staff, sa.func.count())
        .where(
            c.workspace_id == workspace_id,
            c.phone_system_id == phone_system_id,
            c.outcome == UNKNOWN_PERSON,
            c.received_at >= since,
        )
        .group_by(c.staff)
    )
    return dict(rows.all())


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


_WHO = sa.case((t.calls.c.email == "", t.calls.c.staff), else_=t.calls.c.email)
_OF_NOBODY = Question(
    sa.select(_WHO, sa.func.count())
    .where(
        t.calls.c.workspace_id == sa.bindparam("workspace_id"),
        t.calls.c.outcome == UNKNOWN_PERSON,
        t.calls.c.received_at >= sa.bindparam("since"),
    )
    .group_by(_WHO)
    .order_by(_WHO)
)


async def of_nobody(tx: Asking, workspace_id: str, since: datetime) -> list[tuple[str, int]]:
    """E-mail addresses that took calls but belong to nobody in the workspace, with the number of their calls.

    Where the phone system gave no address, its own name for the person stands there.
    """
    rows = await _OF_NOBODY.rows(tx, workspace_id=workspace_id, since=since)
    return [(name, count) for name, count in rows]
