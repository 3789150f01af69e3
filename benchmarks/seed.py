"""A database with a practice of 15,000 clients and 100,000 jobs mirrored, and entries and calls to click."""

import datetime as dt
import uuid
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bot.settings import Settings
from xpm.clock import utc_now
from xpm.store import Database, job_marks, job_words, mirror
from xpm.store import calls as call_store
from xpm.store import connections as connection_store
from xpm.store import tables as t
from xpm.store import workspaces as workspace_store
from xpm.store.calls import Call, Party
from xpm.store.connections import Connection, Sync
from xpm.store.entries import Entry, State
from xpm.store.workspaces import Person, PhoneSystem, Workspace
from xpm.vault import Vault

TEAM, USER, STAFF = "T0KEA", "U0MIA", "staff-0"
PEOPLE = 50
SYSTEM = "benchmark"
WEBHOOK_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 (of nobody)
_CHUNK = 5000


def person_of(number: int) -> str:
    """Whose the entry of this number is: fifty people have as many each, and Mia is one of them."""
    of = number % PEOPLE
    return f"U0P{of:02}" if of else USER


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the requests refer to; whose each entry is tells `person_of`."""

    entries: list[str]
    webhook_secret: str


def words(number: int) -> str:
    """What the job of this number is called, and in front of Ltd the client."""
    first = ("Kea", "Tui", "Moa", "Weka", "Huia", "Rata", "Totara", "Rimu", "Kauri", "Miro")
    kinds = ("Tax return", "GST return", "Annual accounts", "Payroll", "Advisory", "Trust accounts")
    return f"{first[number % 10]} {number} {kinds[number % 6]}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a pretend practice gave; the default is nobody's."""

    tenant: str = "tenant"
    access: str = "token"
    refresh: str = "token"


async def seed(
    settings: Settings, *, clients: int, jobs: int, entries: int, tokens: Tokens | None = None
) -> Seeded:
    """Fills a migrated, empty database."""
    tokens = tokens or Tokens()
    database = Database(settings.database_url)
    vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
    now = utc_now()
    secret = WEBHOOK_SECRET
    async with database.transaction() as tx:
        await workspace_store.save(
            tx,
            Workspace(
                TEAM,
                "Kea Accounting",
                None,
                "A0XPM",
                "B1",
                "U1",
                vault.seal("xoxb-benchmark", f"workspaces.bot_token:{TEAM}"),
                "chat:write",
                USER,
                now,
            ),
        )
        person = Person(
            TEAM,
            USER,
            "mia@example.com",
            "Mia Chen",
            "Pacific/Auckland",
            True,
            channel="D1",
            learned_at=now,
        )
        for number in range(PEOPLE):
            name = person_of(number)
            email = person.email if name == USER else f"p{number}@example.com"
            await workspace_store.save_person(tx, replace(person, slack_user_id=name, email=email))
        sealed = vault.seal(secret, f"phone_systems.secret:{SYSTEM}")
        await workspace_store.add_phone_system(
            tx, PhoneSystem(SYSTEM, TEAM, "standard", sealed, now)
        )
        token = vault.seal(tokens.access, f"connections.access_token:{TEAM}")
        refresh = vault.seal(tokens.refresh, f"connections.refresh_token:{TEAM}")
        connection = Connection(
            TEAM,
            "c1",
            tokens.tenant,
            "Kea Accounting",
            "NZ",
            USER,
            now,
            token,
            refresh,
            now + dt.timedelta(days=1),
        )
        await connection_store.save(tx, connection)
        await connection_store.start_sync(
            tx,
            Sync(
                TEAM,
                "s1",
                now - dt.timedelta(minutes=1),
                now,
                None,
                clients,
                clients,
                48,
                jobs,
                clients,
            ),
        )
        await mirror.write(
            tx,
            t.staff,
            [
                _row(
                    uuid=f"staff-{number}",
                    name="Mia Chen",
                    email="mia@example.com" if number == 0 else f"p{number}@example.com",
                )
                for number in range(PEOPLE)
            ],
        )
    await fill(database, clients, jobs)
    ids = await _entries(database, entries, now)
    await database.close()
    return Seeded(ids, secret)


def _row(**values: Any) -> dict[str, Any]:
    return {"workspace_id": TEAM, "sync_id": "s1", **values}


async def fill(database: Database, clients: int, jobs: int) -> None:
    """Mirrors so many clients and jobs, as a sync would."""
    for start in range(0, clients, _CHUNK):
        some = range(start, min(clients, start + _CHUNK))
        async with database.transaction() as tx:
            await mirror.write(
                tx,
                t.clients,
                [_row(uuid=f"c{n}", name=f"{words(n)} Ltd", is_archived=False) for n in some],
            )
            await mirror.write(
                tx,
                t.phone_numbers,
                [_row(e164=f"+6495{n:06d}", client_uuid=f"c{n}", contact_uuid="") for n in some],
            )
    async with database.transaction() as tx:
        await job_marks.change(tx, TEAM)
    for start in range(0, jobs, _CHUNK):
        some = range(start, min(jobs, start + _CHUNK))
        async with database.transaction() as tx:
            made = [_job(n, clients) for n in some]
            await job_words.replace(tx, TEAM, made)
            await mirror.write(tx, t.jobs, made)
            await mirror.write(
                tx,
                t.tasks,
                [
                    _row(
                        job_number=f"J{n:06d}",
                        uuid=f"d{n}",
                        name="Client queries",
                        is_completed=False,
                        position=0,
                        assigned=[],
                    )
                    for n in some
                ],
            )
            # Somebody with many jobs: one in a thousand is theirs.
            own = [_row(job_number=f"J{n:06d}", staff_uuid=STAFF) for n in some if n % 1000 == 0]
            await mirror.write(tx, t.job_staff, own)


def _job(number: int, clients: int) -> dict[str, Any]:
    client, name = number % clients, words(number)
    return _row(
        number=f"J{number:06d}",
        uuid=None,
        name=name,
        state="In Progress",
        is_open=True,
        client_uuid=f"c{client}",
        client_name=f"{words(client)} Ltd",
        manager_name=None,
        due_date=dt.date(2026, 1 + number % 12, 1),
        web_url=None,
        search=f"j{number:06d} {name} {words(client)} ltd".casefold(),
    )


async def call_of_first_client(settings: Settings, slack_user_id: str) -> str:
    """The id of a new entry of this person for a call with the practice's first client."""
    database = Database(settings.database_url)
    now = utc_now()
    number = "+6495000000"
    call = Call(
        TEAM, uuid.uuid4().hex, SYSTEM, uuid.uuid4().hex, "", "inbound", (number,), None, True, False, now, now, 720,
        False, None, now,
    )  # fmt: skip
    party = Party(number, "c0", f"{words(0)} Ltd")
    entry = Entry(
        TEAM, uuid.uuid4().hex, slack_user_id, call.id, State.OFFERED, now.date(), now, now, channel="D1",
        message_ts="call.0",
    )  # fmt: skip
    async with database.transaction() as tx:
        await call_store.add(tx, call)
        await call_store.conclude(tx, TEAM, call.id, call_store.OFFERED, (party,))
        values = {column.name: getattr(entry, column.name) for column in t.entries.columns}
        await tx.execute(sa.insert(t.entries), [values])
    await database.close()
    return entry.id


async def _entries(database: Database, count: int, now: dt.datetime) -> list[str]:
    """Entries with everything chosen, so that one click saves them."""
    made = [
        Entry(
            TEAM,
            uuid.uuid4().hex,
            person_of(n),
            None,
            State.OFFERED,
            now.date() - dt.timedelta(days=2),
            now,
            now,
            channel="D1",
            message_ts=f"{n}.0",
            job_number="J000000",
            task_uuid="d0",
            minutes="6",
            note="Call",
        )
        for n in range(count)
    ]
    rows = [
        {column.name: getattr(one, column.name) for column in t.entries.columns} for one in made
    ]
    for start in range(0, len(rows), _CHUNK):
        async with database.transaction() as tx:
            await tx.execute(sa.insert(t.entries), rows[start : start + _CHUNK])
    return [one.id for one in made]
