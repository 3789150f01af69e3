"""Questions made once: the same answer as SQLAlchemy's own way gives, on both databases, whoever is asked."""

import asyncio
import datetime as dt
import threading
from sqlite3 import OperationalError

import pytest
import sqlalchemy as sa

from xpm.store import Asking, Database
from xpm.store import tables as t
from xpm.store.questions import Question
from xpm.store.sqlite import Connection
from xpm.vault import Vault, new_key

NOW = dt.datetime(2026, 11, 23, 9, 30, 15, 250_000, tzinfo=dt.UTC)
EVERYTHING = Question(
    sa.select(t.workspaces, t.entries.c.date, t.entries.c.finding, sa.literal("own").label("own"))
    .join(t.entries, t.entries.c.workspace_id == t.workspaces.c.id)
    .where(
        t.workspaces.c.id == sa.bindparam("workspace_id"),
        t.workspaces.c.installed_at <= sa.bindparam("until"),
        t.entries.c.state == "offered",
    )
)
NAMES = Question(sa.select(t.workspaces.c.name).where(t.workspaces.c.id != sa.bindparam("but")))

WORKSPACE = {
    "id": "T1",
    "name": "Kea",
    "app_id": "A1",
    "bot_id": "B1",
    "bot_user_id": "U1",
    "scopes": "",
    "installed_by": "U2",
    "installed_at": NOW,
}


async def fill(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            sa.insert(t.workspaces).values(
                bot_token=Vault([new_key()]).seal("xoxb", "there"), **WORKSPACE
            )
        )
        await tx.execute(
            sa.insert(t.entries).values(
                workspace_id="T1",
                id="e1",
                slack_user_id="U2",
                state="offered",
                date=NOW.date(),
                finding={"kind": "left"},
                created_at=NOW,
                changed_at=NOW,
            )
        )


@pytest.mark.parametrize("way", ["asking", "reading", "transaction"])
async def test_every_kind_of_value_is_as_sqlalchemy_has_it(database: Database, way: str) -> None:
    await fill(database)
    asked = {"workspace_id": "T1", "until": NOW.astimezone(dt.timezone(dt.timedelta(hours=13)))}
    async with database.reading() as tx:
        [right] = (await tx.execute(EVERYTHING.statement, asked)).all()
    async with getattr(database, way)() as tx:
        [found] = await EVERYTHING.rows(tx, **asked)
        # The second question of a transaction finds it begun already.
        assert list(await EVERYTHING.row(tx, **asked) or ()) == list(found)
    assert list(found) == list(right)
    assert found[-1] == "own"


@pytest.mark.parametrize("way", ["asking", "transaction"])
async def test_a_question_without_its_workspace_is_never_asked(sqlite: Database, way: str) -> None:
    async with getattr(sqlite, way)() as tx:
        with pytest.raises(KeyError, match="workspace_id"):
            await EVERYTHING.rows(tx, until=NOW)


async def test_what_a_transaction_has_written_is_in_its_own_answers_alone(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await tx.execute(sa.insert(t.workspaces).values(**WORKSPACE))
        assert await NAMES.row(tx, but="T2") is not None
        async with database.asking() as other:
            assert await NAMES.row(other, but="T2") is None
    async with database.asking() as other:
        assert await NAMES.row(other, but="T2") is not None


async def test_two_questions_in_a_row_see_the_same_moment(sqlite: Database) -> None:
    async with sqlite.asking() as tx:
        assert await NAMES.row(tx, but="-") is None
        await fill(sqlite)
        assert await NAMES.row(tx, but="-") is None
    async with sqlite.asking() as tx:
        assert await NAMES.row(tx, but="-") is not None


async def test_many_may_ask_at_the_same_moment(database: Database) -> None:
    await fill(database)
    met = asyncio.Barrier(20)

    async def ask() -> str:
        async with database.asking() as tx:
            await met.wait()
            row = await NAMES.row(tx, but="-")
            return str(row and row[0])

    threads = threading.active_count()
    async with asyncio.timeout(20):
        assert await asyncio.gather(*(ask() for _ in range(20))) == ["Kea"] * 20
        # The thread of one that was closed takes a moment to end, and no event tells of it.
        while threading.active_count() - threads > 8:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_asking_again_and_again_leaves_nothing_open(sqlite: Database) -> None:
    async def ask(tx: Asking) -> None:
        await NAMES.rows(tx, but="-")

    for _ in range(3):
        async with sqlite.asking() as first, sqlite.asking() as second:
            await ask(first)
            await ask(second)
    threads = threading.active_count()
    for _ in range(10):
        async with sqlite.asking() as first:
            await ask(first)
    assert threading.active_count() == threads


async def test_who_only_asks_can_change_nothing(sqlite: Database) -> None:
    await fill(sqlite)
    async with sqlite.asking() as tx:
        assert isinstance(tx, Connection)
        with pytest.raises(OperationalError, match="readonly"):
            await tx.ask("delete from workspaces", ())
    async with sqlite.asking() as tx:
        assert await NAMES.row(tx, but="-") is not None
