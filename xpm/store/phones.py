"""Phone systems: what each told of a call, who its people are, and the practice's rules."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from xpm.calls import EndedCall, Late, Remark, Rules, Step, Told
from xpm.store import tables as t
from xpm.store.calls import UNKNOWN_PERSON
from xpm.store.database import Transaction
from xpm.store.questions import Asking, Instruction, Question, columns_of
from xpm.store.workspaces import PhoneSystem, upsert
from xpm.vault import Sealed

MOST_TELLINGS = 500
"""So many tellings of one call are kept; a longer conference is cut there."""

_NOTED_EVERY = timedelta(minutes=1)
_KINDS: dict[str, type[EndedCall | Step | Late]] = {"part": EndedCall, "step": Step, "late": Late}
_FIELDS = {name: [field.name for field in fields(kind)] for name, kind in _KINDS.items()}
_MOMENTS = ("started_at", "answered_at", "ended_at", "at")
_TUPLES = ("numbers", "staff")


@dataclass(frozen=True, slots=True)
class PhonePerson:
    """Who stands behind a phone system's own name, such as "extension 103"; `is_nobody` for a menu or a queue."""

    workspace_id: str
    phone_system_id: str
    staff: str
    seen_at: datetime
    email: str | None = None
    name: str = ""
    is_nobody: bool = False
    is_mended: bool = False


# -- what was told ---------------------------------------------------------------------------------------------------


async def take_turn(tx: Transaction, phone_system_id: str, source_id: str) -> None:
    """Lets one delivery at a time change what is known of a call, until the transaction ends.

    Take turns of several calls in the order of their ids.
    """
    if tx.dialect.name == "postgresql":
        key = hashlib.blake2b(f"{phone_system_id}:{source_id}".encode(), digest_size=8).digest()
        await tx.execute(
            sa.select(sa.func.pg_advisory_xact_lock(int.from_bytes(key, "big", signed=True)))
        )


_OF_CALL = (
    t.call_tellings.c.workspace_id == sa.bindparam("workspace_id"),
    t.call_tellings.c.phone_system_id == sa.bindparam("phone_system_id"),
    t.call_tellings.c.source_id == sa.bindparam("source_id"),
)
_MARKS = Question(sa.select(t.call_tellings.c.print).where(*_OF_CALL))
_TELLINGS = Question(
    sa.select(t.call_tellings.c.told)
    .where(*_OF_CALL)
    .order_by(t.call_tellings.c.told_at, t.call_tellings.c.print)
)
_KEEP = Instruction(sa.insert(t.call_tellings))


async def keep_telling(
    tx: Transaction, workspace_id: str, phone_system_id: str, told: Told, kept: Told, now: datetime
) -> bool:
    """Keeps `kept` as what `told` says; False when that was told before, or when nothing more is kept of this call."""
    said = _plain(told)
    mark = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    rows = await _MARKS.rows(
        tx, workspace_id=workspace_id, phone_system_id=phone_system_id, source_id=told.source_id
    )
    marks = [mark for [mark] in rows]
    if mark in marks or len(marks) >= MOST_TELLINGS:
        return False
    telling = {
        "workspace_id": workspace_id,
        "phone_system_id": phone_system_id,
        "source_id": told.source_id,
        "print": mark,
        "told": said if kept is told else _plain(kept),
        "told_at": now,
    }
    await _KEEP.carry_out(tx, **telling)
    return True


async def tellings(
    tx: Asking, workspace_id: str, phone_system_id: str, source_id: str
) -> list[Told]:
    """All that was told of a call, in the order it came."""
    rows = await _TELLINGS.rows(
        tx, workspace_id=workspace_id, phone_system_id=phone_system_id, source_id=source_id
    )
    return [_told(told) for [told] in rows]


async def purge_tellings(tx: Transaction, before: datetime) -> None:
    """Forgets what was told before a time; the calls themselves stay. For the clock only."""
    await tx.execute(sa.delete(t.call_tellings).where(t.call_tellings.c.told_at < before))


def _plain(told: Told) -> dict[str, Any]:
    """As it stands in the database; by hand, because `asdict` copies deeply and took longer than SQLite."""
    kind = next(name for name, each in _KINDS.items() if isinstance(told, each))
    values: dict[str, Any] = {"kind": kind}
    for name in _FIELDS[kind]:
        value = getattr(told, name)
        if isinstance(value, datetime):
            value = value.isoformat()
        elif name == "remarks":
            value = [asdict(remark) for remark in value]
        elif isinstance(value, tuple):
            value = list(value)
        values[name] = value
    return values


def _told(values: dict[str, Any]) -> Told:
    made = dict(values)
    kind = _KINDS[made.pop("kind")]
    for name in _MOMENTS:
        if made.get(name) is not None:
            made[name] = datetime.fromisoformat(made[name])
    for name in _TUPLES:
        if name in made:
            made[name] = tuple(made[name])
    if "remarks" in made:
        made["remarks"] = tuple(Remark(**remark) for remark in made["remarks"])
    return kind(**made)


# -- phone systems ---------------------------------------------------------------------------------------------------


async def of_workspace(tx: Transaction, workspace_id: str) -> list[PhoneSystem]:
    """The workspace's phone systems, oldest first."""
    c = t.phone_systems.c
    rows = await tx.execute(
        sa.select(t.phone_systems)
        .where(c.workspace_id == workspace_id)
        .order_by(c.created_at, c.id)
    )
    return [PhoneSystem(**row._mapping) for row in rows]


async def one(tx: Transaction, workspace_id: str, phone_system_id: str) -> PhoneSystem | None:
    """The workspace's own phone system; None for anybody else's."""
    c = t.phone_systems.c
    row = (
        await tx.execute(
            sa.select(t.phone_systems).where(
                c.workspace_id == workspace_id, c.id == phone_system_id
            )
        )
    ).first()
    return None if row is None else PhoneSystem(**row._mapping)


async def change_secret(
    tx: Transaction,
    workspace_id: str,
    phone_system_id: str,
    secret: Sealed,
    *,
    before: Sealed | None = None,
) -> bool:
    """Changes the secret and forgets the last refusal; False when the workspace has no such phone system.

    With `before` also False when the secret is another one by now.
    """
    c = t.phone_systems.c
    statement = (
        sa.update(t.phone_systems)
        .where(c.workspace_id == workspace_id, c.id == phone_system_id)
        .values(secret=secret, refused_at=None, refused_why=None)
    )
    if before is not None:
        statement = statement.where(c.secret == before)
    return (await tx.execute(statement.returning(c.id))).first() is not None


async def remove(tx: Transaction, workspace_id: str, phone_system_id: str) -> bool:
    """Removes a phone system with its people and what it told; its calls stay. False when there was none."""
    c = t.phone_systems.c
    statement = sa.delete(t.phone_systems).where(
        c.workspace_id == workspace_id, c.id == phone_system_id
    )
    if (await tx.execute(statement.returning(c.id))).first() is None:
        return False
    for table in (t.phone_people, t.call_tellings):
        await tx.execute(
            sa.delete(table).where(
                table.c.workspace_id == workspace_id, table.c.phone_system_id == phone_system_id
            )
        )
    return True


async def heard(tx: Transaction, system: PhoneSystem, now: datetime) -> None:
    """Notes that a call came, at most once a minute."""
    if system.last_call_at is None or now - system.last_call_at > _NOTED_EVERY:
        await _note(tx, system, last_call_at=now)


def is_refusal_due(system: PhoneSystem, why: str, now: datetime) -> bool:
    """Whether a refusal is to be noted: another reason than the last, or a minute later."""
    return (
        system.refused_at is None
        or system.refused_why != why
        or now - system.refused_at > _NOTED_EVERY
    )


async def refused(tx: Transaction, system: PhoneSystem, why: str, now: datetime) -> None:
    """Notes why a delivery was refused."""
    await _note(tx, system, refused_at=now, refused_why=why[:32])


async def _note(tx: Transaction, system: PhoneSystem, **values: Any) -> None:
    c = t.phone_systems.c
    await tx.execute(
        sa.update(t.phone_systems)
        .where(c.workspace_id == system.workspace_id, c.id == system.id)
        .values(**values)
    )


# -- their people ----------------------------------------------------------------------------------------------------


async def people(tx: Transaction, workspace_id: str, phone_system_id: str) -> list[PhonePerson]:
    """Everybody that a phone system has named."""
    c = t.phone_people.c
    rows = await tx.execute(
        sa.select(t.phone_people)
        .where(c.workspace_id == workspace_id, c.phone_system_id == phone_system_id)
        .order_by(c.staff)
    )
    return [PhonePerson(**row._mapping) for row in rows]


async def unknown_names(tx: Transaction, workspace_id: str) -> dict[str, int]:
    """How many names each of the workspace's phone systems has used that nobody is known for; systems with any."""
    c = t.phone_people.c
    rows = await tx.execute(
        sa.select(c.phone_system_id, sa.func.count())
        .where(c.workspace_id == workspace_id, c.email.is_(None), c.is_nobody.is_(False))
        .group_by(c.phone_system_id)
    )
    return dict(rows.all())


async def known_as(
    tx: Transaction, workspace_id: str, phone_system_id: str, staff: tuple[str, ...]
) -> list[PhonePerson]:
    """What is known of these names."""
    if not staff:
        return []
    c = t.phone_people.c
    rows = await tx.execute(
        sa.select(t.phone_people)
        .where(
            c.workspace_id == workspace_id,
            c.phone_system_id == phone_system_id,
            c.staff.in_(staff),
        )
        .order_by(c.staff)
    )
    return [PhonePerson(**row._mapping) for row in rows]


async def learn(tx: Transaction, person: PhonePerson) -> None:
    """Remembers a name, and the address it came with; what somebody mended by hand stays as they said."""
    known = await known_as(tx, person.workspace_id, person.phone_system_id, (person.staff,))
    if known and (
        known[0].is_mended
        or (
            person.email in (None, known[0].email)
            and person.name in ("", known[0].name)
            and person.seen_at - known[0].seen_at < timedelta(days=1)
        )
    ):
        return
    if known:
        person = replace(
            person, email=person.email or known[0].email, name=person.name or known[0].name
        )
    await _save(tx, person)


async def mended_since_unknown(tx: Transaction, since: datetime) -> list[PhonePerson]:
    """Everybody who was given an address by hand while calls since a time wait for it. For the clock only."""
    p, c = t.phone_people.c, t.calls.c
    waits = (
        sa.select(c.id)
        .where(
            c.workspace_id == p.workspace_id,
            c.phone_system_id == p.phone_system_id,
            c.staff == p.staff,
            c.email == "",
            c.outcome == UNKNOWN_PERSON,
            c.received_at >= since,
        )
        .exists()
    )
    rows = await tx.execute(
        sa.select(t.phone_people).where(p.is_mended.is_(True), p.email.is_not(None), waits)
    )
    return [PhonePerson(**row._mapping) for row in rows]


async def mend(tx: Transaction, person: PhonePerson) -> None:
    """Says by hand who stands behind a name; what the phone system says later does not change it.

    What the phone system itself told of the name, and when, stays.
    """
    await _save(tx, replace(person, is_mended=True), keep=("name", "seen_at"))


async def _save(tx: Transaction, person: PhonePerson, *, keep: tuple[str, ...] = ()) -> None:
    values = {column.name: getattr(person, column.name) for column in t.phone_people.columns}
    await tx.execute(upsert(tx, t.phone_people, values, keep=keep))


# -- rules -----------------------------------------------------------------------------------------------------------


_RULES = Question(
    sa.select(*columns_of(t.call_rules, Rules)).where(
        t.call_rules.c.workspace_id == sa.bindparam("workspace_id")
    )
)
_RULES_OF = [field.name for field in fields(Rules)]


async def rules(tx: Asking, workspace_id: str, otherwise: Rules) -> Rules:
    """The practice's rules; what it never said is as `otherwise` has it."""
    row = await _RULES.row(tx, workspace_id=workspace_id)
    if row is None:
        return otherwise
    values = dict(zip(_RULES_OF, row, strict=True))
    for name in ("own_numbers", "ignored_numbers"):
        values[name] = tuple(values[name])
    if values["minimum_seconds"] is None:
        values["minimum_seconds"] = otherwise.minimum_seconds
    return Rules(**values)


async def save_rules(tx: Transaction, workspace_id: str, rules: Rules) -> None:
    """Keeps a practice's rules."""
    values = asdict(rules) | {
        "workspace_id": workspace_id,
        "own_numbers": list(rules.own_numbers),
        "ignored_numbers": list(rules.ignored_numbers),
    }
    await tx.execute(upsert(tx, t.call_rules, values))
