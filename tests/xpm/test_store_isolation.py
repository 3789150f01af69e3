"""Two workspaces with the same ids in one database never see or touch each other's rows."""

import datetime as dt
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from xpm.calls import Late, Remark, Rules
from xpm.store import (
    Database,
    Transaction,
    audit,
    calls,
    connections,
    copying,
    entries,
    installed,
    job_marks,
    job_words,
    known_numbers,
    links,
    mirror,
    phones,
    syncs,
    ways,
    workspaces,
)
from xpm.store import tables as t
from xpm.store.calls import Call, Party
from xpm.store.connections import Connection, Sync
from xpm.store.entries import Entry, Saved, State
from xpm.store.links import ConnectLink
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
    "copying": copying,
    "installed": installed,
    "job_words": job_words,
    "job_marks": job_marks,
    "known_numbers": known_numbers,
    "entries": entries,
    "links": links,
    "mirror": mirror,
    "phones": phones,
    "syncs": syncs,
    "ways": ways,
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
        "has_news": True,
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
        "search": f"j1 job of {workspace} accounts".casefold(),
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
    return PhoneSystem(
        f"p-{workspace}", workspace, "standard", SEALED, NOW, refused_why="of a secret"
    )


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
        lease="l0",
        lease_until=NOW,
    )


def _workspace(workspace: str) -> Workspace:
    return Workspace(
        workspace, f"name of {workspace}", None, "A1", "B1", "UB", SEALED, "chat:write", "U1", NOW
    )


def _phone_person(workspace: str) -> phones.PhonePerson:
    return phones.PhonePerson(workspace, "p1", "extension 1", NOW, f"{workspace}@example.com")


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
    await links.add(
        tx,
        ConnectLink(
            f"link-{workspace}",
            workspace,
            "U1",
            LATER,
            state=f"state-{workspace}",
            browser=f"browser-{workspace}",
            signin_state=f"sign-in-{workspace}",
            signin_provider="apple",
            signin_verifier=SEALED,
            signed_in_as=f"somebody of {workspace}",
            consented=SEALED,
        ),
    )
    sync = Sync(workspace, "s1", NOW, finished_at=LATER, clients=many)
    await connections.start_sync(tx, sync)
    await connections.start_sync(tx, Sync(workspace, f"running of {workspace}", NOW, kind="jobs"))
    for number in range(1, many + 1):
        source = f"s{number}"
        await calls.add(
            tx, _call(workspace, id=f"c{number}", source_id=source, email="mia@example.com")
        )
        own = {"id": f"e{number}", "call_id": f"c{number}", "xpm_time_uuid": f"x{number}"}
        await entries.add(tx, _entry(workspace, **own))
        waits = {"id": f"w{number}", "call_id": None, "xpm_time_uuid": None}
        await entries.add(tx, _entry(workspace, state=State.SENDING, **waits))
        offer = {"id": f"o{number}", "call_id": None, "xpm_time_uuid": None, "message_ts": "1.2"}
        await entries.add(tx, _entry(workspace, state=State.OFFERED, **offer))
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
    await copying.replace_jobs(tx, workspace, *_job_rows(workspace), with_tasks=True)
    said = {
        "e164": "+64215550199",
        "client_uuid": "k1",
        "slack_user_id": f"U of {workspace}",
        "said_at": NOW,
    }
    await mirror.write(tx, t.known_numbers, [{"workspace_id": workspace, **said}])
    party = Party("+64215550123", "k1", f"client of {workspace}")
    await calls.conclude(tx, workspace, "c1", calls.UNKNOWN_PERSON, (party,))
    await phones.mend(tx, workspace, "p1", "extension 1", f"{workspace}@example.com", NOW)
    for number in range(many):
        unknown = phones.PhonePerson(workspace, "p1", f"extension 10{number}", NOW)
        await phones.learn(tx, replace(unknown, name=f"unknown of {workspace}"), None)
    await phones.save_rules(tx, workspace, Rules(many, ignored_numbers=(f"of {workspace}",)))
    late = Late("s1", (Remark("tag", f"tag of {workspace}"),))
    await phones.keep_tellings(tx, workspace, "p1", [(late, late)], NOW)
    await tx.execute(
        sa.update(t.calls).where(t.calls.c.workspace_id == workspace).values(staff="extension 1")
    )
    await audit.note(tx, audit.Fact(NOW, workspace, f"event.of.{workspace}"))


async def _likely(tx: Transaction, typed: list[str]) -> Any:
    return (await job_words.likely(tx, OURS, typed)).jobs


# What each question brings while only our workspace is there must be what it brings when theirs is there as well.
READS: dict[str, Query] = {
    "audit.last": lambda tx: audit.last(tx, OURS, [f"event.of.{OURS}", f"event.of.{THEIRS}"]),
    "audit.page": lambda tx: audit.page(tx, NOW, OURS, 0, 9),
    "audit.since": lambda tx: audit.since(tx, OURS, NOW),
    "calls.get": lambda tx: calls.get(tx, OURS, "c1"),
    "calls.of_nobody": lambda tx: calls.of_nobody(tx, OURS, NOW),
    "calls.of_sources": lambda tx: calls.of_sources(tx, OURS, f"p-{OURS}", ["s1"]),
    "calls.of_staff_unknown": lambda tx: calls.of_staff_unknown(
        tx, OURS, f"p-{OURS}", "extension 1", NOW
    ),
    "entries.of_call": lambda tx: entries.of_call(tx, OURS, "c1"),
    "phones.known_as": lambda tx: phones.known_as(tx, OURS, "p1", ("extension 1",)),
    "calls.waiting_by_name": lambda tx: calls.waiting_by_name(tx, OURS, f"p-{OURS}", NOW),
    "phones.one": lambda tx: phones.one(tx, OURS, f"p-{OURS}"),
    "phones.unknown_names": lambda tx: phones.unknown_names(tx, OURS),
    "phones.of_workspace": lambda tx: phones.of_workspace(tx, OURS),
    "phones.people": lambda tx: phones.people(tx, OURS, "p1"),
    "phones.rules": lambda tx: phones.rules(tx, OURS, Rules()),
    "phones.tellings": lambda tx: phones.tellings(tx, OURS, "p1", ["s1"]),
    "connections.hold": lambda tx: connections.hold(tx, OURS, "tenant"),
    "connections.get": lambda tx: connections.get(tx, OURS),
    "connections.last_sync": lambda tx: connections.last_sync(tx, OURS),
    "connections.sync": lambda tx: connections.sync(tx, OURS, "s1"),
    "entries.count_by_state": lambda tx: entries.count_by_state(tx, OURS),
    "entries.get": lambda tx: entries.get(tx, OURS, "e1"),
    "entries.in_state": lambda tx: entries.in_state(tx, OURS, *State),
    "entries.last_task_for_job": lambda tx: entries.last_task_for_job(tx, OURS, "U1", "J1"),
    "entries.of_person": lambda tx: entries.of_person(tx, OURS, "U1", "e1"),
    "entries.open_with_message": lambda tx: entries.open_with_message(
        tx, OURS, NOW - dt.timedelta(days=1)
    ),
    "entries.sent_since": lambda tx: entries.sent_since(tx, OURS, NOW - dt.timedelta(days=1)),
    "entries.sent_on": lambda tx: entries.sent_on(tx, OURS, "U1", TODAY),
    "entries.unshown_of_call": lambda tx: entries.unshown_of_call(tx, OURS, "c1"),
    "links.get": lambda tx: links.get(tx, f"link-{OURS}"),
    "links.of_browser": lambda tx: links.of_browser(tx, f"browser-{OURS}"),
    "known_numbers.among": lambda tx: known_numbers.among(tx, OURS, ["+64215550199"]),
    "known_numbers.client": lambda tx: known_numbers.client(tx, OURS, "k1"),
    "known_numbers.clients_like": lambda tx: known_numbers.clients_like(tx, OURS, "client", 9),
    "known_numbers.last_logged": lambda tx: known_numbers.last_logged(
        tx, OURS, "+64215550123", ["k1"], TODAY
    ),
    "known_numbers.party": lambda tx: known_numbers.party(tx, OURS, "+64215550199"),
    "known_numbers.with_open_jobs": lambda tx: known_numbers.with_open_jobs(tx, OURS, ["k1"]),
    "job_words.likely": lambda tx: _likely(tx, ["job", "acounts", "of"]),
    "mirror.jobs_logged_on": lambda tx: mirror.jobs_logged_on(tx, OURS, "U1", TODAY, 9),
    "mirror.outermost_ids": lambda tx: mirror.outermost_ids(tx, OURS),
    "job_marks.of": lambda tx: job_marks.of(tx, OURS),
    "mirror.own_among": lambda tx: mirror.own_among(tx, OURS, "f1", ["J1"]),
    "mirror.count_jobs_of_client": lambda tx: mirror.count_jobs_of_client(tx, OURS, "k1"),
    "mirror.count_jobs_of_staff": lambda tx: mirror.count_jobs_of_staff(tx, OURS, "f1"),
    "mirror.counts": lambda tx: mirror.counts(tx, OURS),
    "mirror.job": lambda tx: mirror.job(tx, OURS, "J1"),
    "mirror.jobs_among": lambda tx: mirror.jobs_among(tx, OURS, ["J1"]),
    "mirror.jobs_of_clients": lambda tx: mirror.jobs_of_clients(tx, OURS, ["k1"], [], 9),
    "mirror.jobs_of_staff": lambda tx: mirror.jobs_of_staff(tx, OURS, "f1", ["job"], 9),
    "mirror.parties": lambda tx: mirror.parties(tx, OURS, "+64215550123"),
    "mirror.staff_by_email": lambda tx: mirror.staff_by_email(tx, OURS, "mia@example.com"),
    "copying.client_prints": lambda tx: copying.client_prints(tx, OURS, ["k1"]),
    "copying.clients_after": lambda tx: copying.clients_after(tx, OURS, ""),
    "copying.job_prints": lambda tx: copying.job_prints(tx, OURS, ["J1"]),
    "copying.jobs_not_asked_since": lambda tx: copying.jobs_not_asked_since(
        tx, OURS, ["k1"], ["f1"], NOW
    ),
    "copying.open_jobs_after": lambda tx: copying.open_jobs_after(tx, OURS, ""),
    "syncs.clients_known_until": lambda tx: syncs.clients_known_until(tx, OURS),
    "syncs.running": lambda tx: syncs.running(tx, OURS, LATER),
    "mirror.tasks_of": lambda tx: mirror.tasks_of(tx, OURS, "J1"),
    "installed.holder": lambda tx: installed.holder(tx, OURS),
    "installed.is_known": lambda tx: installed.is_known(tx, OURS),
    "ways.queue": lambda tx: ways.queue(tx, OURS, "U1"),
    "ways.syncs": lambda tx: ways.syncs(tx, OURS),
    "ways.who": lambda tx: ways.who(tx, OURS, "U1"),
    "workspaces.get": lambda tx: workspaces.get(tx, OURS),
    "workspaces.people_who_saw_home": lambda tx: workspaces.people_who_saw_home(tx, OURS),
    "workspaces.person": lambda tx: workspaces.person(tx, OURS, "U1"),
    "workspaces.person_by_email": lambda tx: workspaces.person_by_email(
        tx, OURS, "mia@example.com"
    ),
    "workspaces.phone_system": lambda tx: workspaces.phone_system(tx, "standard", f"p-{OURS}"),
}

_STALE: dict[str, Any] = {
    "workspace_id": OURS,
    "uuid": "k9",
    "name": "new",
    "is_archived": False,
    "sync_id": "s2",
}


async def _after_removal(tx: Transaction, change: Any, *arguments: Any) -> None:
    await installed.remove(tx, OURS, NOW)
    await tx.execute(
        sa.update(t.workspaces).where(t.workspaces.c.id == OURS).values(enterprise_id="E1")
    )
    assert await change(tx, *arguments)


async def _meet(tx: Transaction) -> None:
    assert not await installed.meet(tx, _workspace(OURS))
    await tx.execute(sa.delete(t.workspaces).where(t.workspaces.c.id == OURS))
    assert await installed.meet(tx, replace(_workspace(OURS), bot_token=None))


async def _rotating(tx: Transaction, change: Any) -> None:
    values = {"refresh_token": SEALED, "token_expires_at": NOW}
    await tx.execute(sa.update(t.workspaces).where(t.workspaces.c.id == OURS).values(**values))
    assert await change(tx, _workspace(OURS), NOW, LATER)
    assert not await change(tx, _workspace(OURS), NOW, LATER)


# Each of these changes our rows and must leave theirs exactly as they were.
WRITES: dict[str, Query] = {
    "audit.note": lambda tx: audit.note(tx, audit.Fact(NOW, OURS, "more")),
    "calls.add": lambda tx: calls.add(tx, _call(OURS, id="c9", source_id="s9")),
    "calls.conclude": lambda tx: calls.conclude(tx, OURS, "c1", calls.OFFERED, (Party("+1"),)),
    "calls.change": lambda tx: calls.change(tx, _call(OURS), notes="more"),
    "phones.change_secret": lambda tx: phones.change_secret(
        tx, OURS, f"p-{OURS}", Sealed("v1.c.d")
    ),
    "phones.heard": lambda tx: phones.heard(tx, _system(OURS), NOW),
    "phones.keep_tellings": lambda tx: phones.keep_tellings(
        tx, OURS, "p1", [(Late("s1", ()), Late("s1", ()))], NOW
    ),
    "phones.learn": lambda tx: phones.learn(
        tx, replace(_phone_person(OURS), staff="extension 2"), None
    ),
    "phones.mend": lambda tx: phones.mend(tx, OURS, "p1", "extension 1", None, NOW),
    "phones.refused": lambda tx: phones.refused(tx, _system(OURS), "bad_signature", NOW),
    "phones.remove": lambda tx: phones.remove(tx, OURS, f"p-{OURS}"),
    "phones.save_rules": lambda tx: phones.save_rules(tx, OURS, Rules(77)),
    "connections.change": lambda tx: connections.change(tx, OURS, practice="changed"),
    "connections.change_sync": lambda tx: connections.change_sync(tx, OURS, "s1", jobs=7),
    "connections.claim_refresh": lambda tx: connections.claim_refresh(
        tx, _connection(OURS), "l1", LATER, LATER
    ),
    "connections.keep_tokens": lambda tx: connections.keep_tokens(
        tx,
        _connection(OURS),
        "l0",
        access_token=SEALED,
        refresh_token=SEALED,
        expires_at=LATER,
        refreshed_at=LATER,
    ),
    "connections.release_refresh": lambda tx: connections.release_refresh(
        tx, _connection(OURS), "l0"
    ),
    "connections.told_ended": lambda tx: connections.told_ended(
        tx, _connection(OURS), NOW, "D1", "1.2"
    ),
    "connections.end": lambda tx: connections.end(tx, _connection(OURS), NOW, "xero"),
    "connections.forget": lambda tx: connections.forget(tx, OURS),
    "connections.save": lambda tx: connections.save(
        tx, replace(_connection(OURS), practice="saved again")
    ),
    "connections.start_sync": lambda tx: connections.start_sync(tx, Sync(OURS, "s1", LATER)),
    "entries.add": lambda tx: entries.add(
        tx, _entry(OURS, id="e9", call_id=None, xpm_time_uuid=None)
    ),
    "entries.change": lambda tx: entries.change(tx, _entry(OURS), note="changed"),
    "entries.told": lambda tx: entries.told(tx, _entry(OURS)),
    "entries.shown": lambda tx: entries.shown(tx, _entry(OURS), "D1", "1.2"),
    "links.add": lambda tx: links.add(tx, ConnectLink("new", OURS, "U1", LATER)),
    "links.answer": lambda tx: links.answer(tx, f"state-{OURS}", f"browser-{OURS}", NOW),
    "links.begin_sign_in": lambda tx: links.begin_sign_in(
        tx, f"browser-{OURS}", NOW, provider="google", state="new", verifier=SEALED
    ),
    "links.forget_consent": lambda tx: links.forget_consent(tx, f"link-{OURS}"),
    "links.keep_consent": lambda tx: links.keep_consent(tx, f"link-{OURS}", Sealed("v1.a.c")),
    "links.narrow_consent": lambda tx: links.narrow_consent(tx, f"link-{OURS}", None),
    "links.keep_code": lambda tx: links.keep_code(tx, f"sign-in-{OURS}", "apple", SEALED, NOW),
    "links.open_once": lambda tx: links.open_once(tx, f"link-{OURS}", "new", NOW),
    "links.settle": lambda tx: links.settle(tx, f"link-{OURS}", "used"),
    "links.signed_in": lambda tx: links.signed_in(
        tx, f"browser-{OURS}", NOW, identity="google:1", state="new", verifier=SEALED
    ),
    "links.take_sign_in": lambda tx: links.take_sign_in(
        tx, f"browser-{OURS}", f"sign-in-{OURS}", "apple", NOW
    ),
    "job_marks.change": lambda tx: job_marks.change(tx, OURS),
    "copying.replace_jobs": lambda tx: copying.replace_jobs(
        tx,
        OURS,
        *[[{**row, "sync_id": "s9"} for row in rows] for rows in _job_rows(OURS)],
        with_tasks=True,
    ),
    "copying.forget_clients": lambda tx: copying.forget_clients(tx, OURS, ["k1"]),
    "copying.forget_jobs": lambda tx: copying.forget_jobs(tx, OURS, ["J1"], "s9"),
    "known_numbers.forget": lambda tx: known_numbers.forget(tx, OURS, "+64215550199"),
    "known_numbers.say": lambda tx: known_numbers.say(
        tx, known_numbers.KnownNumber(OURS, "+64215550199", "k2", "U1", NOW)
    ),
    "job_words.add": lambda tx: job_words.add(tx, OURS, [("fresh", False, "J1")]),
    "job_words.forget": lambda tx: job_words.forget(tx, OURS, ["J1"]),
    "job_words.replace": lambda tx: job_words.replace(
        tx, OURS, [{**_job_rows(OURS)[0][0], "search": "j1 renamed"}]
    ),
    "copying.jobs_asked": lambda tx: copying.jobs_asked(tx, OURS, "k1", "f1", NOW),
    "copying.replace_clients": lambda tx: copying.replace_clients(
        tx, OURS, copying.ClientRows([copying.ClientRow(**_STALE, print="")]), ["k1"]
    ),
    "copying.replace_staff": lambda tx: copying.replace_staff(tx, OURS, []),
    "mirror.write": lambda tx: mirror.write(tx, t.clients, [_STALE]),
    "workspaces.add_phone_system": lambda tx: workspaces.add_phone_system(
        tx, replace(_system(OURS), id="new")
    ),
    "installed.change_token": lambda tx: installed.change_token(
        tx, _workspace(OURS), bot_token=None
    ),
    "installed.claim_rotation": lambda tx: _rotating(tx, installed.claim_rotation),
    "installed.come_back": lambda tx: _after_removal(tx, installed.come_back, "E1", OURS),
    "installed.erase": lambda tx: _after_removal(tx, installed.erase, OURS, LATER),
    "installed.meet": lambda tx: _meet(tx),
    "installed.remove": lambda tx: installed.remove(tx, OURS, NOW),
    "installed.rename": lambda tx: installed.rename(tx, OURS, "renamed"),
    "installed.rotated": lambda tx: installed.rotated(tx, _workspace(OURS), SEALED, SEALED, LATER),
    "workspaces.save": lambda tx: workspaces.save(tx, replace(_workspace(OURS), name="renamed")),
    "workspaces.save_person": lambda tx: workspaces.save_person(
        tx, Person(OURS, "U1", name="renamed")
    ),
}

# These serve the whole installation, or know their row by a secret's fingerprint alone.
OF_ALL_WORKSPACES = {
    "connections.idle_since",
    "connections.is_used",  # asks whether any workspace stands on a connection, and says no more
    "connections.is_shared",  # asks whether another workspace stands on the same connection, and says no more
    "connections.take_turn",  # locks and reads nothing
    "entries.in_doubt_since",  # compared with what is about to be sent to the same practice, and shown to nobody
    "job_marks.take_turn",  # locks and reads nothing
    "links.purge",
    "links.with_consent",  # for the clock, and to leave alone at Xero what another workspace may choose yet
    "phones.mended_since_unknown",
    "phones.purge_tellings",
    "phones.take_turn",  # locks and reads nothing
    "syncs.connected",
    "syncs.purge",
    "installed.removed_before",
    "workspaces.every_id",
    "workspaces.new_install_state",
    "workspaces.use_install_state",
    "workspaces.upsert",  # makes a statement and runs none
}


OF_NOBODY = {"install_states", "practice_limits", "practice_calls", "replicas"}
"""Tables that hold nothing of a workspace."""


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
    assert without == {"workspaces", *OF_NOBODY}


async def _rows(tx: Transaction, workspace: str) -> dict[str, list[Any]]:
    found = {}
    for name, table in t.metadata.tables.items():
        if name in OF_NOBODY:
            continue
        owner = table.c.id if name == "workspaces" else table.c.workspace_id
        statement = sa.select(table).where(owner == workspace)
        found[name] = sorted(
            # What is sealed prints nothing, and would look the same after a change.
            repr([one.text if isinstance(one, Sealed) else one for one in row])
            for row in await tx.execute(statement)
        )
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
        assert await installed.remove(tx, OURS, NOW) == [OURS]
        assert await installed.removed_before(tx, NOW) == [OURS]
        assert not await installed.erase(tx, OURS, NOW - dt.timedelta(seconds=1))
        assert await installed.erase(tx, OURS, NOW)
        assert not await installed.erase(tx, OURS, NOW)
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
        "phone_people",
        "call_rules",
        "call_tellings",
        "calls",
        "entries",
        "audit",
    }
