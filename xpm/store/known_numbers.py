"""Whose a number is that the practice has not in XPM, as its people said."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from xpm.ranking import fold, misfit, typed_words
from xpm.store import tables as t
from xpm.store.calls import Party
from xpm.store.database import Transaction
from xpm.store.mirror import Client
from xpm.store.workspaces import upsert

_READ = 300


@dataclass(frozen=True, slots=True)
class KnownNumber:
    """That a number (E.164) is a client's, who said so and when."""

    workspace_id: str
    e164: str
    client_uuid: str
    slack_user_id: str
    said_at: dt.datetime


async def say(tx: Transaction, known: KnownNumber) -> None:
    """Remembers whose a number is, in the place of what was said before."""
    row = {column.name: getattr(known, column.name) for column in t.known_numbers.columns}
    await tx.execute(upsert(tx, t.known_numbers, row))


async def forget(tx: Transaction, workspace_id: str, e164: str) -> None:
    """Forgets what was said of a number."""
    c = t.known_numbers.c
    await tx.execute(
        sa.delete(t.known_numbers).where(c.workspace_id == workspace_id, c.e164 == e164)
    )


async def party(tx: Transaction, workspace_id: str, e164: str) -> Party | None:
    """The client that a number was said to be of, while the practice has it as an active one."""
    k, c = t.known_numbers.c, t.clients.c
    row = (
        await tx.execute(
            sa.select(c.uuid, c.name)
            .join(
                t.known_numbers,
                sa.and_(k.workspace_id == c.workspace_id, k.client_uuid == c.uuid),
            )
            .where(k.workspace_id == workspace_id, k.e164 == e164, c.is_archived.is_(False))
        )
    ).first()
    return None if row is None else Party(e164, row.uuid, row.name)


async def among(tx: Transaction, workspace_id: str, numbers: Sequence[str]) -> list[KnownNumber]:
    """What was said of these numbers."""
    c = t.known_numbers.c
    rows = await tx.execute(
        sa.select(t.known_numbers)
        .where(c.workspace_id == workspace_id, c.e164.in_(numbers))
        .order_by(c.e164)
    )
    return [KnownNumber(**row._mapping) for row in rows]


async def client(tx: Transaction, workspace_id: str, uuid: str) -> Client | None:
    """An active client of the practice."""
    c = t.clients.c
    row = (
        await tx.execute(
            sa.select(c.uuid, c.name).where(
                c.workspace_id == workspace_id, c.uuid == uuid, c.is_archived.is_(False)
            )
        )
    ).first()
    return None if row is None else Client(row.uuid, row.name)


async def clients_like(tx: Transaction, workspace_id: str, typed: str, limit: int) -> list[Client]:
    """Active clients by the words of their name, the best first; a letter wrong is forgiven, not in the first three."""
    words = typed_words(typed)
    if not words:
        return []
    c = t.clients.c
    # As typed, and by its beginning: an accent or a wrong letter further on does not hide a name.
    like = [
        sa.or_(c.name.icontains(raw, autoescape=True), c.name.icontains(raw[:3], autoescape=True))
        for raw in typed.split()[: len(words)]
    ]
    rows = await tx.execute(
        sa.select(c.uuid, c.name)
        .where(c.workspace_id == workspace_id, c.is_archived.is_(False), sa.or_(*like))
        .order_by(
            # Names with every word as it was typed are read first, however many others begin so.
            sa.and_(*(c.name.icontains(raw, autoescape=True) for raw in typed.split())).desc(),
            c.name,
        )
        .limit(_READ)
    )
    found = []
    for uuid, name in rows:
        names = typed_words(name)
        fits = [
            min((fit for one in names if (fit := misfit(word, one)) is not None), default=None)
            for word in words
        ]
        if None not in fits:
            found.append((sum(fit or 0 for fit in fits), fold(name), Client(uuid, name)))
    return [one for _, _, one in sorted(found, key=lambda one: one[:2])][:limit]


async def last_logged(
    tx: Transaction, workspace_id: str, e164: str, uuids: Sequence[str], since: dt.date
) -> list[tuple[str, str, dt.datetime]]:
    """On which of these clients' jobs calls with a number were logged: (client, person, when last)."""
    e, j = t.entries.c, t.jobs.c
    rows = await tx.execute(
        sa.select(j.client_uuid, e.slack_user_id, sa.func.max(e.sent_at).label("last"))
        .select_from(
            t.entries.join(
                t.calls,
                sa.and_(t.calls.c.workspace_id == e.workspace_id, t.calls.c.id == e.call_id),
            ).join(t.jobs, sa.and_(j.workspace_id == e.workspace_id, j.number == e.job_number))
        )
        .where(
            e.workspace_id == workspace_id,
            e.state == "sent",
            e.date >= since,
            j.client_uuid.in_(uuids),
            sa.cast(t.calls.c.parties, sa.Text).contains(f'"{e164}"'),
        )
        .group_by(j.client_uuid, e.slack_user_id)
    )
    return [(row.client_uuid, row.slack_user_id, row.last) for row in rows]


async def with_open_jobs(tx: Transaction, workspace_id: str, uuids: Sequence[str]) -> set[str]:
    """Those of these clients that have open jobs."""
    c = t.jobs.c
    rows = await tx.execute(
        sa.select(c.client_uuid)
        .distinct()
        .where(c.workspace_id == workspace_id, c.client_uuid.in_(uuids), c.is_open.is_(True))
    )
    return {uuid for uuid in rows.scalars() if uuid is not None}
