"""Two workspaces with the same ids in one database never see or touch each other's rows."""

import datetime as dt
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from xpm.store import Database, Transaction, audit, calls, connections, entries, mirror, workspaces
from xpm.store import tables as t
from xpm.store.calls import Call, Party
from xpm.store.connections import Connection, ConnectLink, Sync
from xpm.store.entries import Entry, Saved, State
from xpm.store.workspaces import Person, PhoneSystem, Workspace
from xpm.vault import Sealed

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LATER = NOW + dt.timedelta(minutes=5)
TODAY = NOW.date()
OURS, THEIRS = "T1", "T2"
SEALED = Sealed("v1.a.b")
MODULES: dict[str, ModuleType] = {
    "audit": audit,
    "calls": calls,
    "connections": connections,
    "entries": entries,
    "mirror": mirror,
    "workspaces": workspaces,
}

Query = Callable[[Transaction], Awaitable[Any]]


def _call(workspace: str, **more: Any) -> Call:
    values: dict[str, Any] = {
        "workspace_id": workspace,
        "id": "c1",
        "phone_system_id": f"p-{workspace}",
        "source_id": "s1",
        "email": "mia@example.com",
        "direction": "inbound",
        "numbers": ("+64215550123",),
        "caller_name": f"caller of {workspace}",
        "is_answered": True,
        "is_internal": False,
        "started_at": NOW,
        "ended_at": LATER,
        "seconds": 300,
        "includes_ringing": False,
        "notes": None,
        "received_at": NOW,
        "outcome": calls.UNKNOWN_PERSON,
    }
    return Call(**(values | more))


def _entry(workspace: str, **more: Any) -> Entry:
    saved = Saved("J1", f"job of {workspace}", "k1", "Task", 5, f"note of {workspace}", TODAY)
    values: dict[str, Any] = {
        "workspace_id": workspace,
        "id": "e1",
        "slack_user_id": "U1",
        "call_id": "c1",
        "state": State.SENT,
        "date": TODAY,
        "created_at": NOW,
        "changed_at": NOW,
        "job_number": "J1",
        "task_uuid": f"k-{workspace}",
        "staff_uuid": "f1",
        "note": f"note of {workspace}",
        "xpm_time_uuid": "x1",
        "saved": saved,
        "sent_at": NOW,
    }
    return Entry(**(values | more))


def _job_rows(workspace: str) -> tuple[mirror.Rows, mirror.Rows, mirror.Rows]:
    marks = {"workspace_id": workspace, "sync_id": "s1"}
    job = {
        **marks,
        "number": "J1",
        "uuid": "j1",
        "name": f"job of {workspace}",
        "state": "In Progress",
        "is_open": True,
        "client_uuid": "k1",
        "client_name": f"client of {workspace}",
        "manager_name": None,
        "due_date": TODAY,
        "web_url": None,
        "search": f"j1 job of {workspace}".casefold(),
    }
    staff = {**marks, "job_number": "J1", "staff_uuid": "f1"}
    task = {
        **marks,
        "job_number": "J1",
        "uuid": "k1",
        "name": f"task of {workspace}",
        "is_completed": False,
        "position": 0,
        "assigned": [],
    }
    return [job], [staff], [task]


def _system(workspace: str) -> PhoneSystem:
    return PhoneSystem(f"p-{workspace}", workspace, "standard", SEALED, NOW)


def _connection(workspace: str) -> Connection:
    return Connection(
        workspace_id=workspace,
        id="x1",
        tenant_id="tenant",
        practice=f"practice of {workspace}",
        region="NZ",
        connected_by="U1",
        connected_at=NOW,
        access_token=SEALED,
        refresh_token=SEALED,
        expires_at=LATER,
    )


def _workspace(workspace: str) -> Workspace:
    return Workspace(
        workspace, f"name of {workspace}", None, "A1", "B1", "UB", SEALED, "chat:write", "U1", NOW
    )


async def _fill(tx: Transaction, workspace: str, many: int = 1) -> None:
    """One row in every table that has a workspace; `many` differs so that counts would show a mixture."""
    await workspaces.save(tx, _workspace(workspace))
    for number in range(1, many + 1):
        person = Person(
            workspace,
            f"U{number}",
            email="mia@example.com" if number == 1 else None,
            name=f"person of {workspace}",
            has_seen_home=True,
        )
        await workspaces.save_person(tx, person)
    await workspaces.add_phone_system(tx, _system(workspace))
    await connections.save(tx, _connection(workspace))
    await connections.add_link(
        tx,
        ConnectLink(
            f"link-{workspace}",
            workspace,
            "U1",
            LATER,
            state=f"state-{workspace}",
            browser=f"browser-{workspace}",
        ),
    )
    sync = Sync(workspace, "s1", NOW, finished_at=LATER, clients=many)
    await connections.start_sync(tx, sync)
    for number in range(1, many + 1):
        source = f"s{number}"
        await calls.add(
            tx, _call(workspace, id=f"c{number}", source_id=source, email="mia@example.com")
        )
        own = {"id": f"e{number}", "call_id": f"c{number}", "xpm_time_uuid": f"x{number}"}
        await entries.add(tx, _entry(workspace, **own))
        waits = {"id": f"w{number}", "call_id": None, "xpm_time_uuid": None}
        await entries.add(tx, _entry(workspace, state=State.SENDING, **waits))
    marks = {"workspace_id": workspace, "sync_id": "s1"}
    for table, row in (
        (t.clients, {"uuid": "k1", "name": f"client of {workspace}", "is_archived": False}),
        (t.contacts, {"uuid": "o1", "name": f"contact of {workspace}", "email": None}),
        (
            t.client_contacts,
            {
                "client_uuid": "k1",
                "contact_uuid": "o1",
                "position": f"position of {workspace}",
                "is_primary": True,
            },
        ),
        (t.phone_numbers, {"e164": "+64215550123", "client_uuid": "k1", "contact_uuid": "o1"}),
        (t.staff, {"uuid": "f1", "name": f"staff of {workspace}", "email": "mia@example.com"}),
    ):
        await mirror.write(tx, table, [{**marks, **row}])
    await mirror.replace_jobs(tx, workspace, *_job_rows(workspace), with_tasks=True)
    await audit.note(tx, audit.Fact(NOW, workspace, f"event.of.{workspace}"))


# What each question brings while only our workspace is there must be what it brings when theirs is there as well.
READS: dict[str, Query] = {
    "audit.since": lambda tx: audit.since(tx, OURS, NOW),
    "calls.get": lambda tx: calls.get(tx, OURS, "c1"),
    "calls.of_nobody": lambda tx: calls.of_nobody(tx, OURS, NOW),
    "connections.hold": lambda tx: connections.hold(tx, OURS, "tenant"),
    "connections.get": lambda tx: connections.get(tx, OURS),
    "connections.last_sync": lambda tx: connections.last_sync(tx, OURS),
    "connections.link": lambda tx: connections.link(tx, f"link-{OURS}"),
    "connections.link_of_browser": lambda tx: connections.link_of_browser(tx, f"browser-{OURS}"),
    "connections.sync": lambda tx: connections.sync(tx, OURS, "s1"),
    "entries.count_by_state": lambda tx: entries.count_by_state(tx, OURS),
    "entries.get": lambda tx: entries.get(tx, OURS, "e1"),
    "entries.in_state": lambda tx: entries.in_state(tx, OURS, *State),
    "entries.known_times": lambda tx: entries.known_times(tx, OURS, ["x1", "x2"]),
    "entries.last_task_for_job": lambda tx: entries.last_task_for_job(tx, OURS, "U1", "J1"),
    "entries.of_person": lambda tx: entries.of_person(tx, OURS, "U1", "e1"),
    "entries.sent_on": lambda tx: entries.sent_on(tx, OURS, "U1", TODAY),
    "entries.unshown_of_call": lambda tx: entries.unshown_of_call(tx, OURS, "c1"),
    "mirror.count_jobs_of_client": lambda tx: mirror.count_jobs_of_client(tx, OURS, "k1"),
    "mirror.count_jobs_of_staff": lambda tx: mirror.count_jobs_of_staff(tx, OURS, "f1"),
    "mirror.counts": lambda tx: mirror.counts(tx, OURS),
    "mirror.job": lambda tx: mirror.job(tx, OURS, "J1"),
    "mirror.jobs_of_clients": lambda tx: mirror.jobs_of_clients(tx, OURS, ["k1"], [], 9),
    "mirror.jobs_of_staff": lambda tx: mirror.jobs_of_staff(tx, OURS, "f1", ["job"], 9),
    "mirror.parties": lambda tx: mirror.parties(tx, OURS, "+64215550123"),
    "mirror.staff_by_email": lambda tx: mirror.staff_by_email(tx, OURS, "mia@example.com"),
    "mirror.tasks_of": lambda tx: mirror.tasks_of(tx, OURS, "J1"),
    "workspaces.get": lambda tx: workspaces.get(tx, OURS),
    "workspaces.people_who_saw_home": lambda tx: workspaces.people_who_saw_home(tx, OURS),
    "workspaces.person": lambda tx: workspaces.person(tx, OURS, "U1"),
    "workspaces.person_by_email": lambda tx: workspaces.person_by_email(
        tx, OURS, "mia@example.com"
    ),
    "workspaces.phone_system": lambda tx: workspaces.phone_system(tx, "standard", f"p-{OURS}"),
}

_STALE = {
    "workspace_id": OURS,
    "uuid": "k9",
    "name": "new",
    "is_archived": False,
    "sync_id": "s2",
}

# Each of these changes our rows and must leave theirs exactly as they were.
WRITES: dict[str, Query] = {
    "audit.note": lambda tx: audit.note(tx, audit.Fact(NOW, OURS, "more")),
    "calls.add": lambda tx: calls.add(tx, _call(OURS, id="c9", source_id="s9")),
    "calls.conclude": lambda tx: calls.conclude(tx, OURS, "c1", calls.OFFERED, (Party("+1"),)),
    "connections.add_link": lambda tx: connections.add_link(
        tx, ConnectLink("new", OURS, "U1", LATER)
    ),
    "connections.answer_link": lambda tx: connections.answer_link(
        tx, f"state-{OURS}", f"browser-{OURS}", NOW
    ),
    "connections.change": lambda tx: connections.change(tx, OURS, practice="changed"),
    "connections.change_sync": lambda tx: connections.change_sync(tx, OURS, "s1", jobs=7),
    "connections.end": lambda tx: connections.end(tx, _connection(OURS), NOW, "xero"),
    "connections.forget": lambda tx: connections.forget(tx, OURS),
    "connections.open_link": lambda tx: connections.open_link(
        tx, f"link-{OURS}", NOW, state="new", browser="new", verifier=SEALED
    ),
    "connections.save": lambda tx: connections.save(
        tx, replace(_connection(OURS), practice="saved again")
    ),
    "connections.settle_link": lambda tx: connections.settle_link(tx, f"link-{OURS}", "used"),
    "connections.start_sync": lambda tx: connections.start_sync(tx, Sync(OURS, "s1", LATER)),
    "entries.add": lambda tx: entries.add(
        tx, _entry(OURS, id="e9", call_id=None, xpm_time_uuid=None)
    ),
    "entries.change": lambda tx: entries.change(tx, _entry(OURS), note="changed"),
    "entries.shown": lambda tx: entries.shown(tx, _entry(OURS), "D1", "1.2"),
    "mirror.replace_jobs": lambda tx: mirror.replace_jobs(
        tx,
        OURS,
        *[[{**row, "sync_id": "s9"} for row in rows] for rows in _job_rows(OURS)],
        with_tasks=True,
    ),
    "mirror.sweep": lambda tx: mirror.sweep(tx, OURS, "s9"),
    "mirror.write": lambda tx: mirror.write(tx, t.clients, [_STALE]),
    "workspaces.add_phone_system": lambda tx: workspaces.add_phone_system(
        tx, replace(_system(OURS), id="new")
    ),
    "workspaces.forget": lambda tx: workspaces.forget(tx, OURS),
    "workspaces.save": lambda tx: workspaces.save(tx, replace(_workspace(OURS), name="renamed")),
    "workspaces.save_person": lambda tx: workspaces.save_person(
        tx, Person(OURS, "U1", name="renamed")
    ),
}

# These serve the whole installation, or know their row by a secret's fingerprint alone.
OF_ALL_WORKSPACES = {
    "connections.purge_links",
    "workspaces.every_id",
    "workspaces.new_install_state",
    "workspaces.use_install_state",
    "workspaces.upsert",  # makes a statement and runs none
}


def _public_queries() -> set[str]:
    return {
        f"{name}.{query}"
        for name, module in MODULES.items()
        for query, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not query.startswith("_")
        and next(iter(inspect.signature(function).parameters), "") == "tx"
    }


def test_every_query_of_the_store_is_walked_here() -> None:
    walked = {*READS, *WRITES, *OF_ALL_WORKSPACES}
    assert _public_queries() == walked


def test_every_table_is_somebodys() -> None:
    without = {name for name, table in t.metadata.tables.items() if "workspace_id" not in table.c}
    assert without == {"workspaces", "install_states"}


async def _rows(tx: Transaction, workspace: str) -> dict[str, list[Any]]:
    found = {}
    for name, table in t.metadata.tables.items():
        if name == "install_states":
            continue
        owner = table.c.id if name == "workspaces" else table.c.workspace_id
        statement = sa.select(table).where(owner == workspace)
        found[name] = sorted(map(repr, await tx.execute(statement)))
    return found


async def test_every_question_is_answered_from_its_own_workspace_only(database: Database) -> None:
    async with database.transaction() as tx:
        await _fill(tx, OURS)
        alone = {name: await ask(tx) for name, ask in READS.items()}
        await _fill(tx, THEIRS, many=3)
        together = {name: await ask(tx) for name, ask in READS.items()}
    for name, answer in alone.items():
        assert answer, name
        assert together[name] == answer, name
        assert f"of {THEIRS}" not in repr(together[name]), name


async def test_every_change_touches_its_own_workspace_only(database: Database) -> None:
    async with database.transaction() as tx:
        await _fill(tx, OURS)
        await _fill(tx, THEIRS, many=3)
        ours, theirs = await _rows(tx, OURS), await _rows(tx, THEIRS)
        assert all(theirs.values())
        for name, change in WRITES.items():
            tried = await tx.begin_nested()
            await change(tx)
            assert await _rows(tx, THEIRS) == theirs, name
            assert await _rows(tx, OURS) != ours, name
            await tried.rollback()


async def test_the_clock_sees_every_workspace(database: Database) -> None:
    async with database.transaction() as tx:
        await _fill(tx, OURS)
        await _fill(tx, THEIRS)
        assert sorted(await workspaces.every_id(tx)) == [OURS, THEIRS]


async def test_uninstalling_erases_everything_but_the_audit(database: Database) -> None:
    async with database.transaction() as tx:
        await _fill(tx, OURS)
        before = await _rows(tx, OURS)
        assert all(before.values())
        await workspaces.forget(tx, OURS)
        after = await _rows(tx, OURS)
    assert after.pop("audit") == before["audit"]
    assert not any(after.values())


async def test_disconnecting_erases_the_mirror_and_keeps_what_people_did(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await _fill(tx, OURS)
        await connections.forget(tx, OURS)
        after = await _rows(tx, OURS)
    kept = {name for name, rows in after.items() if rows}
    assert kept == {
        "workspaces",
        "people",
        "connect_links",
        "phone_systems",
        "calls",
        "entries",
        "audit",
    }
