"""A crash anywhere, two processes at once, two entries that look alike: each entry still becomes one time."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from xpm.choices import WAITING_FOR_XPM, Draft
from xpm.settling import LOOK_EVERY, WINDOW, Settling
from xpm.store import Database
from xpm.store.entries import Entry, State

from .world import ADD, KEA, MIA, NOTE, WORKSPACE, World, until

ONE = [("J000123", "Individual tax", 12, NOTE)]
TWO = ONE * 2


async def _abandon(task: "asyncio.Task[float | None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@asynccontextmanager
async def _second_process(world: World) -> AsyncIterator[Settling]:
    database = Database(world.database.url.render_as_string(hide_password=False))
    yield Settling(database, world.connections, world.notices, world.clock)
    await database.close()


# -- a crash -----------------------------------------------------------------------------------------------------------


async def test_a_crash_before_the_intent_leaves_nothing_in_doubt(each_world: World) -> None:
    world = each_world
    entry = await world.sending()
    # The token has expired: the intent waits for its renewal, because nothing can be written before.
    await world.clock.sleep(3600)
    world.fault("late", "connect/token", seconds=1)
    step = asyncio.create_task(world.step(entry))
    await until(lambda: world.calls("connect/token") > 0)
    await _abandon(step)
    assert (await world.now(entry)).doubtful_since is None
    world.start_again()
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE
    assert world.calls(ADD) == 1


async def test_a_crash_between_the_act_and_its_record_ends_in_one_time(each_world: World) -> None:
    world = each_world
    entry = await world.sending()
    world.fault("late", ADD, seconds=5)
    step = asyncio.create_task(world.step(entry))
    await until(lambda: len(world.times()) == 1)
    await _abandon(step)
    doubtful = await world.now(entry)
    assert (doubtful.state, doubtful.xpm_time_uuid) == (State.SENDING, None)
    assert doubtful.doubtful_since is not None
    world.start_again()
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE
    assert world.calls(ADD) == 1


async def test_a_crash_while_looking_ends_in_one_time(world: World) -> None:
    entry = await world.sending()
    world.fault("cut_after", ADD)
    await world.step(entry)
    world.fault("late", "time.api/staff", seconds=5)
    step = asyncio.create_task(world.step(entry))
    await until(lambda: world.calls("time.api/staff") == 1)
    await _abandon(step)
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


async def test_a_crash_before_the_message_is_shown_shows_it_and_writes_nothing_more(
    world: World,
) -> None:
    entry = await world.sending()
    world.notices.away = 1
    await world.step(entry)
    assert (await world.now(entry)).state is State.SENT
    world.start_again()
    await world.settle(entry)
    assert world.notices.shown == [(entry.id, State.SENT, None)]
    assert world.calls(ADD) == 1


# -- two processes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["", "cut_before", "cut_after", "dead_token"])
async def test_two_workflows_of_one_entry_write_it_once(each_world: World, kind: str) -> None:
    world = each_world
    entry = await world.sending()
    if kind:
        world.fault(kind, ADD)
    async with _second_process(world) as other:
        await asyncio.gather(world.step(entry), other.advance(WORKSPACE, entry.id))
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


async def test_one_process_finds_what_another_has_under_way(world: World) -> None:
    entry = await world.sending()
    world.fault("late", ADD, seconds=0.5)
    first = asyncio.create_task(world.step(entry))
    await until(lambda: len(world.times()) == 1)
    assert await world.step(entry) is None
    assert (await world.now(entry)).state is State.SENT
    # The late answer changes nothing any more.
    assert await first == 0.0
    assert world.times() == ONE
    assert (await world.facts()).count("time.written") == 1


async def test_a_process_that_was_held_up_does_not_act_when_another_has_sent_it_again(
    world: World,
) -> None:
    entry = await world.sending()
    # The first cannot commit its intent, because somebody else is writing for a minute.
    async with world.database.engine.connect() as writer:
        await writer.execution_options(xpm_writes=True)
        async with writer.begin():
            # SQLite begins with the first statement.
            await writer.exec_driver_sql("select 1")
            held_up = asyncio.create_task(world.step(entry))
            await asyncio.sleep(0.2)
            await world.clock.sleep(60)
    assert await held_up == LOOK_EVERY.total_seconds()
    assert world.calls(ADD) == 0
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


async def test_a_doubtful_one_that_another_process_sends_again_is_never_doubled(
    world: World,
) -> None:
    entry = await world.sending()
    world.fault("cut_before", ADD)
    await world.step(entry)
    await world.clock.sleep(WINDOW.total_seconds() + 1)
    async with _second_process(world) as other:
        for _ in range(2):
            both = (one.advance(WORKSPACE, entry.id) for one in (world.settling, other))
            await asyncio.gather(*both)
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


# -- entries that look alike -------------------------------------------------------------------------------------------

KINDS = ["", "cut_before", "cut_after"]


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
async def test_two_entries_that_look_alike_become_two_times(
    world: World, first: str, second: str
) -> None:
    one, two = await world.sending(), await world.sending()
    for entry, kind in ((one, first), (two, second)):
        if kind:
            world.fault(kind, ADD)
        await world.step(entry)
    two, one = await world.settle(two), await world.settle(one)
    assert (one.state, two.state) == (State.SENT, State.SENT)
    assert {one.xpm_time_uuid, two.xpm_time_uuid} == set(world.state.practices[KEA].times)
    assert world.times() == TWO


async def test_two_that_look_at_the_same_moment_do_not_claim_one_time(each_world: World) -> None:
    world = each_world
    one, two = await world.sending(), await world.sending()
    world.fault("cut_after", ADD)
    world.fault("cut_before", ADD)
    await world.step(one)
    await world.step(two)
    # Both answers hold the same one time, and arrive together.
    world.fault("late", "time.api/staff", times=2, seconds=0.2)
    await asyncio.gather(world.step(one), world.step(two))
    assert sorted([(await world.now(one)).state, (await world.now(two)).state]) == [
        State.SENDING,
        State.SENT,
    ]
    one, two = await world.settle(one), await world.settle(two)
    assert {one.xpm_time_uuid, two.xpm_time_uuid} == set(world.state.practices[KEA].times)
    assert world.times() == TWO


async def test_one_whose_time_another_took_for_its_own_still_becomes_a_time(
    each_world: World,
) -> None:
    world = each_world
    one, two = await world.sending(), await world.sending()
    world.fault("cut_before", ADD)
    await world.step(one)
    world.fault("late", ADD, seconds=0.5)
    second = asyncio.create_task(world.step(two))
    await until(lambda: len(world.times()) == 1)
    # The first looks, finds the second's time, and cannot know better.
    await world.step(one)
    assert (await world.now(one)).state is State.SENT
    assert await second is not None
    two = await world.settle(two)
    one = await world.now(one)
    assert two.state is State.SENT
    assert {one.xpm_time_uuid, two.xpm_time_uuid} == set(world.state.practices[KEA].times)
    assert world.times() == TWO


async def test_a_time_that_is_being_edited_to_another_day_is_not_taken_by_its_twin(
    world: World,
) -> None:
    edited = await world.saved()
    await world.entries.edit(MIA, edited.id)
    yesterday = Draft(date=edited.date - dt.timedelta(days=1))
    await world.entries.choose_job(MIA, edited.id, "J000123", yesterday)
    twin = await world.sending()
    world.fault("cut_after", ADD)
    twin = await world.settle(twin)
    assert twin.state is State.SENT
    assert twin.xpm_time_uuid != edited.xpm_time_uuid
    assert world.times() == TWO


# -- taking back -------------------------------------------------------------------------------------------------------

Take = Callable[[World, Entry], Awaitable[Entry]]


async def _recall(world: World, entry: Entry) -> Entry:
    return await world.entries.recall(MIA, entry.id)


async def _dismiss(world: World, entry: Entry) -> Entry:
    return await world.entries.dismiss(MIA, entry.id, Draft())


@pytest.mark.parametrize("take", [_recall, _dismiss])
@pytest.mark.parametrize("why", ["limit", "connection"])
async def test_what_is_taken_back_while_it_waits_is_never_written(
    world: World, take: Take, why: str
) -> None:
    entry = await world.sending()
    if why == "limit":
        world.fault("rate", ADD, seconds=0)
    else:
        world.state.grants.disconnect_everywhere(KEA)
    await world.step(entry)
    taken = await take(world, entry)
    expected = State.OFFERED if take is _recall else State.NOT_LOGGED
    assert (taken.state, taken.waiting_for, taken.waiting_since) == (expected, None, None)
    assert await world.connect() == 0
    assert (await world.settle(entry)).state is expected
    assert world.times() == []


@pytest.mark.parametrize("take", [_recall, _dismiss])
async def test_what_may_have_been_written_cannot_be_taken_back(world: World, take: Take) -> None:
    entry = await world.sending()
    world.fault("cut_after", ADD)
    world.fault("down", "time.api/staff", times=2)
    await world.step(entry)
    await world.step(entry)
    doubtful = await world.now(entry)
    assert doubtful.waiting_for == WAITING_FOR_XPM
    assert await take(world, entry) == doubtful
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


@pytest.mark.parametrize("take", [_recall, _dismiss])
async def test_taking_back_at_the_moment_of_sending_either_wins_or_changes_nothing(
    each_world: World, take: Take
) -> None:
    world = each_world
    entry = await world.sending()
    world.fault("rate", ADD, seconds=0)
    await world.step(entry)
    taken, _ = await asyncio.gather(take(world, entry), world.step(entry))
    entry = await world.settle(entry)
    if taken.state is State.SENDING:
        assert entry.state is State.SENT
        assert world.times() == ONE
    else:
        assert entry.state is taken.state
        assert world.times() == []


async def test_an_undo_that_waits_can_be_taken_back_and_leaves_the_time(world: World) -> None:
    entry = await world.saved()
    world.state.grants.disconnect_everywhere(KEA)
    await world.entries.undo(MIA, entry.id)
    await world.settle(entry)
    back = await world.entries.recall(MIA, entry.id)
    assert back.state is State.SENT
    await world.connect()
    await world.settle(entry)
    assert world.times() == ONE
