"""The mirror of the practice: clients, contacts, phone numbers, staff, jobs and tasks, as XPM last told them.

Clients and jobs carry a print of what they were made from, so that a sync writes only what changed, and the id of the
sync that wrote them, so that what one sync did not see is not taken from another that ran at the same time.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.calls import Party
from xpm.store.database import Transaction
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


@dataclass(slots=True)
class ClientRows:
    """Rows of some clients and of everything that hangs on them."""

    clients: Rows = field(default_factory=list)
    contacts: Rows = field(default_factory=list)
    links: Rows = field(default_factory=list)
    numbers: Rows = field(default_factory=list)


PAGE = 2000
"""How many keys `clients_after` and `open_jobs_after` bring at most."""

# One that began longer ago and never ended has died with its process.
_LONGEST_SYNC = dt.timedelta(hours=6)


async def write(tx: Transaction, table: sa.Table, rows: Rows) -> None:
    """Inserts or updates rows of one mirror table; executemany, because multi-row VALUES is ten times slower."""
    if rows:
        await tx.execute(upsert(tx, table, rows), rows)


async def _write_plain(tx: Transaction, table: sa.Table, rows: Rows) -> None:
    """The same for columns of text and truth alone, past SQLAlchemy's own work on each value: twice as quick."""
    if not rows:
        return
    statement: Any = upsert(tx, table, rows)
    compiled = statement.compile(dialect=tx.dialect, column_keys=list(rows[0]))
    if compiled.positional:
        names = compiled.positiontup
        given: Any = [tuple([row[name] for name in names]) for row in rows]
    else:
        given = rows
    await tx.exec_driver_sql(str(compiled), given)


async def _seen_by(tx: Transaction, workspace_id: str, sync_id: str) -> list[str]:
    """This sync and those that were under way at the same time: what they wrote, the practice has as well."""
    c = t.syncs.c
    started = await tx.scalar(
        sa.select(c.started_at).where(c.workspace_id == workspace_id, c.id == sync_id)
    )
    if started is None:
        return [sync_id]
    still_running = sa.and_(c.finished_at.is_(None), c.started_at > started - _LONGEST_SYNC)
    rows = await tx.execute(
        sa.select(c.id).where(
            c.workspace_id == workspace_id, sa.or_(c.finished_at > started, still_running)
        )
    )
    return [*{sync_id, *rows.scalars()}]


async def client_prints(
    tx: Transaction, workspace_id: str, uuids: Collection[str]
) -> dict[str, str]:
    """The prints of those of these clients that we have."""
    c = t.clients.c
    rows = await tx.execute(
        sa.select(c.uuid, c.print).where(c.workspace_id == workspace_id, c.uuid.in_(uuids))
    )
    return {row.uuid: row.print for row in rows}


async def job_prints(
    tx: Transaction, workspace_id: str, numbers: Collection[str]
) -> dict[str, str]:
    """The prints of those of these jobs that we have."""
    c = t.jobs.c
    rows = await tx.execute(
        sa.select(c.number, c.print).where(c.workspace_id == workspace_id, c.number.in_(numbers))
    )
    return {row.number: row.print for row in rows}


async def clients_after(tx: Transaction, workspace_id: str, after: str) -> list[str]:
    """The next clients' UUIDs in their order, at most `PAGE`."""
    c = t.clients.c
    statement = sa.select(c.uuid).where(c.workspace_id == workspace_id, c.uuid > after)
    return list((await tx.execute(statement.order_by(c.uuid).limit(PAGE))).scalars())


async def open_jobs_after(tx: Transaction, workspace_id: str, after: str) -> list[str]:
    """The next open jobs' numbers in their order, at most `PAGE`."""
    c = t.jobs.c
    statement = sa.select(c.number).where(
        c.workspace_id == workspace_id, c.number > after, c.is_open.is_(True)
    )
    return list((await tx.execute(statement.order_by(c.number).limit(PAGE))).scalars())


async def replace_clients(
    tx: Transaction, workspace_id: str, rows: ClientRows, known: Collection[str]
) -> None:
    """Writes clients with their contacts and numbers; `known` are those we had, whose old ones make room."""
    before = await _unlink(tx, workspace_id, known)
    await _write_plain(tx, t.clients, rows.clients)
    await _write_plain(tx, t.contacts, rows.contacts)
    await _write_plain(tx, t.client_contacts, rows.links)
    await _write_plain(tx, t.phone_numbers, rows.numbers)
    await _forget_contacts(tx, workspace_id, before - {row["uuid"] for row in rows.contacts})


async def forget_clients(
    tx: Transaction, workspace_id: str, uuids: Collection[str], unseen_by: str | None = None
) -> None:
    """Deletes clients with all that hangs on them.

    With `unseen_by`, a full sync's id, those stay that another sync wrote while this one ran.
    """
    c = t.clients.c
    statement = sa.delete(t.clients).where(c.workspace_id == workspace_id, c.uuid.in_(uuids))
    if unseen_by is not None:
        statement = statement.where(c.sync_id.not_in(await _seen_by(tx, workspace_id, unseen_by)))
    gone = set((await tx.execute(statement.returning(c.uuid))).scalars())
    await _forget_contacts(tx, workspace_id, await _unlink(tx, workspace_id, gone))


async def _unlink(tx: Transaction, workspace_id: str, clients: Collection[str]) -> set[str]:
    """Deletes the links and numbers of some clients; the contacts that they had."""
    if not clients:
        return set()
    numbers, links = t.phone_numbers.c, t.client_contacts.c
    await tx.execute(
        sa.delete(t.phone_numbers).where(
            numbers.workspace_id == workspace_id, numbers.client_uuid.in_(clients)
        )
    )
    gone = await tx.execute(
        sa.delete(t.client_contacts)
        .where(links.workspace_id == workspace_id, links.client_uuid.in_(clients))
        .returning(links.contact_uuid)
    )
    return set(gone.scalars())


async def _forget_contacts(tx: Transaction, workspace_id: str, contacts: Collection[str]) -> None:
    """Deletes those of these contacts that no client has any more: contacts are shared."""
    if not contacts:
        return
    c, link = t.contacts.c, t.client_contacts.c
    is_linked = sa.exists().where(link.workspace_id == workspace_id, link.contact_uuid == c.uuid)
    await tx.execute(
        sa.delete(t.contacts).where(
            c.workspace_id == workspace_id, c.uuid.in_(contacts), ~is_linked
        )
    )


async def replace_staff(tx: Transaction, workspace_id: str, rows: Rows) -> None:
    """Makes the staff exactly these, writing only what differs."""
    c = t.staff.c
    found = await tx.execute(
        sa.select(c.uuid, c.name, c.email).where(c.workspace_id == workspace_id)
    )
    known = {row.uuid: (row.name, row.email) for row in found}
    await write(
        tx, t.staff, [row for row in rows if known.get(row["uuid"]) != (row["name"], row["email"])]
    )
    if gone := known.keys() - {row["uuid"] for row in rows}:
        await tx.execute(sa.delete(t.staff).where(c.workspace_id == workspace_id, c.uuid.in_(gone)))


async def forget_jobs(
    tx: Transaction, workspace_id: str, numbers: Collection[str], unseen_by: str
) -> None:
    """Deletes open jobs with their people and tasks, but for what was written while this sync ran.

    Closed jobs stay: a sync sees open ones only, and people look others up.
    """
    c = t.jobs.c
    statement = (
        sa.delete(t.jobs)
        .where(
            c.workspace_id == workspace_id,
            c.number.in_(numbers),
            c.is_open.is_(True),
            c.sync_id.not_in(await _seen_by(tx, workspace_id, unseen_by)),
        )
        .returning(c.number)
    )
    gone = set((await tx.execute(statement)).scalars())
    for table in (t.job_staff, t.tasks):
        await tx.execute(
            sa.delete(table).where(
                table.c.workspace_id == workspace_id, table.c.job_number.in_(gone)
            )
        )


async def replace_jobs(
    tx: Transaction,
    workspace_id: str,
    jobs: Rows,
    staff: Rows,
    tasks: Rows,
    *,
    with_tasks: bool,
) -> None:
    """Writes jobs with their people and tasks, in the place of what we had of them.

    Without `with_tasks` the source brings no tasks and may leave the people out: then what we had of those stays.
    """
    numbers = {job["number"] for job in jobs}
    told = {t.job_staff: numbers, t.tasks: numbers}
    if not with_tasks:
        told = {t.job_staff: {row["job_number"] for row in staff}}
    for table, of_jobs in told.items():
        c = table.c
        await tx.execute(
            sa.delete(table).where(c.workspace_id == workspace_id, c.job_number.in_(of_jobs))
        )
    await write(tx, t.jobs, jobs)
    await write(tx, t.job_staff, staff)
    if with_tasks:
        await write(tx, t.tasks, tasks)


async def jobs_not_asked_since(
    tx: Transaction,
    workspace_id: str,
    clients: Sequence[str],
    staff: Sequence[str],
    since: dt.datetime,
) -> tuple[list[str], list[str]]:
    """Those of these clients and staff whose jobs nobody asked for since then."""
    left = []
    for table, uuids in ((t.clients, clients), (t.staff, staff)):
        c = table.c
        asked = set(
            (
                await tx.execute(
                    sa.select(c.uuid).where(
                        c.workspace_id == workspace_id, c.uuid.in_(uuids), c.jobs_at > since
                    )
                )
            ).scalars()
        )
        left.append([uuid for uuid in uuids if uuid not in asked])
    return left[0], left[1]


async def jobs_asked(
    tx: Transaction, workspace_id: str, client: str, staff: str, at: dt.datetime
) -> None:
    """Notes that XPM was asked for the jobs of a client or of a staff member; an empty one is nobody."""
    for table, uuid in ((t.clients, client), (t.staff, staff)):
        if uuid:
            await tx.execute(
                sa.update(table)
                .where(table.c.workspace_id == workspace_id, table.c.uuid == uuid)
                .values(jobs_at=at)
            )


async def staff_by_email(tx: Transaction, workspace_id: str, email: str) -> StaffMember | None:
    """The one staff member with this address; two with the same are nobody, because guessing writes wrong time."""
    c = t.staff.c
    rows = (
        await tx.execute(
            sa.select(c.uuid, c.name, c.email).where(
                c.workspace_id == workspace_id, c.email == email.casefold()
            )
        )
    ).all()
    return StaffMember(**rows[0]._mapping) if len(rows) == 1 else None


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


def _job(row: Any) -> Job:
    return Job(**row._mapping)


_JOB = [t.jobs.c[name] for name in Job.__slots__]
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
        sa.select(*_JOB)
        .where(
            t.jobs.c.workspace_id == workspace_id,
            t.jobs.c.client_uuid.in_(client_uuids),
            t.jobs.c.is_open.is_(True),
            *_matching(words),
        )
        .order_by(*_BY_URGENCY)
        .limit(limit)
    )
    return [_job(row) for row in await tx.execute(statement)]


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
        sa.select(*_JOB)
        .where(
            t.jobs.c.workspace_id == workspace_id,
            _of_staff(workspace_id, staff_uuid),
            t.jobs.c.is_open.is_(True),
            *_matching(words),
        )
        .order_by(*_BY_URGENCY)
        .limit(limit)
    )
    return [_job(row) for row in await tx.execute(statement)]


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


async def job(tx: Transaction, workspace_id: str, number: str) -> Job | None:
    """One job by its exact ID."""
    statement = sa.select(*_JOB).where(
        t.jobs.c.workspace_id == workspace_id, t.jobs.c.number == number
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else _job(row)


async def tasks_of(tx: Transaction, workspace_id: str, number: str) -> list[Task]:
    """The tasks of a job: open ones first, then in the practice's order."""
    c = t.tasks.c
    rows = await tx.execute(
        sa.select(c.uuid, c.name, c.is_completed, c.assigned)
        .where(c.workspace_id == workspace_id, c.job_number == number)
        .order_by(c.is_completed, c.position)
    )
    return [Task(row.uuid, row.name, row.is_completed, tuple(row.assigned)) for row in rows]


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
