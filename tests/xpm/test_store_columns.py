"""What the columns refuse, and what a transaction leaves behind."""

import asyncio
import datetime as dt
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from xpm.store import Database, connections, entries, links, workspaces
from xpm.store import tables as t
from xpm.store.connections import Connection
from xpm.store.database import async_url
from xpm.store.entries import Entry, State
from xpm.store.links import ConnectLink
from xpm.store.workspaces import PhoneSystem
from xpm.vault import Sealed

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LATER = NOW + dt.timedelta(minutes=10)
SEALED = Sealed("v1.a.b")


def entry() -> Entry:
    """An entry that waits for its person."""
    return Entry("T1", "e1", "U1", None, State.OFFERED, NOW.date(), NOW, NOW)


# -- columns -------------------------------------------------------------------------------------------------------


def _connection() -> Connection:
    return Connection(
        "T1", "x1", "tenant", "Kea", "NZ", "U1", NOW, SEALED, SEALED, LATER
    )  # fmt: skip


@pytest.mark.parametrize("column", ["access_token", "refresh_token"])
async def test_a_connection_with_a_plain_token_is_not_saved(
    database: Database, column: str
) -> None:
    changed: dict[str, Any] = {column: "plain-canary"}
    plain = replace(_connection(), **changed)
    with pytest.raises(StatementError) as caught:
        async with database.transaction() as tx:
            await connections.save(tx, plain)
    assert isinstance(caught.value.orig, TypeError)
    async with database.reading() as tx:
        assert await connections.get(tx, "T1") is None


async def test_a_plain_token_is_refused_in_a_change_too(database: Database) -> None:
    async with database.transaction() as tx:
        await connections.save(tx, _connection())
    with pytest.raises(StatementError):
        async with database.transaction() as tx:
            await connections.change(tx, "T1", refresh_token="plain-canary")
    async with database.reading() as tx:
        assert await connections.get(tx, "T1") == _connection()


async def test_a_phone_system_with_a_plain_secret_is_not_saved(database: Database) -> None:
    with pytest.raises(StatementError):
        async with database.transaction() as tx:
            await workspaces.add_phone_system(
                tx,
                PhoneSystem("p1", "T1", "standard", "plain", NOW),  # type: ignore[arg-type]
            )


def test_every_column_that_holds_a_secret_takes_sealed_values_only() -> None:
    secret = {"token", "secret", "verifier", "password", "key"}
    for table in t.metadata.tables.values():
        for column in table.columns:
            is_text = isinstance(column.type, sa.String | t.SealedText)
            if is_text and secret & set(column.name.split("_")):
                assert isinstance(column.type, t.SealedText), f"{table.name}.{column.name}"


async def test_an_instant_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError):
        async with database.transaction() as tx:
            await links.add(tx, ConnectLink("l1", "T1", "U1", LATER.replace(tzinfo=None)))


async def test_an_instant_comes_back_in_utc_wherever_it_was_told(database: Database) -> None:
    auckland = dt.timezone(dt.timedelta(hours=13))
    async with database.transaction() as tx:
        await links.add(tx, ConnectLink("l1", "T1", "U1", LATER.astimezone(auckland)))
        found = await links.get(tx, "l1")
    assert found is not None
    assert found.expires_at == LATER
    assert found.expires_at.tzinfo is UTC


# -- transactions --------------------------------------------------------------------------------------------------


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await entries.add(tx, entry())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await fail()
    async with database.reading() as tx:
        assert await entries.get(tx, "T1", "e1") is None


async def test_reading_goes_on_while_somebody_writes(database: Database) -> None:
    async with database.transaction() as writing:
        await entries.add(writing, entry())
        async with asyncio.timeout(5), database.reading() as tx:
            assert await entries.get(tx, "T1", "e1") is None


async def test_a_cancelled_transaction_leaves_nothing_and_blocks_nobody(
    database: Database,
) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        async with database.transaction() as tx:
            await entries.add(tx, entry())
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hang())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), database.transaction() as tx:
        assert await entries.get(tx, "T1", "e1") is None
        assert await entries.add(tx, entry())


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "mssql://x/y"])
def test_a_database_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be sqlite or postgresql"):
        async_url(url)
