"""The mirror of the practice as syncs and look-ups write it.

Clients and jobs carry a print of what they were made from, so that a sync writes only what changed, and the id of the
sync that wrote them, so that what one sync did not see is not taken from another that ran at the same time.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from xpm.store import job_marks, job_words
from xpm.store import tables as t
from xpm.store.database import Transaction, one_of
from xpm.store.mirror import JOB, Rows, write
from xpm.store.workspaces import upsert


class ClientRow(NamedTuple):
    """A client, with the print of all we keep of it."""

    workspace_id: str
    sync_id: str
    uuid: str
    name: str
    is_archived: bool
    print: str


class ContactRow(NamedTuple):
    """A contact, whosever it is."""

    workspace_id: str
    sync_id: str
    uuid: str
    name: str
    email: str | None


class LinkRow(NamedTuple):
    """That a contact is a client's."""

    workspace_id: str
    sync_id: str
    client_uuid: str
    contact_uuid: str
    position: str | None
    is_primary: bool


class NumberRow(NamedTuple):
    """That a number in E.164 is a client's, or a contact's of it; an empty contact is the client itself."""

    workspace_id: str
    sync_id: str
    client_uuid: str
    contact_uuid: str
    e164: str


@dataclass(slots=True)
class ClientRows:
    """Rows of some clients and of everything that hangs on them."""

    clients: list[ClientRow] = field(default_factory=list)
    contacts: dict[str, ContactRow] = field(default_factory=dict)
    links: list[LinkRow] = field(default_factory=list)
    numbers: list[NumberRow] = field(default_factory=list)


PAGE = 2000
"""How many keys `clients_after` and `open_jobs_after` bring at most."""

# One that began longer ago and never ended has died with its process.
_LONGEST_SYNC = dt.timedelta(hours=6)


async def _write_plain(
    tx: Transaction, table: sa.Table, rows: Sequence[ClientRow | ContactRow | LinkRow | NumberRow]
) -> None:
    """The same as `write` for text and truth alone, past SQLAlchemy's own work on each value: twice as quick."""
    if not rows:
        return
    names = rows[0]._fields
    statement: Any = upsert(tx, table, [dict.fromkeys(names)])
    compiled = statement.compile(dialect=tx.dialect, column_keys=names)
    if compiled.positional:
        in_order = itemgetter(*(names.index(name) for name in compiled.positiontup))
        given: Any = list(map(in_order, rows))
    else:
        given = [row._asdict() for row in rows]
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
        sa.select(c.uuid, c.print).where(c.workspace_id == workspace_id, one_of(tx, c.uuid, uuids))
    )
    return {row.uuid: row.print for row in rows}


async def job_prints(
    tx: Transaction, workspace_id: str, numbers: Collection[str]
) -> dict[str, str]:
    """The prints of those of these jobs that we have."""
    c = t.jobs.c
    rows = await tx.execute(
        sa.select(c.number, c.print).where(
            c.workspace_id == workspace_id, one_of(tx, c.number, numbers)
        )
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
    await _write_plain(tx, t.contacts, [*rows.contacts.values()])
    await _write_plain(tx, t.client_contacts, rows.links)
    await _write_plain(tx, t.phone_numbers, rows.numbers)
    await _forget_contacts(tx, workspace_id, before - rows.contacts.keys())


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
    is_unseen = (
        c.workspace_id == workspace_id,
        c.number.in_(numbers),
        c.is_open.is_(True),
        c.sync_id.not_in(await _seen_by(tx, workspace_id, unseen_by)),
    )
    await job_marks.take_turn(tx, workspace_id)
    gone = set((await tx.execute(sa.select(c.number).where(*is_unseen))).scalars())
    if gone:
        await job_marks.change(tx, workspace_id)
    await job_words.forget(tx, workspace_id, gone)
    await tx.execute(sa.delete(t.jobs).where(c.workspace_id == workspace_id, c.number.in_(gone)))
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
    await job_marks.take_turn(tx, workspace_id)
    if with_tasks or (jobs and await _differ(tx, workspace_id, jobs, staff)):
        await job_marks.change(tx, workspace_id)
    await job_words.replace(tx, workspace_id, jobs)
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


async def _differ(tx: Transaction, workspace_id: str, jobs: Rows, staff: Rows) -> bool:
    """Whether these jobs and their people are not what we have: after every call the same ones are told again."""
    c, s = t.jobs.c, t.job_staff.c
    # A list leaves the address out of some, and of all or of none here.
    names = [column.name for column in JOB if column.name in jobs[0]]
    rows = await tx.execute(
        sa.select(*(c[name] for name in names)).where(
            c.workspace_id == workspace_id, one_of(tx, c.number, [job["number"] for job in jobs])
        )
    )
    if {tuple(row) for row in rows} != {tuple(job[name] for name in names) for job in jobs}:
        return True
    of_jobs = {row["job_number"] for row in staff}
    rows = await tx.execute(
        sa.select(s.job_number, s.staff_uuid).where(
            s.workspace_id == workspace_id, one_of(tx, s.job_number, of_jobs)
        )
    )
    return {tuple(row) for row in rows} != {(row["job_number"], row["staff_uuid"]) for row in staff}


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
