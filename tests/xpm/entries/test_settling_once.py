"""One intent, one write: what a try may leave behind, what another process did meanwhile, and how often Slack hears."""

import asyncio
import datetime as dt
import itertools

import pytest

from handlers.messages import refusals
from xpm.choices import UNCLEAR, WAITING_FOR_XPM, Draft
from xpm.clock import utc_now
from xpm.durable import Durable
from xpm.likeness import is_about
from xpm.replicas import Replicas
from xpm.settling import FRESH, LOOK_EVERY, MOST_TRIES, WINDOW, Settling
from xpm.store.entries import Act, Entry, State

from .world import ADD, DELETE, KEA, LOOK, MIA, NOTE, UPDATE, WORKSPACE, World, until, world_on

ONE = [("J000123", "Individual tax", 12, NOTE)]
AWAY = "http://127.0.0.1:9"


# -- giving up ---------------------------------------------------------------------------------------------------------


async def test_too_many_tries_without_an_answer_are_given_back_to_the_person(world: World) -> None:
    entry = await world.sending()
    world.fault("cut_before", ADD, times=-1)
    entry = await world.settle(entry)
    assert world.calls(ADD) == MOST_TRIES
    assert (entry.state, entry.reason, entry.tries) == (State.REFUSED, UNCLEAR, 0)
    assert (entry.doubtful_since, entry.waiting_since, entry.has_news) == (None, None, False)
    assert world.notices.said == [entry.id]
    assert world.times() == []
    view = await world.entries.view(WORKSPACE, entry.id)
    assert view is not None
    title, what_to_do = refusals.refusal(view)
    assert title == "Not saved: XPM gave no clear answer to 5 tries."
    assert "not in XPM" in what_to_do
    # Nothing of it is lost: it is sent again as it stands.
    world.state.faults.clear()
    assert (await world.settle(await _again(world, entry))).state is State.SENT
    assert world.times() == ONE


async def test_a_change_and_a_removal_without_an_answer_are_given_back_too(world: World) -> None:
    saved = await world.saved()
    world.fault("cut_before", DELETE, times=-1)
    kept = await world.settle(await world.entries.undo(MIA, saved.id))
    assert (kept.state, kept.reason) == (State.SENT, UNCLEAR)
    view = await world.entries.view(WORKSPACE, saved.id)
    assert view is not None
    assert refusals.refusal(view)[0] == "Not removed: XPM gave no clear answer."
    world.fault("cut_before", UPDATE, times=-1)
    edited = await world.entries.edit(MIA, saved.id)
    await world.put(edited, minutes="30")
    refused = await world.settle(await _again(world, edited))
    assert (refused.state, refused.reason, refused.minutes) == (State.REFUSED, UNCLEAR, "30")
    assert refused.is_editing
    assert world.times() == ONE


async def test_a_try_counts_when_nobody_heard_what_became_of_it(world: World) -> None:
    """A process that dies right after its intent leaves no count behind, and is not to do so for ever."""
    entry = await world.sending()
    for tried in range(1, MOST_TRIES):
        await world.settling.intend(await world.now(entry))
        world.clock.moment += WINDOW + dt.timedelta(seconds=1)
        assert await world.step(entry) == 0.0
        assert (await world.now(entry)).tries == tried
    await world.settling.intend(await world.now(entry))
    world.clock.moment += WINDOW + dt.timedelta(seconds=1)
    await world.step(entry)
    assert (await world.now(entry)).reason == UNCLEAR
    assert world.calls(ADD) == 0


async def test_tries_that_xpm_certainly_did_not_carry_out_are_not_counted(world: World) -> None:
    entry = await world.sending()
    world.fault("rate", ADD, seconds=1, times=MOST_TRIES * 2)
    for _ in range(MOST_TRIES * 2):
        await world.step(entry)
        world.start_again()
        await world.clock.sleep(2)
    assert (await world.now(entry)).tries == 0
    assert (await world.settle(entry)).state is State.SENT


# -- waiting -----------------------------------------------------------------------------------------------------------


async def test_the_longer_xpm_is_away_the_more_rarely_it_is_asked(world: World) -> None:
    entry = await world.sending()
    world.url = AWAY
    world.start_again()
    pauses = []
    for _ in range(30):
        pause = await world.step(entry)
        assert pause is not None
        pauses.append(pause)
        await world.clock.sleep(pause)
    assert pauses == sorted(pauses)
    assert 15.0 <= pauses[0] <= 18.0
    assert pauses[-1] == 300.0


async def test_entries_that_wait_as_long_are_not_tried_at_the_same_moment(world: World) -> None:
    entries = [await world.sending() for _ in range(6)]
    world.url = AWAY
    world.start_again()
    pauses = {await world.step(entry) for entry in entries}
    assert len(pauses) > 3


@pytest.mark.parametrize("how", ["no connection", "503"])
async def test_an_hour_without_xpm_changes_the_message_once_for_each_thing_to_say(
    world: World, how: str
) -> None:
    """What nobody can see does not make the message out of date."""
    entry = await world.sending()
    url = world.url
    if how == "503":
        world.fault("down", times=-1)
    else:
        world.url = AWAY
        world.start_again()
    began = world.clock()
    while world.clock() - began < dt.timedelta(hours=1):
        await world.clock.sleep(await world.step(entry) or 0)
    # "Saving …" is said only where the first try took its time.
    said = ([None] if how == "503" else []) + [WAITING_FOR_XPM]
    assert [waiting_for for _, _, waiting_for in world.notices.shown] == said
    world.state.faults.clear()
    world.url = url
    world.start_again()
    assert (await world.settle(entry)).state is State.SENT
    assert [state for _, state, _ in world.notices.shown[len(said) :]] == [State.SENT]
    assert world.times() == ONE


async def test_a_save_that_goes_well_is_shown_once_though_it_was_moved_three_times(
    world: World,
) -> None:
    entry = await world.saved()
    assert world.notices.shown == [(entry.id, State.SENT, None)]
    assert entry.version > 3


@pytest.mark.parametrize("away", [1, 2, 3])
async def test_a_refusal_is_told_exactly_once_though_slack_is_away_in_between(
    world: World, away: int
) -> None:
    entry = await world.sending()
    world.state.practices[KEA].jobs["J000123"].state = "Completed"
    world.notices.away = away
    entry = await world.settle(entry)
    assert world.notices.said == [entry.id]
    assert [state for _, state, _ in world.notices.shown] == [State.REFUSED]
    for _ in range(3):
        assert await world.step(entry) is None
    assert world.notices.said == [entry.id]


async def test_a_second_refusal_is_told_too(world: World) -> None:
    entry = await world.sending()
    world.state.practices[KEA].jobs["J000123"].state = "Completed"
    entry = await world.settle(entry)
    await world.settle(await _again(world, entry))
    assert world.notices.said == [entry.id, entry.id]


async def test_however_long_slack_wants_to_be_left_alone_xpm_is_asked_in_its_own_time(
    world: World,
) -> None:
    entry = await world.sending()
    world.fault("cut_after", ADD)
    world.notices.away_for = 7200.0
    world.notices.away = 2
    await world.put(entry, waiting_for=WAITING_FOR_XPM)
    pause = await world.step(entry)
    assert pause is not None
    assert pause <= 300.0


# -- the intent --------------------------------------------------------------------------------------------------------


class _Intents(Settling):
    """Writes down each intent and when."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database, world.connections, world.notices, world.clock)
        self.world = world
        self.made: list[tuple[dt.datetime, int]] = []

    async def intend(self, entry: Entry) -> Entry:
        made = await super().intend(entry)
        self.made.append((self.world.clock(), self.world.calls(ADD)))
        return made


async def test_the_second_try_after_a_refused_token_has_an_intent_of_its_own(world: World) -> None:
    entry = await world.sending()
    world.fault("dead_token", ADD)
    settling = _Intents(world)
    await settling.advance(WORKSPACE, entry.id)
    assert [asked for _, asked in settling.made] == [0, 1]
    assert (await world.now(entry)).state is State.SENT
    assert world.times() == ONE


async def test_waiting_for_a_token_does_not_age_the_intent(world: World) -> None:
    entry = await world.sending()
    # The token has run out, and Xero takes its time to give another, while an hour goes by.
    world.clock.moment += dt.timedelta(hours=1)
    world.fault("late", "connect/token", seconds=0.4)
    settling = _Intents(world)
    running = asyncio.create_task(settling.advance(WORKSPACE, entry.id))
    await until(lambda: world.calls("connect/token") > 0)
    world.clock.moment += FRESH * 2
    asked_for_long = world.clock()
    await running
    assert settling.made == [(asked_for_long, 0)]
    assert (await world.now(entry)).state is State.SENT
    assert world.calls(ADD) == 1


class _HeldUp(Settling):
    """A process that stands still between its intent and the act, until it is let go."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database, world.connections, world.notices, world.clock)
        self.is_held = asyncio.Event()
        self.may_go = asyncio.Event()

    async def intend(self, entry: Entry) -> Entry:
        made = await super().intend(entry)
        self.is_held.set()
        await self.may_go.wait()
        return made


async def test_a_late_try_later_never_erases_another_processs_doubt(world: World) -> None:
    """Another found nothing, sends in its place and is in doubt; then the one that was held up hears 429."""
    entry = await world.sending()
    slow = _HeldUp(world)
    running = asyncio.create_task(slow.advance(WORKSPACE, entry.id))
    await slow.is_held.wait()
    world.clock.moment += WINDOW + LOOK_EVERY
    assert await world.step(entry) == 0.0
    second = await world.settling.intend(await world.now(entry))
    world.fault("rate", ADD, seconds=1)
    slow.may_go.set()
    assert await running == 0.0
    assert world.calls(ADD) == 1
    assert await world.now(entry) == second
    assert second.doubtful_since is not None


async def test_a_replica_whose_clock_is_ahead_does_not_end_the_window_early(
    server_url: str,
) -> None:
    """Doubt is counted by the database's time, which all replicas share."""
    async with world_on(server_url) as world:
        entry = await world.sending()

        def ahead() -> dt.datetime:
            return utc_now() + dt.timedelta(minutes=10)

        settlings = []
        for name, clock in (("right", utc_now), ("ahead", ahead)):
            durable = Durable(world.database, name)
            replica = Replicas(world.database, durable, clock)
            await replica.start()
            await replica.stop()
            settlings.append(
                Settling(world.database, world.connections, world.notices, replica.now)
            )
        await settlings[0].intend(entry)
        assert await settlings[1].advance(WORKSPACE, entry.id) == LOOK_EVERY.total_seconds()
        assert (world.calls(LOOK), world.calls(ADD)) == (1, 0)
        assert (await world.now(entry)).doubtful_since is not None


async def test_two_workflows_of_one_entry_write_it_once(world: World) -> None:
    entry = await world.sending()
    world.fault("late", ADD, seconds=0.2)
    pauses = await asyncio.gather(*(world.step(entry) for _ in range(4)))
    assert world.calls(ADD) == 1
    assert all(pause in (None, 0.0, LOOK_EVERY.total_seconds()) for pause in pauses)
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


# -- whose time it is --------------------------------------------------------------------------------------------------


async def test_a_time_of_another_workspace_on_the_same_practice_is_not_taken_for_ours(
    world: World,
) -> None:
    entry = await world.sending()
    theirs = world.write_by_hand()
    await world.in_another_workspace(entry, state=State.SENT, xpm_time_uuid=theirs.uuid)
    world.fault("cut_before", ADD)
    entry = await world.settle(entry)
    assert entry.state is State.SENT
    assert entry.xpm_time_uuid != theirs.uuid
    assert world.times() == ONE * 2


async def test_a_time_that_is_being_edited_is_not_taken_for_another(world: World) -> None:
    first = await world.saved()
    await world.put(await world.entries.edit(MIA, first.id), date=dt.date(2026, 11, 1))
    second = await world.sending()
    world.fault("cut_before", ADD)
    second = await world.settle(second)
    assert second.xpm_time_uuid != first.xpm_time_uuid
    assert world.times() == ONE * 2


async def test_two_equal_doubtful_times_of_which_one_arrived_are_two_in_the_end(
    world: World,
) -> None:
    entries = [await world.sending() for _ in range(2)]
    world.fault("cut_after", ADD)
    world.fault("cut_before", ADD)
    for _ in itertools.count():
        pauses = [await world.step(entry) for entry in entries]
        if pauses == [None, None]:
            break
        await world.clock.sleep(max(pause or 0 for pause in pauses))
    found = [await world.now(entry) for entry in entries]
    assert {entry.state for entry in found} == {State.SENT}
    assert len({entry.xpm_time_uuid for entry in found}) == 2
    assert world.times() == ONE * 2
    assert world.calls(ADD) == 3
    assert world.calls(LOOK) > 0


def test_a_day_limits_end_that_moves_by_seconds_is_no_news() -> None:
    noon = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    assert is_about(noon, noon + dt.timedelta(minutes=4))
    assert not is_about(noon, noon + dt.timedelta(minutes=6))
    assert is_about(None, None)
    assert not is_about(noon, None)


async def _again(world: World, entry: Entry) -> Entry:
    """Saves it again as it stands."""
    sent = await world.entries.send(MIA, entry.id, Draft())
    assert (sent.state, sent.act) == (
        State.SENDING,
        Act.CHANGE if entry.xpm_time_uuid else Act.ADD,
    )
    return sent
