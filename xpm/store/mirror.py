"""The mirror of the practice as people look into it: clients, contacts, numbers, staff, jobs and tasks.

How it is kept in step with XPM is `copying`'s.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.calls import Party
from xpm.store.database import Transaction, one_of
from xpm.store.questions import Asking, Question, columns_of
from xpm.store.workspaces import upsert


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the practice."""

    uuid: str
    name: str
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody on the practice's staff."""

    uuid: str
    name: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a job; `uuid` is the instance on the job, `assigned` the staff it is restricted to (empty: anyone)."""

    uuid: str
    name: str
    is_completed: bool
    assigned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the practice. `number` is what people call its ID, such as J000123."""

    number: str
    name: str
    state: str
    is_open: bool
    client_uuid: str | None
    client_name: str
    manager_name: str | None = None
    due_date: dt.date | None = None
    web_url: str | None = None


Rows = list[dict[str, Any]]


async def write(tx: Transaction, table: sa.Table, rows: Rows) -> None:
    """Inserts or updates rows of one mirror table; executemany, because multi-row VALUES is ten times slower."""
    if rows:
        await tx.execute(upsert(tx, table, rows), rows)


_STAFF = Question(
    sa.select(*columns_of(t.staff, StaffMember)).where(
        t.staff.c.workspace_id == sa.bindparam("workspace_id"),
        t.staff.c.email == sa.bindparam("email"),
    )
)


async def staff_by_email(tx: Asking, workspace_id: str, email: str) -> StaffMember | None:
    """The one staff member with this address; two with the same are nobody, because guessing writes wrong time."""
    rows = await _STAFF.rows(tx, workspace_id=workspace_id, email=email.casefold())
    return StaffMember(*rows[0]) if len(rows) == 1 else None


async def parties(tx: Transaction, workspace_id: str, number: str) -> list[Party]:
    """The clients, with the contact, that a number in E.164 belongs to; active clients only, by name."""
    p, c, k, link = t.phone_numbers, t.clients, t.contacts, t.client_contacts
    statement = (
        sa.select(c.c.uuid, c.c.name, k.c.name, link.c.position)
        .select_from(p)
        .join(c, sa.and_(c.c.workspace_id == p.c.workspace_id, c.c.uuid == p.c.client_uuid))
        .outerjoin(k, sa.and_(k.c.workspace_id == p.c.workspace_id, k.c.uuid == p.c.contact_uuid))
        .outerjoin(
            link,
            sa.and_(
                link.c.workspace_id == p.c.workspace_id,
                link.c.client_uuid == p.c.client_uuid,
                link.c.contact_uuid == p.c.contact_uuid,
            ),
        )
        .where(p.c.workspace_id == workspace_id, p.c.e164 == number, c.c.is_archived.is_(False))
        # A number that stands on the client and on its contact names the contact.
        .order_by(c.c.name, k.c.name.is_(None), k.c.name)
    )
    found: dict[str, Party] = {}
    for uuid, client_name, contact_name, position in await tx.execute(statement):
        found.setdefault(uuid, Party(number, uuid, client_name, contact_name, position))
    return list(found.values())


def job_of(row: Sequence[Any]) -> Job:
    """A row of the columns `JOB`."""
    return Job(*row)


JOB = [t.jobs.c[name] for name in Job.__slots__]
"""The columns of a `Job`, in its order."""

_BY_URGENCY = (
    t.jobs.c.is_open.desc(),
    t.jobs.c.due_date.is_(None),
    t.jobs.c.due_date,
    t.jobs.c.number,
)


def _matching(words: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    return [t.jobs.c.search.contains(word, autoescape=True) for word in words]


async def jobs_of_clients(
    tx: Transaction,
    workspace_id: str,
    client_uuids: Sequence[str],
    words: Sequence[str],
    limit: int,
) -> list[Job]:
    """The open jobs of some clients whose text holds all the words, the most urgent first."""
    statement = (
        sa.select(*JOB)
        .where(
            t.jobs.c.workspace_id == workspace_id,
            t.jobs.c.client_uuid.in_(client_uuids),
            t.jobs.c.is_open.is_(True),
            *_matching(words),
        )
        .order_by(*_BY_URGENCY)
        .limit(limit)
    )
    return [job_of(row) for row in await tx.execute(statement)]


def _of_staff(workspace_id: str, staff_uuid: str) -> sa.ColumnElement[bool]:
    """The jobs a staff member is assigned to; as a list, because a join makes SQLite walk every job."""
    c = t.job_staff.c
    numbers = sa.select(c.job_number).where(
        c.workspace_id == workspace_id, c.staff_uuid == staff_uuid
    )
    return t.jobs.c.number.in_(numbers)


async def count_jobs_of_client(tx: Transaction, workspace_id: str, client_uuid: str) -> int:
    """How many open jobs a client has."""
    statement = (
        sa.select(sa.func.count())
        .select_from(t.jobs)
        .where(
            t.jobs.c.workspace_id == workspace_id,
            t.jobs.c.client_uuid == client_uuid,
            t.jobs.c.is_open.is_(True),
        )
    )
    return (await tx.execute(statement)).scalar_one()


async def jobs_of_staff(
    tx: Transaction, workspace_id: str, staff_uuid: str, words: Sequence[str], limit: int
) -> list[Job]:
    """The open jobs that a staff member is assigned to, the most urgent first."""
    statement = (
        sa.select(*JOB)
        .where(
            t.jobs.c.workspace_id == workspace_id,
            _of_staff(workspace_id, staff_uuid),
            t.jobs.c.is_open.is_(True),
            *_matching(words),
        )
        .order_by(*_BY_URGENCY)
        .limit(limit)
    )
    return [job_of(row) for row in await tx.execute(statement)]


async def count_jobs_of_staff(tx: Transaction, workspace_id: str, staff_uuid: str) -> int:
    """How many open jobs a staff member has."""
    statement = (
        sa.select(sa.func.count())
        .select_from(t.jobs)
        .where(
            t.jobs.c.workspace_id == workspace_id,
            _of_staff(workspace_id, staff_uuid),
            t.jobs.c.is_open.is_(True),
        )
    )
    return (await tx.execute(statement)).scalar_one()


async def own_among(
    tx: Transaction, workspace_id: str, staff_uuid: str, numbers: Sequence[str]
) -> set[str]:
    """Those of these jobs that a staff member is assigned to."""
    c = t.job_staff.c
    rows = await tx.execute(
        sa.select(c.job_number).where(
            c.workspace_id == workspace_id,
            c.staff_uuid == staff_uuid,
            c.job_number.in_(numbers),
        )
    )
    return set(rows.scalars())


def _logged_on() -> Question:
    e = t.entries.c
    last = sa.func.max(e.sent_at).label("last")
    saved = (
        sa.select(e.job_number, last)
        .where(
            e.workspace_id == sa.bindparam("workspace_id"),
            e.slack_user_id == sa.bindparam("slack_user_id"),
            e.date >= sa.bindparam("since"),
            e.state == "sent",
        )
        .group_by(e.job_number)
        .order_by(last.desc())
        .limit(sa.bindparam("most"))
        .subquery()
    )
    return Question(
        sa.select(*JOB)
        .join(saved, t.jobs.c.number == saved.c.job_number)
        .where(t.jobs.c.workspace_id == sa.bindparam("workspace_id"))
        .order_by(saved.c.last.desc())
    )


_LOGGED_ON = _logged_on()


async def jobs_logged_on(
    tx: Asking, workspace_id: str, slack_user_id: str, since: dt.date, limit: int
) -> list[Job]:
    """The jobs that a person saved time on for the days since then, the last one first."""
    rows = await _LOGGED_ON.rows(
        tx, workspace_id=workspace_id, slack_user_id=slack_user_id, since=since, most=limit
    )
    return [job_of(row) for row in rows]


_JOB = Question(
    sa.select(*JOB).where(
        t.jobs.c.workspace_id == sa.bindparam("workspace_id"),
        t.jobs.c.number == sa.bindparam("number"),
    )
)


async def job(tx: Asking, workspace_id: str, number: str) -> Job | None:
    """One job by its exact ID."""
    row = await _JOB.row(tx, workspace_id=workspace_id, number=number)
    return None if row is None else job_of(row)


async def jobs_among(tx: Transaction, workspace_id: str, numbers: Sequence[str]) -> list[Job]:
    """Those of these jobs that there are."""
    statement = sa.select(*JOB).where(
        t.jobs.c.workspace_id == workspace_id, one_of(tx, t.jobs.c.number, numbers)
    )
    return [job_of(row) for row in await tx.execute(statement)]


async def outermost_ids(tx: Transaction, workspace_id: str) -> list[str]:
    """The first and the last of the job IDs, which tell the form that the practice gives them."""
    c = t.jobs.c
    ids = sa.select(c.number).where(c.workspace_id == workspace_id).limit(1)
    found = [
        await tx.scalar(ids.order_by(c.number)),
        await tx.scalar(ids.order_by(c.number.desc())),
    ]
    return [number for number in found if number is not None]


_TASKS = Question(
    sa.select(t.tasks.c.uuid, t.tasks.c.name, t.tasks.c.is_completed, t.tasks.c.assigned)
    .where(
        t.tasks.c.workspace_id == sa.bindparam("workspace_id"),
        t.tasks.c.job_number == sa.bindparam("number"),
    )
    .order_by(t.tasks.c.is_completed, t.tasks.c.position)
)


async def tasks_of(tx: Asking, workspace_id: str, number: str) -> list[Task]:
    """The tasks of a job: open ones first, then in the practice's order."""
    rows = await _TASKS.rows(tx, workspace_id=workspace_id, number=number)
    return [Task(uuid, name, done, tuple(assigned)) for uuid, name, done, assigned in rows]


async def counts(tx: Transaction, workspace_id: str) -> dict[str, int]:
    """How many clients, contacts, staff and jobs the mirror holds."""
    found = {}
    for table in (t.clients, t.contacts, t.staff, t.jobs):
        statement = (
            sa.select(sa.func.count())
            .select_from(table)
            .where(table.c.workspace_id == workspace_id)
        )
        found[table.name] = (await tx.execute(statement)).scalar_one()
    return found
