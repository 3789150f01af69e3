"""Phone systems: what each told of a call, who its people are, and the practice's rules."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from xpm.calls import EndedCall, Late, Remark, Rules, Step, Told
from xpm.store import audit
from xpm.store import tables as t
from xpm.store.calls import UNKNOWN_PERSON
from xpm.store.database import Transaction
from xpm.store.questions import Asking, Instruction, Question, among, columns_of
from xpm.store.workspaces import PhoneSystem, upsert
from xpm.vault import Sealed

MOST_TELLINGS = 500
"""So many tellings of one call are kept; a longer conference is cut there."""

_NOTED_EVERY = timedelta(minutes=1)
_KINDS: dict[str, type[EndedCall | Step | Late]] = {"part": EndedCall, "step": Step, "late": Late}
_KIND_OF: dict[type[Told], str] = {kind: name for name, kind in _KINDS.items()}
_NAMES = {name: [field.name for field in fields(kind)] for name, kind in _KINDS.items()}
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


async def take_turn(tx: Transaction, phone_system_id: str, *source_ids: str) -> None:
    """Lets one delivery at a time change what is known of these calls, until the transaction ends.

    Whoever names several takes their turns in the order of the ids, so that no two wait for each other.
    """
    if tx.dialect.name == "postgresql":
        keys = [
            hashlib.blake2b(f"{phone_system_id}:{source_id}".encode(), digest_size=8).digest()
            for source_id in sorted(source_ids)
        ]
        each = sa.func.unnest(
            sa.literal(
                [int.from_bytes(key, "big", signed=True) for key in keys],
                postgresql.ARRAY(sa.BigInteger),
            )
        ).column_valued("each")
        await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(each)))


_OF_CALLS = (
    t.call_tellings.c.workspace_id == sa.bindparam("workspace_id"),
    t.call_tellings.c.phone_system_id == sa.bindparam("phone_system_id"),
    among(t.call_tellings.c.source_id, "source_ids"),
)
_MARKS = Question(sa.select(t.call_tellings.c.source_id, t.call_tellings.c.print).where(*_OF_CALLS))
_TELLINGS = Question(
    sa.select(t.call_tellings.c.source_id, t.call_tellings.c.told)
    .where(*_OF_CALLS)
    .order_by(t.call_tellings.c.told_at, t.call_tellings.c.print)
)
_KEEP = Instruction(sa.insert(t.call_tellings))


async def keep_tellings(
    tx: Transaction,
    workspace_id: str,
    phone_system_id: str,
    told: Sequence[tuple[Told, Told]],
    now: datetime,
) -> set[str]:
    """Keeps the second of each pair as what the first says; the ids of the calls of which something was new.

    What was told before is not kept again, nor more than `MOST_TELLINGS` of one call.
    """
    rows = await _MARKS.rows(
        tx,
        workspace_id=workspace_id,
        phone_system_id=phone_system_id,
        source_ids={said.source_id for said, _ in told},
    )
    marks: dict[str, set[str]] = {}
    for source_id, mark in rows:
        marks.setdefault(source_id, set()).add(mark)
    news: set[str] = set()
    fresh = []
    for said, kept in told:
        known = marks.setdefault(said.source_id, set())
        values = _values(said)
        mark = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
        if mark in known or len(known) >= MOST_TELLINGS:
            continue
        known.add(mark)
        news.add(said.source_id)
        fresh.append(
            {
                "workspace_id": workspace_id,
                "phone_system_id": phone_system_id,
                "source_id": said.source_id,
                "print": mark,
                "told": values if kept is said else _values(kept),
                "told_at": now,
            }
        )
    await _KEEP.each(tx, fresh)
    return news


async def tellings(
    tx: Asking, workspace_id: str, phone_system_id: str, source_ids: Collection[str]
) -> dict[str, list[Told]]:
    """All that was told of some calls, of each in the order it came."""
    rows = await _TELLINGS.rows(
        tx, workspace_id=workspace_id, phone_system_id=phone_system_id, source_ids=source_ids
    )
    found: dict[str, list[Told]] = {}
    for source_id, told in rows:
        found.setdefault(source_id, []).append(_told(told))
    return found


async def purge_tellings(tx: Transaction, before: datetime) -> None:
    """Forgets what was told before a time; the calls themselves stay. For the clock only."""
    await tx.execute(sa.delete(t.call_tellings).where(t.call_tellings.c.told_at < before))


def _values(told: Told) -> dict[str, Any]:
    kind = _KIND_OF[type(told)]
    values = {name: getattr(told, name) for name in _NAMES[kind]} | {"kind": kind}
    for name in _MOMENTS:
        if values.get(name) is not None:
            values[name] = values[name].isoformat()
    if "remarks" in values:
        values["remarks"] = [asdict(remark) for remark in values["remarks"]]
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


_KNOWN_AS = Question(
    sa.select(*columns_of(t.phone_people, PhonePerson)).where(
        t.phone_people.c.workspace_id == sa.bindparam("workspace_id"),
        t.phone_people.c.phone_system_id == sa.bindparam("phone_system_id"),
        among(t.phone_people.c.staff, "staff"),
    )
)


async def known_as(
    tx: Asking, workspace_id: str, phone_system_id: str, staff: Collection[str]
) -> dict[str, PhonePerson]:
    """What is known of these names."""
    if not staff:
        return {}
    rows = await _KNOWN_AS.rows(
        tx, workspace_id=workspace_id, phone_system_id=phone_system_id, staff=staff
    )
    people = [PhonePerson(*row) for row in rows]
    return {one.staff: one for one in people}


async def learn(tx: Transaction, person: PhonePerson, known: PhonePerson | None) -> PhonePerson:
    """Remembers a name, and the address it came with; what somebody mended by hand stays as they said.

    `known` is what is known of the name already; what is known of it now is returned.
    """
    if known is None:
        await _save(tx, person)
        return person
    if known.is_mended or (
        person.email in (None, known.email)
        and person.name in ("", known.name)
        and person.seen_at - known.seen_at < timedelta(days=1)
    ):
        return known
    person = replace(person, email=person.email or known.email, name=person.name or known.name)
    await _save(tx, person)
    return person


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


async def mend(
    tx: Transaction,
    workspace_id: str,
    phone_system_id: str,
    staff: str,
    email: str | None,
    now: datetime,
    *,
    by: str | None = None,
) -> None:
    """Says by hand who stands behind a name, None for nobody; what the phone system says later does not change it.

    What the phone system itself told of the name, and when, stays.
    """
    fact = audit.Fact(now, workspace_id, "phones.person_named", by, phone_system_id)
    await audit.note(tx, fact)
    person = PhonePerson(
        workspace_id,
        phone_system_id,
        staff,
        now,
        email.casefold() if email else None,
        is_nobody=email is None,
        is_mended=True,
    )
    await _save(tx, person, keep=("name", "seen_at"))


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
