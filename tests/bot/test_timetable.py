"""The clock: a tick enqueues one sync a practice and slot, however often it comes."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
import sqlalchemy as sa

from bot.timetable import Timetable
from tests.made_once import migrated
from xpm.durable import Durable
from xpm.mirroring import Mirroring
from xpm.rhythm import Rhythm
from xpm.store import Database, Transaction, links
from xpm.store import connections as connection_store
from xpm.store import workspaces as workspace_store
from xpm.store.connections import Connection, Sync
from xpm.store.links import ConnectLink
from xpm.store.workspaces import Workspace
from xpm.syncing import Syncing, SyncNotices
from xpm.vault import Vault, new_key

START = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)
NOON = START + dt.timedelta(hours=11)


class Noting(Durable):
    """An engine that only notes what it is asked to do."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "one")
        self.asked: list[tuple[str, str]] = []

    async def enqueue(
        self, tx: Transaction, name: str, key: str, *arguments: Any, place: int = 0
    ) -> None:
        self.asked.append((name, key))


class Turned:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(migrated(tmp_path / "timetable.db"))
    vault = Vault([new_key()])
    async with made.transaction() as tx:
        for identity in ("T0KEA", "T0TUI", "T0ENDED", "T0NONE"):
            await workspace_store.save(
                tx,
                Workspace(
                    identity, identity, None, "A", "B", "U", vault.seal("x", "y"), "", "U0", START
                ),
            )
            if identity != "T0NONE":
                sealed = vault.seal("x", "y")
                connection = Connection(
                    identity, "c", "t", "Kea", "NZ", "U0", START, sealed, sealed, START,
                    ended_at=START if identity == "T0ENDED" else None,
                )  # fmt: skip
                await connection_store.save(tx, connection)
    yield made
    await made.close()


def timetable(store: Database, engine: Noting, clock: Turned) -> Timetable:
    syncing = Syncing(store, cast("Mirroring", None), engine, cast("SyncNotices", None), clock)
    return Timetable(store, syncing, clock, Rhythm())


async def copied(store: Database, workspace_id: str, sync_id: str, at: dt.datetime) -> None:
    """A full sync that has succeeded."""
    async with store.transaction() as tx:
        done = Sync(workspace_id, sync_id, at, finished_at=at, region="NZ")
        await connection_store.start_sync(tx, done)


async def test_tick_asks_for_each_connected_practice_with_the_key_of_its_slot(
    store: Database,
) -> None:
    engine, clock = Noting(store), Turned()
    for workspace_id in ("T0KEA", "T0TUI", "T0ENDED"):
        await copied(store, workspace_id, "s1", NOON)
    clock.now = NOON + dt.timedelta(minutes=12)
    await timetable(store, engine, clock).sync_all()
    of_clients = [key for _, key in engine.asked if ":clients:" in key]
    assert [key.partition(":")[0] for key in of_clients] == ["T0KEA", "T0TUI"]


async def test_ticks_of_one_slot_have_one_key_on_every_replica_and_the_next_has_another(
    store: Database,
) -> None:
    engine, clock = Noting(store), Turned()
    await copied(store, "T0KEA", "s1", NOON)
    replicas = [timetable(store, engine, clock) for _ in range(3)]
    for minute in range(30):
        clock.now = NOON + dt.timedelta(minutes=minute)
        for replica in replicas:
            await replica.sync_all()
    keys = [key for _, key in engine.asked if ":clients:" in key]
    # Three replicas ask for each slot once; the durable engine takes a key once.
    assert len(keys) == 3 * len(set(keys))
    assert len(set(keys)) in (2, 3)


async def test_purge_forgets_old_syncs_but_the_last_full_one(store: Database) -> None:
    clock = Turned()
    for days in (9, 8, 7):
        await copied(store, "T0KEA", f"s{days}", START - dt.timedelta(days=days))
    await copied(store, "T0TUI", "s1", START - dt.timedelta(days=9))
    await timetable(store, Noting(store), clock).purge()
    async with store.reading() as tx:
        left = (await tx.execute(sa.text("select workspace_id, id from syncs order by 1"))).all()
    assert [tuple(row) for row in left] == [("T0KEA", "s7"), ("T0TUI", "s1")]


async def test_purge_forgets_links_that_expired_a_day_ago_and_keeps_the_rest(
    store: Database,
) -> None:
    clock = Turned()
    async with store.transaction() as tx:
        for name, age in (("old", 25), ("young", 23), ("open", -1)):
            expires = START - dt.timedelta(hours=age)
            await links.add(tx, ConnectLink(name, "T0KEA", "U0", expires))
    await timetable(store, Noting(store), clock).purge()
    async with store.reading() as tx:
        left = (await tx.execute(sa.text("select link from connect_links order by link"))).all()
    assert [row[0] for row in left] == ["open", "young"]


async def test_clock_starts_and_stops_and_says_so(store: Database) -> None:
    made = timetable(store, Noting(store), Turned())
    made.start()
    was_running = made.is_running
    made.stop()
    # The scheduler stops at the loop's next turn.
    await asyncio.sleep(0.01)
    made.stop()
    assert (was_running, made.is_running) == (True, False)


async def test_rare_tick_comes_soon_after_the_start_for_processes_that_start_often(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.timetable._FIRST", dt.timedelta(seconds=0.05))
    made, ticked = timetable(store, Noting(store), Turned()), asyncio.Event()

    async def tick() -> None:
        ticked.set()

    made.also(tick, every=dt.timedelta(hours=1))
    made.start()
    try:
        async with asyncio.timeout(5):
            await ticked.wait()
    finally:
        made.stop()
