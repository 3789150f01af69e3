"""Replicas on one database: each says that it lives, a dead one's work is taken over once."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from xpm.durable import Durable
from xpm.replicas import BEAT, GRACE, MOST_SKEW, Replicas
from xpm.store import Database
from xpm.store import replicas as store
from xpm.store import tables as t

A_LITTLE = dt.timedelta(seconds=1)


@dataclass
class Engine(Durable):
    """An engine that runs what a test says it runs, and keeps what it was told to take over."""

    database: Database
    replica: str
    running: dict[str, list[str]] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    is_up: bool = True

    @property
    def is_running(self) -> bool:
        """Whether a test says so."""
        return self.is_up

    async def running_on(self) -> dict[str, list[str]]:
        """What a test says runs where."""
        return self.running

    async def take_over(self, workflow_ids: list[str]) -> None:
        """Puts it back, as it were."""
        self.taken += workflow_ids


class Hands:
    """A clock that goes as it does, from where a test puts it."""

    def __init__(self, shift: dt.timedelta = dt.timedelta(0)) -> None:
        self.shift = shift

    def __call__(self) -> datetime:
        """Now, shifted."""
        return datetime.now(UTC) + self.shift


def one(
    database: Database,
    name: str,
    clock: Callable[[], datetime] | None = None,
    running: dict[str, list[str]] | None = None,
    grace: dt.timedelta = GRACE,
) -> tuple[Replicas, Engine]:
    """A replica of this name, with an engine that stands for it."""
    engine = Engine(database, name, running if running is not None else {})
    beat = dt.timedelta(hours=1)  # a test beats by itself
    return Replicas(database, engine, clock or Hands(), beat=beat, grace=grace), engine


async def age(database: Database, name: str, by: dt.timedelta) -> None:
    """Lets a replica's last beat be so long ago."""
    async with database.transaction() as tx:
        await tx.execute(
            sa.update(t.replicas)
            .where(t.replicas.c.name == name)
            .values(beat_at=datetime.now(UTC) - by)
        )


@asynccontextmanager
async def living(*replicas: Replicas) -> AsyncIterator[None]:
    """Some that have entered, and leave at the end."""
    for replica in replicas:
        await replica.start()
    try:
        yield
    finally:
        for replica in replicas:
            await replica.stop()


async def known(database: Database) -> list[str]:
    async with database.reading() as tx:
        rows = await tx.execute(sa.select(t.replicas.c.name).order_by(t.replicas.c.name))
        return list(rows.scalars())


# -- taking over -------------------------------------------------------------------------------------------------------


async def test_a_dead_replicas_work_is_taken_over_once_by_one_of_two(database: Database) -> None:
    running = {"dead": ["settle_entry:1", "settle_entry:2"], "a": ["settle_entry:3"]}
    (dead, _), (a, of_a), (b, of_b) = (
        one(database, name, None, running) for name in ("dead", "a", "b")
    )
    async with living(dead, a, b):
        await asyncio.gather(a.look(), b.look())
        await age(database, "dead", GRACE - 2 * A_LITTLE)
        await asyncio.gather(a.look(), b.look())
        assert of_a.taken + of_b.taken == [], "it was taken for dead within the grace"
        await age(database, "dead", GRACE + A_LITTLE)
        await asyncio.gather(a.look(), b.look(), a.look(), b.look())
        assert of_a.taken + of_b.taken == ["settle_entry:1", "settle_entry:2"]


async def test_what_a_take_over_left_is_taken_after_another_grace(database: Database) -> None:
    running = {"dead": ["settle_entry:1"]}
    a, of_a = one(database, "a", None, running)
    async with living(a):
        await a.look()
        await a.look()
        assert of_a.taken == ["settle_entry:1"]
        await age(database, "dead", GRACE + A_LITTLE)
        await a.look()
        assert of_a.taken == ["settle_entry:1"] * 2


async def test_work_of_one_that_left_cleanly_is_taken_over_at_once(database: Database) -> None:
    running = {"b": ["settle_entry:1"]}
    (a, of_a), (b, _) = (one(database, name, None, running) for name in ("a", "b"))
    async with living(a):
        await b.start()
        await a.look()
        assert of_a.taken == []
        await b.stop()
        assert await known(database) == ["a"]
        await a.look()
        assert of_a.taken == ["settle_entry:1"]


async def test_work_under_a_name_that_was_never_known_is_taken_over_once(
    database: Database,
) -> None:
    running = {"who?": ["settle_entry:1"]}
    (a, of_a), (b, of_b) = (one(database, name, None, running) for name in ("a", "b"))
    async with living(a, b):
        await asyncio.gather(a.look(), b.look())
        assert of_a.taken + of_b.taken == ["settle_entry:1"]


async def test_one_that_starts_is_known_before_its_engine_runs(database: Database) -> None:
    running = {"new": ["settle_entry:1"]}
    (a, of_a), (new, of_new) = (one(database, name, None, running) for name in ("a", "new"))
    of_new.is_up = False
    async with living(a, new):
        await new.look()
        await a.look()
        assert of_a.taken == of_new.taken == []


async def test_one_that_is_being_stopped_takes_nothing_over(database: Database) -> None:
    a, of_a = one(database, "a", None, {"who?": ["settle_entry:1"]})
    of_a.is_up = False
    async with living(a):
        await a.look()
        assert of_a.taken == []


async def test_work_that_one_was_cut_in_is_run_by_another_of_another_name(
    database: Database,
) -> None:
    """With the real engine, which by itself would leave it to a process of the same name for ever."""
    ran: list[str] = []
    began = asyncio.Event()

    async def stuck(text: str) -> None:
        began.set()
        await asyncio.Event().wait()

    async def write_down(text: str) -> None:
        ran.append(text)

    first = Durable(database, "replica-1", poll_seconds=0.05)
    first.register("settle_entry", stuck)
    await first.start()
    async with database.transaction() as tx:
        await first.enqueue(tx, "settle_entry", "k", "text")
    await asyncio.wait_for(began.wait(), 10)
    assert await first.running_on() == {"replica-1": ["settle_entry:k"]}
    await first.stop(seconds=0.1)
    second = Durable(database, "replica-2", poll_seconds=0.05)
    second.register("settle_entry", write_down)
    await second.start()
    try:
        replica = Replicas(database, second, Hands(), beat=dt.timedelta(hours=1))
        async with living(replica):
            await replica.look()
            async with asyncio.timeout(10):
                while not ran or await second.is_under_way("settle_entry", "k"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await replica.look()
            assert await second.running_on() == {}
    finally:
        await second.stop()
    assert ran == ["text"]


# -- who lives ---------------------------------------------------------------------------------------------------------


async def test_one_that_was_held_up_beats_again_and_is_left_alone(database: Database) -> None:
    running = {"slow": ["settle_entry:1"]}
    (a, of_a), (slow, _) = (one(database, name, None, running) for name in ("a", "slow"))
    async with living(a, slow):
        await age(database, "slow", GRACE + A_LITTLE)
        await a.look()
        assert of_a.taken == ["settle_entry:1"]
        await slow.look()
        assert slow.is_well
        await a.look()
        assert of_a.taken == ["settle_entry:1"]


async def test_one_that_was_held_up_for_days_and_forgotten_is_known_again(
    database: Database,
) -> None:
    slow, _ = one(database, "slow")
    async with living(slow):
        await age(database, "slow", dt.timedelta(days=2))
        a, of_a = one(database, "a", None, {"slow": ["settle_entry:1"]})
        async with living(a):
            assert await known(database) == ["a"]
            await slow.look()
            assert slow.is_well
            await a.look()
            assert of_a.taken == []


async def test_of_two_with_one_name_the_earlier_is_not_well_from_its_next_beat(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    (first, _), (second, _) = one(database, "a"), one(database, "a")
    async with living(first, second):
        for _ in range(3):
            await first.look()
            await second.look()
        assert (first.is_well, second.is_well) == (False, True)
        assert [record.message for record in caplog.records].count("replica.name_taken") == 1
        # The one that is well goes, and the name with it; the other takes it back.
        await second.stop()
        await first.look()
        assert first.is_well


async def test_the_loser_of_a_name_does_not_give_it_back_when_it_stops(database: Database) -> None:
    (first, _), (second, _) = one(database, "a"), one(database, "a")
    async with living(second):
        await first.start()
        await second.look()
        assert not second.is_well
    assert await known(database) == ["a"]
    await first.stop()
    assert await known(database) == []


@pytest.mark.parametrize("seconds", [-6, 6])
async def test_a_clock_that_differs_from_the_databases_is_not_well_and_is_logged(
    postgres_url: str, caplog: pytest.LogCaptureFixture, seconds: int
) -> None:
    database, clock = Database(postgres_url), Hands(dt.timedelta(seconds=seconds))
    a, _ = one(database, "a", clock)
    async with living(a):
        was_well = []
        for _ in range(2):
            await a.look()
            was_well.append(a.is_well)
        assert [record.message for record in caplog.records].count("replica.clock_differs") == 1
        clock.shift = dt.timedelta(seconds=seconds / 2)
        assert abs(clock.shift) < MOST_SKEW
        await a.look()
        was_well.append(a.is_well)
        assert was_well == [False, False, True]
    await database.close()


async def test_clocks_of_replicas_are_held_against_the_databases_own(postgres_url: str) -> None:
    """A replica whose clock is an hour ahead buries nobody, because it asks the database what time it is."""
    database = Database(postgres_url)
    running = {"b": ["settle_entry:1"]}
    a, of_a = one(database, "a", Hands(dt.timedelta(hours=1)), running)
    b, _ = one(database, "b", None, running)
    async with living(a, b):
        await a.look()
        assert of_a.taken == []
    await database.close()


@pytest.mark.parametrize("hours", [-1, 1])
async def test_time_is_the_databases_on_every_replica(postgres_url: str, hours: int) -> None:
    database = Database(postgres_url)
    a, _ = one(database, "a", Hands(dt.timedelta(hours=hours)))
    async with living(a):
        assert abs(a.now() - datetime.now(UTC)) < A_LITTLE
        await a.look()
        assert abs(a.now() - datetime.now(UTC)) < A_LITTLE
    await database.close()


async def test_a_database_that_is_away_for_a_moment_is_found_again(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    engine = Engine(database, "a", {"who?": ["settle_entry:1"]})
    replica = Replicas(database, engine, Hands(), beat=dt.timedelta(milliseconds=20))
    async with living(replica):
        async with database.transaction() as tx:
            await tx.execute(sa.text("alter table replicas rename to gone"))
        await asyncio.sleep(0.1)
        assert replica._task is not None
        assert not replica._task.done()
        async with database.transaction() as tx:
            await tx.execute(sa.text("alter table gone rename to replicas"))
        async with asyncio.timeout(5):
            while not engine.taken:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await database.close()


async def test_one_that_never_started_stops_quietly(database: Database) -> None:
    a, _ = one(database, "a")
    await a.stop()
    assert await known(database) == []


def test_a_beat_may_be_missed_several_times_before_the_grace_ends() -> None:
    assert BEAT * 5 < GRACE


async def test_sqlite_has_no_time_but_the_process(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.reading() as tx:
        assert await store.now(tx) is None
    await database.close()
