"""Whoever writes to SQLite waits in one line: coroutines, and the threads of the durable engine."""

import asyncio

import pytest
import sqlalchemy as sa

from xpm.store import Database
from xpm.store.sqlite import engine_for_threads
from xpm.store.turns import Turns, in_turn


async def test_turns_come_in_the_order_of_asking_to_coroutines_and_threads_alike() -> None:
    turns, order = Turns(), []

    async def one(name: str) -> None:
        await turns.take()
        order.append(name)
        turns.give()

    def other(name: str) -> None:
        assert turns.take_in_thread(30)
        order.append(name)
        turns.give()

    await turns.take()
    waiting = []
    for nth in range(3):
        waiting.append(asyncio.create_task(one(f"coroutine {nth}")))
        await asyncio.sleep(0)
        before = len(turns._waiting)
        waiting.append(asyncio.create_task(asyncio.to_thread(other, f"thread {nth}")))
        while len(turns._waiting) == before:  # noqa: ASYNC110 (a thread tells nobody that it waits)
            await asyncio.sleep(0.001)
    turns.give()
    await asyncio.gather(*waiting)
    assert order == [f"{who} {nth}" for nth in range(3) for who in ("coroutine", "thread")]


async def test_whoever_gives_up_waiting_holds_nobody_up() -> None:
    turns = Turns()
    await turns.take()
    first = asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    assert not await asyncio.to_thread(turns.take_in_thread, 0.01)
    last = asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    turns.give()
    # Given at the moment of being given up, it is passed on.
    last.cancel()
    await asyncio.gather(last, return_exceptions=True)
    async with asyncio.timeout(5):
        await turns.take()


@pytest.mark.parametrize("is_cut", [False, True])
async def test_engine_of_threads_writes_in_turn_and_gives_it_back(
    sqlite_url: str, *, is_cut: bool
) -> None:
    database = Database(sqlite_url)
    assert database.turns is not None
    engine = engine_for_threads(database.url)
    in_turn(engine, database.turns)

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("delete from job_marks where workspace_id = 'T1'"))
            connection.execute(sa.text("insert into job_marks values ('T1', 'one')"))
            if is_cut:
                raise LookupError

    def read() -> int:
        with engine.begin() as connection:
            return len(connection.execute(sa.text("select * from job_marks")).all())

    async with database.transaction() as tx:
        await tx.execute(sa.text("insert into job_marks values ('T2', 'two')"))
        writing = asyncio.create_task(asyncio.to_thread(write))
        while not database.turns._waiting:  # noqa: ASYNC110 (the same)
            await asyncio.sleep(0.001)
        # Who only reads waits for nobody.
        assert await asyncio.to_thread(read) == 0
    [said] = await asyncio.gather(writing, return_exceptions=True)
    assert isinstance(said, LookupError) == is_cut
    assert await asyncio.to_thread(read) == (1 if is_cut else 2)
    async with asyncio.timeout(5), database.transaction() as tx:
        assert len((await tx.execute(sa.text("select * from job_marks"))).all()) == 2 - is_cut
    engine.dispose()
    await database.close()
