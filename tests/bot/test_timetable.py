"""The clock: a tick enqueues one sync a practice and slot, however often it comes."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest_asyncio
import sqlalchemy as sa

from bot.timetable import Timetable
from xpm import migrations
from xpm.directory import Directory
from xpm.durable import Durable
from xpm.store import Database, Transaction
from xpm.store import connections as connection_store
from xpm.store import workspaces as workspace_store
from xpm.store.connections import Connection, ConnectLink
from xpm.store.workspaces import Workspace
from xpm.syncing import Syncing, SyncNotices
from xpm.vault import Vault, new_key

START = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)


class Noting(Durable):
    """An engine that only notes what it is asked to do."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "one")
        self.asked: list[tuple[str, str]] = []

    async def enqueue(self, tx: Transaction, name: str, key: str, *arguments: Any) -> None:
        self.asked.append((name, key))


class Turned:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now


async def never(_: float) -> None:
    raise AssertionError("nothing sleeps here")


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'timetable.db'}"
    migrations.upgrade(url)
    made = Database(url)
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
    syncing = Syncing(store, cast("Directory", None), engine, cast("SyncNotices", None), never)
    return Timetable(store, syncing, clock, 30)


async def test_tick_asks_for_each_connected_practice_with_the_key_of_its_slot(
    store: Database,
) -> None:
    engine, clock = Noting(store), Turned()
    await timetable(store, engine, clock).sync_all()
    slot = int(START.timestamp() // 1800)
    assert sorted(engine.asked) == [
        ("sync_practice", f"T0KEA:slot:{slot}"),
        ("sync_practice", f"T0TUI:slot:{slot}"),
    ]


async def test_ticks_of_one_slot_have_one_key_on_every_replica_and_the_next_has_another(
    store: Database,
) -> None:
    engine, clock = Noting(store), Turned()
    replicas = [timetable(store, engine, clock) for _ in range(3)]
    for seconds in (0, 1, 1799):
        clock.now = START + dt.timedelta(seconds=seconds)
        for replica in replicas:
            await replica.sync_all()
    assert len(set(engine.asked)) == 2
    clock.now = START + dt.timedelta(seconds=1800)
    await replicas[0].sync_all()
    assert len(set(engine.asked)) == 4


async def test_purge_forgets_links_that_expired_a_day_ago_and_keeps_the_rest(
    store: Database,
) -> None:
    clock = Turned()
    async with store.transaction() as tx:
        for name, age in (("old", 25), ("young", 23), ("open", -1)):
            expires = START - dt.timedelta(hours=age)
            await connection_store.add_link(tx, ConnectLink(name, "T0KEA", "U0", expires))
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
