"""Questions and instructions made once: the same as SQLAlchemy's own way, on both databases, whoever is asked."""

import asyncio
import datetime as dt
import threading
from sqlite3 import OperationalError

import pytest
import sqlalchemy as sa

from xpm.store import Asking, Database
from xpm.store import tables as t
from xpm.store.questions import Instruction, Question
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


_RENAME = sa.update(t.entries).where(
    t.entries.c.workspace_id == sa.bindparam("of_workspace"),
    t.entries.c.id == sa.bindparam("of_entry"),
)
CHANGE = Instruction(
    _RENAME.values(tries=t.entries.c.tries + 1), returning=(t.entries.c.finding, t.entries.c.tries)
)
ADD = Instruction(sa.insert(t.install_states))
CHANGES: dict[str, object] = {
    "finding": {"kind": "missing"},
    "changed_at": NOW.astimezone(dt.timezone(dt.timedelta(hours=13))),
    "date": dt.date(2026, 1, 5),
    "note": None,
    "saved": None,
}


async def test_an_instruction_writes_what_sqlalchemy_would(database: Database) -> None:
    await fill(database)
    ours: dict[str, object] = {}
    right: dict[str, object] = {}
    for found, is_ours in ((ours, True), (right, False)):
        async with database.transaction() as tx:
            told = {"of_workspace": "T1", "of_entry": "e1", **CHANGES, "note": "Call"}
            if is_ours:
                row = await CHANGE.carry_out(tx, **told)
                assert list(row or ()) == [{"kind": "missing"}, 1]
            else:
                await tx.execute(_RENAME.values(tries=1), told)
            for column in t.entries.columns:
                found[column.name] = (await tx.execute(sa.select(column))).scalar_one()
            await tx.rollback()
    assert ours == right
    assert ours["changed_at"] == NOW


async def test_an_instruction_takes_the_columns_it_is_given_each_time(database: Database) -> None:
    await fill(database)
    async with database.transaction() as tx:
        one = await CHANGE.carry_out(tx, of_workspace="T1", of_entry="e1", note="first")
        two = await CHANGE.carry_out(tx, of_workspace="T1", of_entry="e1", minutes="6")
        none = await CHANGE.carry_out(tx, of_workspace="T1", of_entry="e2", note="nobody's")
        await ADD.carry_out(tx, fingerprint="one", expires_at=NOW)
    assert [one and one[1], two and two[1], none] == [1, 2, None]
    async with database.reading() as tx:
        kept = (await tx.execute(sa.select(t.entries.c.note, t.entries.c.minutes))).one()
        added = (await tx.execute(sa.select(t.install_states))).one()
    assert tuple(kept) == ("first", "6")
    assert tuple(added) == ("one", NOW)


async def test_what_an_instruction_wrote_is_taken_back_with_its_transaction(
    database: Database,
) -> None:
    await fill(database)
    async with database.transaction() as tx:
        await CHANGE.carry_out(tx, of_workspace="T1", of_entry="e1", note="gone")
        await tx.rollback()
    async with database.reading() as tx:
        assert (await tx.execute(sa.select(t.entries.c.note))).scalar_one() == ""


async def test_an_instruction_leaves_no_default_of_pythons_out(sqlite: Database) -> None:
    async with sqlite.transaction() as tx:
        with pytest.raises(ValueError, match="default"):
            await Instruction(sa.insert(t.audit)).carry_out(tx, at=NOW, workspace_id="T1")


async def test_an_instruction_is_a_matter_of_the_loop_unless_another_writes(
    sqlite: Database, sqlite_url: str
) -> None:
    await fill(sqlite)
    other = Database(sqlite_url)
    async with sqlite.transaction() as tx:
        await CHANGE.carry_out(tx, of_workspace="T1", of_entry="e1", note="first")

        async def second() -> None:
            async with other.transaction() as tx:
                await CHANGE.carry_out(tx, of_workspace="T1", of_entry="e1", minutes="6")

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.05)
        # The loop goes on: the other one waits in its thread.
        assert not waiting.done()
    async with asyncio.timeout(20):
        await waiting
    async with sqlite.reading() as tx:
        assert (await tx.execute(sa.select(t.entries.c.tries))).scalar_one() == 2
    await other.close()
