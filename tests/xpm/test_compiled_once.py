"""The durable engine's inserts on the way to an ack: quicker than it makes them, and the same to the letter."""

from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from dbos import DBOSClient

from xpm.store import Database
from xpm.store.compiled_once import CompiledOnce

OPTIONS: dict[str, dict[str, Any]] = {
    "at once": {},
    "in its place": {"priority": 7},
    "later": {"delay_seconds": 60.0},
    "later, in its place": {"delay_seconds": 60.0, "priority": 3},
}
# The moment, and a name of its own that the engine makes up for each insert.
_OF_ITS_OWN = {
    "created_at",
    "updated_at",
    "creator_xid",
    "delay_until_epoch_ms",
    "retention_timestamp",
}


@pytest_asyncio.fixture
async def client(sqlite_url: str) -> AsyncIterator[DBOSClient]:
    """The engine's own client on a database with the engine's tables."""
    one = DBOSClient(system_database_url=sqlite_url, application_name="xpm-slack")
    one._sys_db.run_migrations()
    yield one
    one.destroy()


def _options(number: int, **more: Any) -> Any:
    named = {"queue_name": "q", "workflow_name": "settle", "workflow_id": f"settle:{number}"}
    return {**named, "app_version": "1", **more}  # fmt: skip


async def _enqueue(
    database: Database, client: DBOSClient, once: CompiledOnce | None, options: Any
) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """What SQLite was told to insert, without the values, and the rows that came of it; taken back again."""
    said: list[str] = []
    async with database.transaction() as tx:

        def within(connection: sa.Connection) -> None:
            driver: Any = connection.connection.driver_connection
            given: Any = connection if once is None else once.on(connection)
            driver._conn.set_trace_callback(said.append)
            client.enqueue_in_transaction(given, options, "T1", 5)
            driver._conn.set_trace_callback(None)

        await tx.run_sync(within)
        rows = []
        for table in ("workflow_status", "workflow_input"):
            found = await tx.execute(sa.text(f"select * from {table}"))  # noqa: S608 (a constant)
            rows += [
                {name: value for name, value in row._mapping.items() if name not in _OF_ITS_OWN}
                for row in found
            ]
        await tx.rollback()
    words = [
        (one.partition(" VALUES ")[0], one.rpartition(" ON CONFLICT ")[2])
        for one in said
        if one.startswith("INSERT")
    ]
    return words, rows


@pytest.mark.parametrize("how", OPTIONS)
async def test_the_words_and_rows_are_the_engines_own(
    sqlite: Database, client: DBOSClient, how: str
) -> None:
    once = CompiledOnce()
    # Whatever was enqueued first, what comes after goes by the words it had.
    for others in OPTIONS.values():
        await _enqueue(sqlite, client, once, _options(1, **others))
    options = _options(2, **OPTIONS[how])
    ours, rows = await _enqueue(sqlite, client, once, options)
    right, right_rows = await _enqueue(sqlite, client, None, options)
    assert ours == right
    assert len(ours) == 2
    assert rows == right_rows != []


async def test_the_same_key_twice_is_one_and_another_name_under_it_is_refused(
    sqlite: Database, client: DBOSClient
) -> None:
    once = CompiledOnce()
    async with sqlite.transaction() as tx:

        def within(connection: sa.Connection) -> None:
            quick: Any = once.on(connection)
            for _ in range(2):
                client.enqueue_in_transaction(quick, _options(1), "T1")
            with pytest.raises(Exception, match="different function name"):
                client.enqueue_in_transaction(quick, _options(1, workflow_name="other"), "T1")

        await tx.run_sync(within)
        assert (await tx.execute(sa.text("select count(*) from workflow_status"))).scalar() == 1


async def test_nothing_is_compiled_a_second_time(sqlite: Database, client: DBOSClient) -> None:
    once = CompiledOnce()
    await _enqueue(sqlite, client, once, _options(1))
    engine, compiled = sqlite.engine.sync_engine, []
    sa.event.listen(engine, "before_execute", lambda *said: compiled.append(str(said[1])))
    await _enqueue(sqlite, client, once, _options(2))
    assert [one for one in compiled if "INSERT" in one] == []


async def test_everything_else_goes_sqlalchemys_own_way(database: Database) -> None:
    table = sa.table("install_states", sa.column("fingerprint"), sa.column("expires_at"))
    rows = [{"fingerprint": one, "expires_at": "2026-01-01"} for one in "ab"]

    def within(connection: sa.Connection) -> None:
        quick = CompiledOnce().on(connection)
        assert quick.dialect is connection.dialect
        quick.execute(sa.insert(table), rows)
        assert quick.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 2

    async with database.transaction() as tx:
        await tx.run_sync(within)


def test_the_engine_is_the_one_these_words_were_held_against() -> None:
    assert version("dbos").startswith("3.4.")
