"""SQLite on the loop: what is short is done at once, what is long or has to wait never holds anybody up."""

import asyncio
import datetime as dt
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from xpm.store import Database, Transaction
from xpm.store import tables as t
from xpm.store.sqlite import engine_for_threads

NOW = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
_PRAGMAS = ("journal_mode", "foreign_keys", "wal_autocheckpoint", "synchronous")
LONG = (
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < {count}) "
    "select count(*) from n"
)


@asynccontextmanager
async def ticking() -> AsyncIterator[list[float]]:
    """The longest the loop was held meanwhile, in seconds, at the end of the block."""
    longest = [0.0]

    async def tick() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0)
            longest[0] = max(longest[0], loop.time() - before)

    task = asyncio.create_task(tick())
    await asyncio.sleep(0)
    yield longest
    task.cancel()


async def thread_of(tx: Transaction) -> int:
    """The thread in which SQLite does the work of this transaction."""

    def register(connection: sa.Connection) -> None:
        connection.connection.driver_connection._conn.create_function(  # type: ignore[union-attr]
            "this_thread", 0, threading.get_ident
        )

    await tx.run_sync(register)
    found: int = (await tx.exec_driver_sql("select this_thread()")).scalar_one()
    return found


async def add(tx: Transaction, fingerprint: str) -> None:
    await tx.exec_driver_sql(
        "insert into install_states values (?, '2026-01-01 00:00:00')", (fingerprint,)
    )


async def count(tx: Transaction) -> int:
    statement = sa.select(sa.func.count()).select_from(t.install_states)
    return (await tx.execute(statement)).scalar_one()


async def fingerprints(tx: Transaction) -> list[str]:
    rows = await tx.execute(sa.select(t.install_states.c.fingerprint))
    return [str(one) for one in rows.scalars()]


async def test_a_short_question_is_answered_without_another_thread(sqlite: Database) -> None:
    async with sqlite.reading() as tx:
        assert await thread_of(tx) == threading.get_ident()


async def test_a_question_and_a_row_of_what_writes_are_a_matter_of_the_loop(
    sqlite: Database,
) -> None:
    async with sqlite.transaction() as tx:
        assert await thread_of(tx) == threading.get_ident()
        await tx.exec_driver_sql(
            "insert into install_states values (this_thread(), '2026-01-01 00:00:00')"
        )
        assert await fingerprints(tx) == [str(threading.get_ident())]


@pytest.mark.parametrize(
    "change",
    [
        "update install_states set fingerprint = this_thread()",
        "insert into install_states select this_thread(), '2026-01-01 00:00:00'",
    ],
)
async def test_a_change_of_who_knows_how_many_rows_is_never_made_on_the_loop(
    sqlite: Database, change: str
) -> None:
    async with sqlite.transaction() as tx:
        await add(tx, "a")
        await thread_of(tx)
        await tx.exec_driver_sql(change)
        [by] = set(await fingerprints(tx)) - {"a"}
        assert int(by) != threading.get_ident()


async def test_a_writer_who_meets_another_waits_in_the_thread(sqlite: Database) -> None:
    async with sqlite.reading() as tx:
        assert await count(tx) == 0
    with closing(sqlite3.connect(str(sqlite.url.database))) as other:
        other.execute("BEGIN IMMEDIATE")

        async def write() -> None:
            async with sqlite.transaction() as tx:
                await add(tx, "a")

        async with ticking() as longest:
            writing = asyncio.create_task(write())
            await asyncio.sleep(0.3)
            assert not writing.done()
        assert longest[0] < 0.25
        other.rollback()
    await writing
    async with sqlite.reading() as tx:
        assert await fingerprints(tx) == ["a"]


async def test_a_long_question_of_what_writes_takes_nothing_back(sqlite: Database) -> None:
    async with sqlite.transaction() as tx:
        await add(tx, "kept")
        both = f"select ({LONG.format(count=100_000)}), (select count(*) from install_states)"  # noqa: S608 (our own words)
        assert (await tx.exec_driver_sql(both)).one() == (100_000, 1)
    async with sqlite.reading() as tx:
        assert await fingerprints(tx) == ["kept"]


async def test_a_long_question_is_answered_and_does_not_hold_the_loop(sqlite: Database) -> None:
    async with ticking() as longest, sqlite.reading() as tx:
        began = asyncio.get_running_loop().time()
        answer = await tx.exec_driver_sql(LONG.format(count=3_000_000))
        took = asyncio.get_running_loop().time() - began
        assert answer.scalar_one() == 3_000_000
    # Nothing else but the interpreter's lock is between the loop and its next turn.
    assert longest[0] < took / 3


async def test_a_question_that_moves_to_the_thread_sees_the_same_moment(sqlite: Database) -> None:
    async with sqlite.reading() as tx:
        assert await count(tx) == 0
        async with sqlite.transaction() as other:
            await add(other, "a")
        both = f"select ({LONG.format(count=100_000)}), (select count(*) from install_states)"  # noqa: S608 (our own words)
        assert (await tx.exec_driver_sql(both)).one() == (100_000, 0)
    async with sqlite.reading() as tx:
        assert await count(tx) == 1


async def test_a_reader_who_meets_a_lock_waits_in_the_thread(sqlite: Database) -> None:
    with closing(sqlite3.connect(str(sqlite.url.database))) as owner:
        owner.execute("PRAGMA locking_mode=EXCLUSIVE")
        owner.execute("BEGIN EXCLUSIVE")

        async def read() -> int:
            async with sqlite.reading() as tx:
                return await count(tx)

        async with ticking() as longest:
            reading = asyncio.create_task(read())
            await asyncio.sleep(0.3)
            assert not reading.done()
        assert longest[0] < 0.25
        owner.rollback()
        owner.execute("PRAGMA locking_mode=NORMAL")
        owner.execute("select count(*) from install_states").fetchall()
    assert await reading == 0


@pytest.mark.parametrize("kind", ["reading", "transaction"])
async def test_somebody_who_gives_up_leaves_nothing_behind(sqlite: Database, kind: str) -> None:
    async def work() -> None:
        async with getattr(sqlite, kind)() as tx:
            if kind == "transaction":
                await add(tx, "never")
            await tx.exec_driver_sql(LONG.format(count=1_000_000))

    task = asyncio.create_task(work())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with sqlite.transaction() as tx:
        await add(tx, "kept")
    async with sqlite.reading() as tx:
        assert await count(tx) == 1


async def test_a_failed_block_takes_everything_back(sqlite: Database) -> None:
    async def fail() -> None:
        async with sqlite.transaction() as tx:
            await add(tx, "never")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with sqlite.reading() as tx:
        assert await count(tx) == 0


async def test_the_first_who_comes_waits_in_the_thread_for_a_writer_to_enter_wal(
    tmp_path: Path,
) -> None:
    file = tmp_path / "old.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("create table names (name text)")
        writer.execute("begin immediate")
        writer.execute("insert into names values ('first')")
        database = Database(f"sqlite:///{file}")

        async def look(way: str) -> int:
            async with getattr(database, way)() as tx:
                if way == "asking":
                    [row] = await tx.ask("select count(*) from names", ())
                    return int(row[0])
                return int((await tx.exec_driver_sql("select count(*) from names")).scalar_one())

        waiting = [asyncio.create_task(look(way)) for way in ("asking", "reading", "transaction")]
        async with ticking() as longest:
            await asyncio.sleep(0.1)
        assert not any(one.done() for one in waiting)
        assert longest[0] < 0.1
        writer.execute("commit")
        async with asyncio.timeout(20):
            assert await asyncio.gather(*waiting) == [1, 1, 1]
        async with database.reading() as tx:
            assert (await tx.exec_driver_sql("pragma journal_mode")).scalar() == "wal"
    await database.close()


async def test_what_people_are_told_waits_for_the_disk_and_the_engines_own_notes_do_not(
    sqlite: Database,
) -> None:
    engine = engine_for_threads(sqlite.url)
    with engine.connect() as connection:
        theirs = [connection.exec_driver_sql(f"pragma {name}").scalar() for name in _PRAGMAS]
    engine.dispose()
    async with sqlite.transaction() as tx:
        ours = [(await tx.exec_driver_sql(f"pragma {name}")).scalar() for name in _PRAGMAS]
    # FULL is 2, NORMAL is 1: https://www.sqlite.org/pragma.html#pragma_synchronous
    assert ours == ["wal", 1, 4000, 2]
    assert theirs == ["wal", 1, 4000, 1]


async def test_a_commit_needs_no_more_patience_than_its_beginning(sqlite: Database) -> None:
    said: list[str] = []

    def listen(connection: sa.Connection) -> None:
        driver = connection.connection.driver_connection
        driver._conn.set_trace_callback(said.append)  # type: ignore[union-attr]

    for _ in range(3):
        async with sqlite.transaction() as tx:
            await tx.run_sync(listen)
            await tx.execute(
                sa.insert(t.install_states).values(fingerprint=f"{len(said)}", expires_at=NOW)
            )
    assert [one for one in said[1:] if "busy_timeout" in one] == []
    assert said.count("COMMIT") == 3
