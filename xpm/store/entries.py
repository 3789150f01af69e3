"""Entries in the database: kept, found, and changed if nobody else has; what one is stands in `entry`."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.store.entry import UNFINISHED, Act, Difference, Entry, Finding, Saved, State
from xpm.store.questions import Asking, Instruction, Question

__all__ = [
    "UNFINISHED", "Act", "Difference", "Entry", "Finding", "Saved", "State", "add", "change", "count_by_state", "get",
    "in_doubt_since", "in_state", "last_task_for_job", "of_call", "of_person", "open_with_message", "sent_on",
    "sent_since", "shown", "told", "unshown_of_call",
]  # fmt: skip

_ENTRY = sa.select(t.entries).where(
    t.entries.c.workspace_id == sa.bindparam("workspace_id"),
    t.entries.c.id == sa.bindparam("entry_id"),
)
_ONE = Question(_ENTRY)
_ONE_TO_CHANGE = Question(_ENTRY.with_for_update())
_NAMES = t.entries.columns.keys()


def _entry(row: Sequence[Any]) -> Entry:
    values = dict(zip(_NAMES, row, strict=True))
    values["state"], values["act"] = State(values["state"]), Act(values["act"])
    values["saved"] = Saved.from_json(values["saved"]) if values["saved"] else None
    values["finding"] = Finding.from_json(values["finding"]) if values["finding"] else None
    return Entry(**values)


def _values(values: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: values[name].to_json()
        for name in ("saved", "finding")
        if isinstance(values.get(name), Saved | Finding)
    }
    return {**values, **kept}


async def add(tx: Transaction, entry: Entry) -> bool:
    """Keeps a new entry; False when the person has one for this call already."""
    values = {column.name: getattr(entry, column.name) for column in t.entries.columns}
    try:
        async with tx.begin_nested():
            await tx.execute(sa.insert(t.entries).values(_values(values)))
    except IntegrityError:
        return False
    return True


async def get(
    tx: Asking, workspace_id: str, entry_id: str, *, to_change: bool = False
) -> Entry | None:
    """An entry of the workspace; for the engine, which acts for everybody.

    Read `to_change` it waits for whoever is changing it in another process, and then holds them off.
    """
    # SQLite has one writer at a time anyway, and the words are left out there.
    question = _ONE_TO_CHANGE if to_change else _ONE
    row = await question.row(tx, workspace_id=workspace_id, entry_id=entry_id)
    return None if row is None else _entry(row)


async def of_person(
    tx: Asking,
    workspace_id: str,
    slack_user_id: str,
    entry_id: str,
    *,
    to_change: bool = False,
) -> Entry | None:
    """The clicker's own entry; an id in a button is a claim, so workspace and person decide."""
    found = await get(tx, workspace_id, entry_id, to_change=to_change)
    return found if found is not None and found.slack_user_id == slack_user_id else None


async def unshown_of_call(tx: Transaction, workspace_id: str, call_id: str) -> list[Entry]:
    """The entries made for a call that have no message yet."""
    c = t.entries.c
    rows = await tx.execute(
        sa.select(t.entries).where(
            c.workspace_id == workspace_id, c.call_id == call_id, c.message_ts.is_(None)
        )
    )
    return [_entry(row) for row in rows]


async def of_call(tx: Transaction, workspace_id: str, call_id: str) -> list[Entry]:
    """The entries made for a call."""
    c = t.entries.c
    rows = await tx.execute(
        sa.select(t.entries).where(c.workspace_id == workspace_id, c.call_id == call_id)
    )
    return [_entry(row) for row in rows]


_CHANGE = sa.update(t.entries).where(
    t.entries.c.workspace_id == sa.bindparam("of_workspace"),
    t.entries.c.id == sa.bindparam("of_entry"),
    t.entries.c.version == sa.bindparam("of_version"),
)
# What nobody can see does not make the entry's message out of date.
_CHANGE_UNSEEN = _CHANGE.values(
    shown_version=sa.case(
        (t.entries.c.shown_version == t.entries.c.version, t.entries.c.version + 1),
        else_=t.entries.c.shown_version,
    )
)
_SHOWN = Instruction(
    sa.update(t.entries).where(
        t.entries.c.workspace_id == sa.bindparam("of_workspace"),
        t.entries.c.id == sa.bindparam("of_entry"),
        t.entries.c.message_ts.is_not_distinct_from(sa.bindparam("of_message")),
    ),
    returning=[t.entries.c.version],
)
_CHANGE_SEEN_ROW = Instruction(_CHANGE, returning=t.entries.columns)
_CHANGE_UNSEEN_ROW = Instruction(_CHANGE_UNSEEN, returning=t.entries.columns)


async def change(
    tx: Transaction, entry: Entry, *, is_seen: bool = True, **values: Any
) -> Entry | None:
    """Changes an entry if nobody else has since it was read; None otherwise (compare and set on `version`).

    None also when another entry has claimed its time of XPM meanwhile. What nobody can see (`is_seen` false) does not
    make its message out of date.
    """
    asked = {
        "of_workspace": entry.workspace_id,
        "of_entry": entry.id,
        "of_version": entry.version,
        "version": entry.version + 1,
        **_values(values),
    }
    row: Sequence[Any] | None
    if "xpm_time_uuid" not in values:
        instruction = _CHANGE_SEEN_ROW if is_seen else _CHANGE_UNSEEN_ROW
        row = await instruction.carry_out(tx, **asked)
    else:
        statement = (_CHANGE if is_seen else _CHANGE_UNSEEN).returning(*t.entries.columns)
        try:
            async with tx.begin_nested():
                row = (await tx.execute(statement, asked)).first()
        except IntegrityError:
            return None
    return None if row is None else _entry(row)


async def shown(
    tx: Transaction, entry: Entry, channel: str | None = None, message_ts: str | None = None
) -> int | None:
    """Notes that Slack shows this version of the entry, and where; the version that the entry has by now.

    None, and nothing is noted, when the entry's message has come to stand elsewhere since the entry was read.
    """
    values: dict[str, Any] = {"shown_version": entry.version}
    if message_ts is not None:
        values |= {"channel": channel, "message_ts": message_ts}
    row = await _SHOWN.carry_out(
        tx,
        of_workspace=entry.workspace_id,
        of_entry=entry.id,
        of_message=entry.message_ts,
        **values,
    )
    return None if row is None else int(row[0])


async def told(tx: Transaction, entry: Entry) -> None:
    """Notes that the person was told of the refusal; a newer one is yet to be told."""
    c = t.entries.c
    await tx.execute(
        sa.update(t.entries)
        .where(c.workspace_id == entry.workspace_id, c.id == entry.id, c.version == entry.version)
        .values(has_news=False)
    )


async def in_doubt_since(tx: Transaction, entry: Entry, since: dt.datetime) -> list[Entry]:
    """The other entries of the same person at the practice whose doubt began after then, in whatever workspace."""
    c = t.entries.c
    rows = await tx.execute(
        sa.select(t.entries).where(
            c.tenant_id == entry.tenant_id,
            c.staff_uuid == entry.staff_uuid,
            c.doubtful_since > since,
            sa.or_(c.workspace_id != entry.workspace_id, c.id != entry.id),
        )
    )
    return [_entry(row) for row in rows]


async def sent_since(tx: Transaction, workspace_id: str, since: dt.datetime) -> list[Entry]:
    """What was saved since then and not yet found to differ from XPM, by person."""
    c = t.entries.c
    rows = await tx.execute(
        sa.select(t.entries)
        .where(
            c.workspace_id == workspace_id,
            c.state == State.SENT,
            c.sent_at >= since,
            c.xpm_time_uuid.is_not(None),
        )
        .order_by(c.staff_uuid, c.date)
    )
    return [entry for row in rows if (entry := _entry(row)).finding is None]


async def last_task_for_job(
    tx: Transaction, workspace_id: str, slack_user_id: str, job_number: str
) -> str | None:
    """The task that this person used last for this job."""
    c = t.entries.c
    statement = (
        sa.select(c.task_uuid)
        .where(
            c.workspace_id == workspace_id,
            c.slack_user_id == slack_user_id,
            c.job_number == job_number,
            c.state == State.SENT,
        )
        .order_by(c.sent_at.desc())
        .limit(1)
    )
    return (await tx.execute(statement)).scalar()


async def sent_on(
    tx: Transaction, workspace_id: str, slack_user_id: str, date: dt.date
) -> tuple[int, int]:
    """How many minutes, on how many entries, this person has saved for a day."""
    c = t.entries.c
    rows = await tx.execute(
        sa.select(c.saved).where(
            c.workspace_id == workspace_id,
            c.slack_user_id == slack_user_id,
            c.date == date,
            c.state == State.SENT,
        )
    )
    found = [Saved.from_json(saved) for saved in rows.scalars() if saved]
    return sum(saved.minutes for saved in found), len(found)


async def in_state(tx: Transaction, workspace_id: str, *states: State) -> list[Entry]:
    """The workspace's entries in some states, oldest first."""
    c = t.entries.c
    rows = await tx.execute(
        sa.select(t.entries)
        .where(c.workspace_id == workspace_id, c.state.in_(states))
        .order_by(c.created_at)
    )
    return [_entry(row) for row in rows]


async def open_with_message(
    tx: Transaction, workspace_id: str, touched_after: dt.datetime
) -> list[Entry]:
    """What somebody can still choose and send, made or changed since, with a message in Slack; the newest first."""
    c = t.entries.c
    rows = await tx.execute(
        sa.select(t.entries)
        .where(
            c.workspace_id == workspace_id,
            c.state.in_((State.OFFERED, State.REFUSED)),
            c.message_ts.is_not(None),
            sa.or_(c.created_at > touched_after, c.changed_at > touched_after),
        )
        .order_by(c.created_at.desc())
    )
    return [_entry(row) for row in rows]


async def count_by_state(
    tx: Transaction, workspace_id: str, slack_user_id: str | None = None
) -> dict[State, int]:
    """How many entries are in each unfinished state, of one person or of all; the finished ones only grow."""
    c = t.entries.c
    statement = (
        sa.select(c.state, sa.func.count())
        .where(c.workspace_id == workspace_id, c.state.in_(UNFINISHED))
        .group_by(c.state)
    )
    if slack_user_id is not None:
        statement = statement.where(c.slack_user_id == slack_user_id)
    return {State(state): count for state, count in await tx.execute(statement)}
