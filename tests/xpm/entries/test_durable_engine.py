"""The real engine: what is committed runs once, what is rolled back never does, what is cut goes on."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.replicas import Replica, Replicas
from xpm.durable import COURTESY, CROWD, LONG_QUEUE, QUEUE, Durable
from xpm.precedence import Precedence
from xpm.store import Database
from xpm.store.entries import Entry, State

from .world import ADD, NOTE, World, until


class Engine:
    """A running engine with workflows that write down what they were given."""

    def __init__(
        self,
        database: Database,
        *,
        is_stuck: bool = False,
        precedence: Precedence | None = None,
    ) -> None:
        self.database = database
        self.is_stuck = is_stuck
        self.began = asyncio.Event()
        self.durable = Durable(
            database, "replica-1", poll_seconds=0.05, pace=0.11, precedence=precedence
        )
        self.ran: list[str] = []
        self.durable.register("write_down", self.write_down)
        self.durable.register("slowly", self.write_down, queue=LONG_QUEUE)
        self.durable.register("in_turn", self.wait, queue=CROWD)
        self.durable.register("if_possible", self.wait, queue=COURTESY)
        self.durable.register("fail", self.fail)
        self.durable.register("again", self.again)

    async def write_down(self, text: str) -> None:
        """Writes it down, unless it is stuck before."""
        self.began.set()
        if self.is_stuck:
            await asyncio.Event().wait()
        self.ran.append(text)

    async def wait(self, text: str) -> None:
        """Writes it down and waits for ever, as for somebody who does not answer."""
        self.ran.append(text)
        await asyncio.Event().wait()

    async def fail(self, text: str) -> None:
        """Fails the first two times."""
        self.ran.append(text)
        if self.ran.count(text) < 3:
            raise RuntimeError(text)

    async def again(self, text: str) -> float | None:
        """Wants to run a second time."""
        self.ran.append(text)
        return 10.0 if self.ran.count(text) == 1 else None

    async def enqueue(self, key: str, text: str, name: str = "write_down") -> None:
        """Enqueues in a transaction of its own."""
        async with self.database.transaction() as tx:
            await self.durable.enqueue(tx, name, key, text)


@pytest_asyncio.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    """The engine on each kind of database in turn."""
    engine = Engine(database)
    await engine.durable.start()
    yield engine
    await engine.durable.stop()


async def test_what_is_committed_runs_once_and_what_is_rolled_back_never(engine: Engine) -> None:
    with contextlib.suppress(LookupError):
        async with engine.database.transaction() as tx:
            await engine.durable.enqueue(tx, "write_down", "k1", "rolled back")
            raise LookupError
    async with engine.database.transaction() as tx:
        await engine.durable.enqueue(tx, "write_down", "k2", "committed")
        await asyncio.sleep(0.2)
        assert engine.ran == []
    await until(lambda: bool(engine.ran))
    # The same key again, at once and afterwards, runs nothing; the rolled back key is free.
    await asyncio.gather(*(engine.enqueue("k2", "again") for _ in range(3)))
    await engine.enqueue("k1", "second chance")
    await engine.enqueue("k4", "a long one", "slowly")
    await until(lambda: len(engine.ran) == 3)
    await asyncio.sleep(0.2)
    assert engine.ran[0] == "committed"
    assert sorted(engine.ran[1:]) == ["a long one", "second chance"]
    assert engine.durable.is_running


async def test_a_workflow_that_waits_or_fails_runs_again_and_holds_nothing_up(
    engine: Engine,
) -> None:
    await engine.enqueue("k1", "waits", "again")
    await engine.enqueue("k2", "fails", "fail")
    await until(lambda: {"waits", "fails"} <= set(engine.ran))
    await engine.enqueue("k3", "another")
    await until(lambda: "another" in engine.ran)
    assert await engine.durable.is_under_way("again", "k1")
    assert not await engine.durable.is_under_way("again", "k9")
    await until(lambda: engine.ran.count("waits") == 2 and engine.ran.count("fails") == 3)
    async with asyncio.timeout(5):
        while await engine.durable.is_under_way("fail", "k2"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert not await engine.durable.is_under_way("again", "k1")
    assert sorted(engine.ran) == ["another"] + ["fails"] * 3 + ["waits"] * 2
    # What is done is forgotten after a while; with it the memory of its key.
    assert await engine.durable.purge(timedelta(hours=1)) == 0
    assert await engine.durable.purge(-timedelta(hours=1)) == 6
    await engine.enqueue("k3", "another once more")
    await until(lambda: "another once more" in engine.ran)


async def test_who_stands_first_is_taken_before_hundreds_that_came_earlier(engine: Engine) -> None:
    async with engine.database.transaction() as tx:
        for nth in range(300):
            await engine.durable.enqueue(tx, "write_down", f"flood-{nth}", "flood", place=1)
        await engine.durable.enqueue(tx, "write_down", "first", "first")
    await until(lambda: len(engine.ran) == 301)
    # As many as run at once are drawn together, in no order.
    assert engine.ran.index("first") < 100


async def test_an_engine_that_does_not_run_refuses_to_take_work(database: Database) -> None:
    durable = Durable(database, "replica-1")
    assert not durable.is_running
    with pytest.raises(RuntimeError, match="not running"):
        async with database.transaction() as tx:
            await durable.enqueue(tx, "write_down", "k", "text")
    await durable.stop()


async def test_work_that_is_cut_by_a_stop_runs_again_after_the_next_start(
    database: Database,
) -> None:
    first = Engine(database, is_stuck=True)
    await first.durable.start()
    await first.enqueue("k", "text")
    await asyncio.wait_for(first.began.wait(), 10)
    await first.durable.stop(seconds=0.1)
    second = Engine(database)
    await second.durable.start()
    await until(lambda: second.ran == ["text"])
    await second.durable.stop()
    assert first.ran == []


async def test_a_stop_lets_finish_what_runs(database: Database) -> None:
    engine = Engine(database)
    ended = asyncio.Event()

    async def takes_its_time(_: str) -> None:
        engine.began.set()
        await asyncio.sleep(0.3)
        ended.set()

    engine.durable.register("takes_its_time", takes_its_time)
    await engine.durable.start()
    await engine.enqueue("k", "text", "takes_its_time")
    await asyncio.wait_for(engine.began.wait(), 10)
    await engine.durable.stop()
    assert ended.is_set()
    again = Engine(database)
    await again.durable.start()
    assert not await again.durable.is_under_way("takes_its_time", "k")
    await again.durable.stop()


# -- kill -9 -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _process(replicas: Replicas, world: World, entry_id: str = "") -> AsyncIterator[Replica]:
    running = await replicas.start(
        "tests.xpm.entries.worker:settle",
        database_url=world.database.url.render_as_string(hide_password=False),
        practice_url=world.url,
        key=world.key,
        entry_id=entry_id,
    )
    try:
        yield running
    finally:
        running.kill()
        assert await running.ended() == -signal.SIGKILL


async def _settled(world: World, entry: Entry) -> Entry:
    async with asyncio.timeout(25):
        while (entry := await world.now(entry)).state is State.SENDING:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return entry


async def test_a_process_killed_after_writing_goes_on_after_a_restart_and_writes_once(
    each_world: World, replicas: Replicas
) -> None:
    world = each_world
    entry = await world.sending()
    world.fault("late", ADD, seconds=30)
    async with _process(replicas, world, entry.id):
        await until(lambda: len(world.times()) == 1, seconds=25)
    assert (await world.now(entry)).doubtful_since is not None
    async with _process(replicas, world):
        entry = await _settled(world, entry)
    assert entry.state is State.SENT
    assert world.times() == [("J000123", "Individual tax", 12, NOTE)]
    assert world.calls(ADD) == 1


class Held(Precedence):
    """Lets no step through until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.waiting = asyncio.Event()
        self.went_last: list[bool] = []

    async def stand_back(self, *, goes_last: bool = False) -> None:
        self.went_last.append(goes_last)
        self.waiting.set()
        await self.free.wait()


@pytest.mark.parametrize(
    ("name", "queue"), [("in_turn", CROWD), ("if_possible", COURTESY), ("write_down", QUEUE)]
)
async def test_a_crowd_and_a_courtesy_go_last(database: Database, name: str, queue: str) -> None:
    held = Held()
    engine = Engine(database, precedence=held)
    await engine.durable.start()
    try:
        await engine.enqueue("k1", "one", name)
        async with asyncio.timeout(10):
            await held.waiting.wait()
        assert held.went_last == [queue != QUEUE]
    finally:
        await engine.durable.stop(0)


async def test_work_of_people_waits_for_no_crowd_and_no_courtesy(engine: Engine) -> None:
    async with engine.database.transaction() as tx:
        for name in ("in_turn", "if_possible"):
            for n in range(70):
                await engine.durable.enqueue(tx, name, f"k{n}", f"{name} {n}")
    # As many as are let in at once, and all of them wait for ever.
    await until(lambda: len(engine.ran) == 16)
    await engine.enqueue("mine", "a person's")
    await until(lambda: engine.ran[16:] == ["a person's"])
    # What waits and what runs is known by what it was given.
    given = await engine.durable.arguments_of("in_turn")
    assert sorted(given) == sorted((f"in_turn {n}",) for n in range(70))
    # That it is done is written a moment after.
    async with asyncio.timeout(10):
        while await engine.durable.arguments_of("write_down"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await engine.durable.stop(0)


async def test_a_step_stands_back_while_people_are_answered(database: Database) -> None:
    held = Held()
    engine = Engine(database, precedence=held)
    await engine.durable.start()
    try:
        await engine.enqueue("k1", "later")
        async with asyncio.timeout(10):
            await held.waiting.wait()
            assert engine.ran == []
            held.free.set()
            await engine.began.wait()
        await until(lambda: engine.ran == ["later"])
    finally:
        await engine.durable.stop()
