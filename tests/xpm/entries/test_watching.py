"""Nothing stands still in silence: what lost its workflow gets another once, who waits for a day is told once a day."""

import asyncio
import datetime as dt

import pytest
import pytest_asyncio

from xpm.choices import (
    UNCLEAR,
    WAITING_FOR_ANSWER,
    WAITING_FOR_CONNECTION,
    WAITING_FOR_XPM,
    Draft,
    Problem,
    TaskChoice,
    problems,
)
from xpm.entries import SETTLE
from xpm.reception import OFFER, OFFER_IN_TURN
from xpm.store import calls as call_store
from xpm.store.entries import Entry, State
from xpm.watching import EVERY, REMIND, Watching

from .world import ADD, DELETE, ELSEWHERE, KEA, LOOK, MIA, NOTE, SAM, WORKSPACE, World

A_WHILE = dt.timedelta(minutes=11)
A_DAY = dt.timedelta(days=1, minutes=1)


@pytest_asyncio.fixture
async def watching(world: World) -> Watching:
    """The one who looks, over an engine that has lost what was in it."""
    world.durable.lose()
    return _watching(world)


def _watching(world: World) -> Watching:
    return Watching(world.database, world.durable, world.entries, world.notices, world.clock)


async def _sent_off(world: World) -> Entry:
    """An entry whose workflow was lost at once."""
    entry = await world.sending()
    world.durable.lose()
    return entry


async def _overdue(world: World, act: str = ADD) -> Entry:
    """An entry that XPM has not told the fate of for a day and more."""
    if act == ADD:
        entry = await world.sending()
    else:
        entry = await world.entries.undo(MIA, (await world.saved()).id)
    world.fault("down", times=-1)
    for _ in range(3):
        await world.step(entry)
        await world.clock.sleep(60)
    world.clock.moment += A_DAY
    world.durable.lose()
    return await world.now(entry)


# -- lost workflows ----------------------------------------------------------------------------------------------------


async def test_an_entry_whose_workflow_was_lost_gets_another_and_is_saved(
    world: World, watching: Watching
) -> None:
    entry = await _sent_off(world)
    await watching.look()
    assert world.durable.queue == [], "it was looked at too early"
    world.clock.moment += A_WHILE
    await watching.look()
    assert [(name, arguments) for name, _, arguments in world.durable.queue] == [
        (SETTLE, (WORKSPACE, entry.id))
    ]
    assert (await world.settle(entry)).state is State.SENT
    assert len(world.times()) == 1


async def test_replicas_that_look_at_once_begin_one_workflow(each_world: World) -> None:
    world = each_world
    await _sent_off(world)
    world.clock.moment += A_WHILE
    await asyncio.gather(*(_watching(world).look() for _ in range(3)))
    assert world.durable.names() == [SETTLE]


async def test_an_entry_whose_workflow_lives_gets_none(world: World, watching: Watching) -> None:
    entry = await _sent_off(world)
    world.durable.under_way.add(f"{SETTLE}:{entry.id}:2~7")
    world.clock.moment += A_WHILE
    await watching.look()
    assert world.durable.queue == []
    # Another entry's workflow is not its own.
    world.durable.under_way = {f"{SETTLE}:another:2"}
    await watching.look()
    assert world.durable.names() == [SETTLE]


async def test_a_message_and_a_refusal_that_were_not_shown_are_shown_later(
    world: World, watching: Watching
) -> None:
    saved, refused = await world.saved(), await world.chosen()
    await world.put(saved, note="changed")
    refused = await world.put(refused, state=State.REFUSED, reason="no", has_news=True)
    world.notices.shown.clear()
    world.durable.lose()
    world.clock.moment += A_WHILE
    await watching.look()
    assert {arguments[1] for _, _, arguments in world.durable.queue} == {saved.id, refused.id}
    for entry in (saved, refused):
        assert await world.step(entry) is None
    assert [shown[0] for shown in world.notices.shown] == [saved.id, refused.id]
    assert world.notices.said == [refused.id]
    world.durable.lose()
    world.clock.moment += EVERY
    await watching.look()
    assert world.durable.queue == []


async def test_what_nobody_could_show_for_a_day_is_left_alone(
    world: World, watching: Watching
) -> None:
    await world.put(await world.saved(), note="changed")
    world.durable.lose()
    world.clock.moment += A_DAY
    await watching.look()
    assert world.durable.queue == []


async def test_a_form_that_somebody_fills_in_is_left_to_their_clicks(
    world: World, watching: Watching
) -> None:
    await world.chosen()
    world.clock.moment += A_WHILE
    await watching.look()
    assert world.durable.queue == []


async def test_a_form_that_slack_did_not_take_after_a_click_is_shown_later(
    world: World, watching: Watching
) -> None:
    entry = await world.sending()
    world.fault("rate", ADD, seconds=0)
    await world.step(entry)
    # The message says that it waits and will be sent; it was taken back, and Slack was away at that moment.
    assert (await world.entries.recall(MIA, entry.id)).state is State.OFFERED
    world.durable.lose()
    world.clock.moment += A_WHILE
    await watching.look()
    assert world.durable.names() == [SETTLE]
    assert await world.step(entry) is None
    assert world.notices.shown[-1] == (entry.id, State.OFFERED, None)


async def test_a_call_whose_message_was_never_posted_is_asked_about(
    world: World, watching: Watching
) -> None:
    entry = await world.offered(await world.call())
    assert entry is not None
    world.clock.moment += A_WHILE
    await watching.look()
    assert world.durable.names() == [SETTLE]
    assert await world.step(entry) is None
    assert world.notices.shown == [(entry.id, State.OFFERED, None)]


async def test_a_call_of_a_crowd_that_waits_for_its_turn_is_left_in_it(
    world: World, watching: Watching
) -> None:
    call = await world.call()
    async with world.database.transaction() as tx:
        await call_store.conclude(tx, WORKSPACE, call.id, call_store.WAITING)
        await world.durable.enqueue(tx, OFFER_IN_TURN, "another", WORKSPACE, ["another", call.id])
    world.clock.moment += A_WHILE
    await watching.look()
    assert world.durable.names() == [OFFER_IN_TURN]
    world.durable.lose()
    await watching.look()
    assert world.durable.names() == [OFFER]


async def test_a_call_nobody_was_asked_about_is_offered_again(
    world: World, watching: Watching
) -> None:
    call = await world.call()
    async with world.database.transaction() as tx:
        await call_store.conclude(tx, WORKSPACE, call.id, call_store.WAITING)
    world.clock.moment += A_WHILE
    world.durable.under_way.add(f"{OFFER}:{call.id}")
    await watching.look()
    assert world.durable.queue == []
    world.durable.under_way.clear()
    await watching.look()
    await watching.look()
    assert [(name, arguments) for name, _, arguments in world.durable.queue] == [
        (OFFER, (WORKSPACE, call.id))
    ]


async def test_what_waits_for_a_connection_that_lives_is_sent_on(
    world: World, watching: Watching
) -> None:
    entry = await _sent_off(world)
    await world.put(entry, waiting_for=WAITING_FOR_CONNECTION, waiting_since=world.clock())
    await world.in_another_workspace(await world.now(entry))
    await watching.look()
    assert [arguments for _, _, arguments in world.durable.queue] == [(WORKSPACE, entry.id)]
    assert (await world.settle(entry)).state is State.SENT


async def test_what_waits_for_a_connection_that_ended_stays(
    world: World, watching: Watching
) -> None:
    entry = await _sent_off(world)
    world.state.grants.disconnect_everywhere(KEA)
    await world.settle(entry)
    world.durable.lose()
    world.clock.moment += A_WHILE
    await watching.look()
    assert world.durable.queue == []


# -- a day -------------------------------------------------------------------------------------------------------------


async def _reminded(world: World) -> None:
    for name, _, arguments in list(world.durable.queue):
        if name == REMIND:
            await world.fly(_watching(world).remind(*arguments) for _ in range(9))
    world.durable.lose()


async def test_people_are_reminded_once_a_day_in_one_message_for_all(
    world: World, watching: Watching
) -> None:
    for person in (MIA, MIA, SAM):
        await world.put(
            await world.chosen(person=person),
            state=State.SENDING,
            waiting_for=WAITING_FOR_XPM,
            waiting_since=world.clock(),
            changed_at=world.clock(),
        )
    for hours, told in ((23, 0), (1, 0), (1, 2), (1, 2), (22, 2), (2, 4), (1, 4)):
        world.clock.moment += dt.timedelta(hours=hours)
        await asyncio.gather(watching.look(), _watching(world).look())
        await _reminded(world)
        assert len(world.notices.reminded) == told, world.clock()
    assert sorted(set(world.notices.reminded)) == [("U1", 1), ("U2", 2)]


async def test_replicas_that_look_at_once_remind_once(each_world: World) -> None:
    world = each_world
    entry = await _sent_off(world)
    await world.put(entry, waiting_for=WAITING_FOR_XPM, waiting_since=world.clock())
    world.clock.moment += A_DAY
    await asyncio.gather(*(_watching(world).look() for _ in range(3)))
    assert world.durable.names().count(REMIND) == 1
    # One that looks in the next slot finds it done.
    world.clock.moment += EVERY
    await _watching(world).look()
    assert world.durable.names().count(REMIND) == 1


async def test_a_replica_that_asked_before_another_reminded_does_not_remind_too(
    world: World, watching: Watching
) -> None:
    await _sent_off(world)
    world.clock.moment += A_DAY
    for slot in (1, 2):
        await watching._remind_later(WORKSPACE, "U2", world.clock(), slot)
    assert world.durable.names().count(REMIND) == 1


async def test_another_time_that_becomes_overdue_does_not_remind_twice_a_day(
    world: World, watching: Watching
) -> None:
    first, second = await world.sending(), await world.sending()
    await world.put(first, waiting_for=WAITING_FOR_XPM, waiting_since=world.clock())
    later = world.clock() + dt.timedelta(minutes=30)
    await world.put(second, waiting_for=WAITING_FOR_XPM, waiting_since=later)
    world.durable.lose()
    world.clock.moment += A_DAY
    for _ in range(12):
        await watching.look()
        await _reminded(world)
        world.clock.moment += EVERY
    assert world.notices.reminded == [("U2", 1)]


async def test_what_fails_for_reasons_nobody_foresaw_is_told_after_a_day_too(
    world: World, watching: Watching
) -> None:
    entry = await _sent_off(world)
    assert entry.waiting_since is None
    world.clock.moment += A_DAY
    await watching.look()
    await _reminded(world)
    assert world.notices.reminded == [("U2", 1)]
    # And its person may have it back.
    assert (await world.entries.recall(MIA, entry.id)).state is State.OFFERED


async def test_nothing_is_said_of_what_was_saved_meanwhile(
    world: World, watching: Watching
) -> None:
    entry = await _sent_off(world)
    world.clock.moment += A_DAY
    await watching.look()
    await world.settle(entry)
    await _reminded(world)
    assert world.notices.reminded == []


async def test_slack_being_away_puts_the_reminder_off(world: World, watching: Watching) -> None:
    await _sent_off(world)
    world.clock.moment += A_DAY
    await watching.look()
    world.notices.away = 2
    await _reminded(world)
    assert world.notices.reminded == [("U2", 1)]


async def test_two_workspaces_are_reminded_apart(world: World, watching: Watching) -> None:
    entry = await _sent_off(world)
    await world.in_another_workspace(entry)
    world.clock.moment += A_DAY
    await watching.look()
    assert [arguments for name, _, arguments in world.durable.queue if name == REMIND] == [
        (WORKSPACE, "U2"),
        (ELSEWHERE, "U2"),
    ]
    await _reminded(world)
    assert world.notices.reminded == [("U2", 1), ("U2", 1)]


# -- giving back what is doubtful --------------------------------------------------------------------------------------


async def test_a_doubtful_time_is_its_persons_again_only_after_a_day(world: World) -> None:
    entry = await world.sending()
    world.fault("down", times=-1)
    await world.step(entry)
    await world.step(entry)
    for act in (world.entries.recall(MIA, entry.id), world.entries.dismiss(MIA, entry.id, Draft())):
        assert (await act).state is State.SENDING
    world.clock.moment += A_DAY
    back = await world.entries.recall(MIA, entry.id)
    assert (back.state, problems(back)) == (State.OFFERED, [Problem.UNSURE])
    assert (back.doubtful_since, back.waiting_for, back.note) == (None, None, NOTE)
    # It stays in sight while they choose, and goes when they save it again.
    again = await world.entries.choose_job(MIA, entry.id, "J000123", Draft())
    assert problems(again) == [Problem.UNSURE]
    world.state.faults.clear()
    task = TaskChoice("J000123", world.task("J000123", "Review"))
    sent = await world.entries.send(MIA, entry.id, Draft(), task)
    assert (sent.state, sent.reason) == (State.SENDING, None)
    assert (await world.settle(sent)).state is State.SENT


async def test_somebody_else_cannot_have_a_doubtful_time_back(world: World) -> None:
    entry = await _overdue(world)
    with pytest.raises(Exception, match=entry.id):
        await world.entries.recall(SAM, entry.id)
    assert (await world.now(entry)).state is State.SENDING


async def test_what_was_recalled_is_not_settled_by_a_workflow_that_looked_meanwhile(
    world: World,
) -> None:
    entry = await _overdue(world)
    world.state.faults.clear()
    world.write_by_hand()
    await world.entries.recall(MIA, entry.id)
    assert await world.step(entry) is None
    assert (await world.now(entry)).state is State.OFFERED
    assert world.calls(LOOK) > 0


async def test_a_doubtful_removal_comes_back_as_saved_with_what_is_not_known(world: World) -> None:
    entry = await _overdue(world, DELETE)
    back = await world.entries.recall(MIA, entry.id)
    assert (back.state, back.reason) == (State.SENT, UNCLEAR)
    assert back.xpm_time_uuid == entry.xpm_time_uuid
    world.state.faults.clear()
    gone = await world.settle(await world.entries.undo(MIA, entry.id))
    assert gone.state is State.REMOVED
    assert world.times() == []


async def test_an_overdue_time_goes_on_being_looked_for(world: World, watching: Watching) -> None:
    entry = await _overdue(world)
    assert entry.waiting_for in (WAITING_FOR_XPM, WAITING_FOR_ANSWER)
    world.state.faults.clear()
    await watching.look()
    assert SETTLE in world.durable.names()
    assert (await world.settle(entry)).state is State.SENT
    assert len(world.times()) == 1
    assert (await world.now(entry)).reminded_at is None
