"""Whatever XPM does, a sent entry ends as exactly one time, or unsent with the reason beside it."""

import asyncio
import datetime as dt

import pytest

from xpm.choices import WAITING_FOR_CONNECTION, WAITING_FOR_TOMORROW, WAITING_FOR_XPM, Draft
from xpm.settling import FRESH, LOOK_EVERY, WINDOW, Settling
from xpm.store.entries import Act, State

from .world import ADD, KEA, LOOK, MIA, NOTE, SAM, TUI, WORKSPACE, World, until

ONE = [("J000123", "Individual tax", 12, NOTE)]


async def test_a_sent_entry_is_written_once_and_keeps_what_xpm_answered(world: World) -> None:
    entry = await world.saved()
    assert world.times() == ONE
    assert (entry.state, entry.act, entry.reason) == (State.SENT, Act.ADD, None)
    assert (entry.doubtful_since, entry.waiting_for, entry.waiting_since) == (None, None, None)
    assert entry.xpm_time_uuid in world.state.practices[KEA].times
    assert entry.saved is not None
    assert entry.saved.job_name == "Tax return 2026"
    assert (entry.saved.task_name, entry.saved.minutes) == ("Individual tax", 12)
    assert entry.sent_at == world.clock()
    assert await world.facts() == ["entry.chosen", "time.written"]


async def test_the_message_is_shown_once_when_the_entry_rests(world: World) -> None:
    entry = await world.saved()
    assert world.notices.shown == [(entry.id, State.SENT, None)]
    assert world.notices.said == []
    assert await world.step(entry) is None
    assert len(world.notices.shown) == 1


@pytest.mark.parametrize(
    ("kind", "more", "adds"),
    [
        ("late", {"seconds": 0.2}, 1),
        ("cut_before", {}, 2),
        ("cut_after", {}, 1),
        ("500", {}, 2),
        ("500_after", {}, 1),
        ("503", {}, 2),
        ("half", {}, 1),
        ("malformed", {}, 1),
        ("dead_token", {}, 2),
        ("late_write", {"seconds": 0.05}, 1),
    ],
)
async def test_each_misbehaviour_of_xpm_ends_in_exactly_one_time(
    world: World, kind: str, more: dict[str, float], adds: int
) -> None:
    entry = await world.sending()
    world.fault(kind, ADD, **more)
    if kind == "late_write":
        assert await world.step(entry) == LOOK_EVERY.total_seconds()
        while world.state.later:
            await next(iter(world.state.later))
    entry = await world.settle(entry)
    assert entry.state is State.SENT
    assert world.times() == ONE
    assert [entry.xpm_time_uuid] == list(world.state.practices[KEA].times)
    assert world.calls(ADD) == adds
    assert world.notices.said == []


@pytest.mark.parametrize(
    ("problem", "seconds", "waits_for"),
    [
        ("minute", 1, WAITING_FOR_XPM),
        ("day", 1, WAITING_FOR_TOMORROW),
        ("concurrent", 0, WAITING_FOR_XPM),
    ],
)
async def test_a_rate_limit_makes_it_wait_and_then_be_written_once(
    world: World, problem: str, seconds: int, waits_for: str
) -> None:
    entry = await world.sending()
    world.fault("rate", ADD, problem=problem, seconds=seconds)
    pause = await world.step(entry)
    assert pause is not None
    assert (seconds or 15.0) <= pause <= (seconds or 18.0)
    waiting = await world.now(entry)
    assert (waiting.state, waiting.waiting_for) == (State.SENDING, waits_for)
    assert waiting.doubtful_since is None
    assert waiting.waiting_since == world.clock()
    assert world.notices.shown == [(entry.id, State.SENDING, waits_for)]
    assert world.times() == []
    # A new process has forgotten how long; XPM has not, and the pause is over.
    world.start_again()
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


async def test_a_day_limit_of_hours_is_asked_about_every_five_minutes(world: World) -> None:
    entry = await world.sending()
    world.fault("rate", ADD, problem="day", seconds=30_000)
    assert await world.step(entry) == 300.0
    # Until then our own limiter knows, and XPM is not asked.
    assert await world.step(entry) == 300.0
    assert world.calls(ADD) == 1
    assert (await world.now(entry)).waiting_for == WAITING_FOR_TOMORROW


async def test_xpm_being_down_for_an_hour_leaves_one_time(world: World) -> None:
    entry = await world.sending()
    world.fault("down", times=-1)
    for _ in range(4):
        assert await world.step(entry) is not None
        await world.clock.sleep(900)
    waiting = await world.now(entry)
    assert (waiting.state, waiting.waiting_for) == (State.SENDING, WAITING_FOR_XPM)
    assert waiting.doubtful_since is not None
    world.state.faults.clear()
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


async def test_a_server_that_cannot_be_reached_leaves_nothing_in_doubt(world: World) -> None:
    entry = await world.sending()
    world.url = "http://127.0.0.1:9"
    world.start_again()
    assert 15.0 <= (await world.step(entry) or 0) <= 18.0
    waiting = await world.now(entry)
    assert (waiting.waiting_for, waiting.doubtful_since) == (WAITING_FOR_XPM, None)


REFUSALS = {
    "completed": "Job is completed",
    "cancelled": "Job is cancelled",
    "not assigned": "Staff member is not assigned to this job",
    "locked": "The date is in a locked period",
    "gone job": "Invalid job identifier",
    "gone task": "Invalid task identifier",
    "gone staff": "Invalid staff identifier",
}


@pytest.mark.parametrize("why", REFUSALS)
async def test_a_refusal_writes_nothing_and_keeps_the_work_with_xpms_own_words(
    world: World, why: str
) -> None:
    chosen = await world.sending()
    kea = world.state.practices[KEA]
    job = kea.jobs["J000123"]
    match why:
        case "completed":
            job.state = "Completed"
        case "cancelled":
            job.state = "Cancelled"
        case "not assigned":
            job.assigned = (world.staff("tom@example.com"),)
        case "locked":
            chosen = await world.put(chosen, date=dt.date(2025, 12, 31))
        case "gone job":
            del kea.jobs["J000123"]
        case "gone task":
            job.tasks = []
        case _:
            del kea.staff[world.staff()]
    entry = await world.settle(chosen)
    assert (entry.state, entry.reason) == (State.REFUSED, REFUSALS[why])
    assert world.times() == []
    kept = ("job_number", "task_uuid", "minutes", "note", "date")
    assert [getattr(entry, name) for name in kept] == [getattr(chosen, name) for name in kept]
    assert (entry.doubtful_since, entry.waiting_for) == (None, None)
    assert world.notices.said == [entry.id]
    assert world.notices.shown == [(entry.id, State.REFUSED, None)]
    assert (await world.facts())[-1] == "time.refused"


async def test_a_refused_entry_can_be_sent_again_and_is_written_once(world: World) -> None:
    job = world.state.practices[KEA].jobs["J000123"]
    entry = await world.sending()
    job.state = "Completed"
    entry = await world.settle(entry)
    job.state = "In Progress"
    again = await world.entries.send(MIA, entry.id, Draft(note="Second try"))
    assert (again.state, again.reason) == (State.SENDING, None)
    assert (await world.settle(again)).state is State.SENT
    assert world.times() == [("J000123", "Individual tax", 12, "Second try")]


async def test_what_xml_cannot_hold_is_left_out_and_the_rest_arrives(world: World) -> None:
    entry = await world.chosen()
    note = "R&D <call> \x07 😀 שלום\nnew line ]]>"
    task = world.task("J000123", "Review")
    await world.put(entry, task_uuid=task)
    sending = await world.entries.send(MIA, entry.id, Draft(note=note))
    world.fault("cut_after", ADD)
    assert (await world.settle(sending)).state is State.SENT
    assert [time[3].replace("\r", "") for time in world.times()] == [note.replace("\x07", "")]


# -- connections -------------------------------------------------------------------------------------------------------


async def _end(world: World, how: str) -> None:
    match how:
        case "dead_grant":
            await world.clock.sleep(3600)
            world.fault("dead_grant")
        case "at xero":
            world.state.grants.disconnect_everywhere(KEA)
        case _:
            await world.connections.disconnect(WORKSPACE, "U1")


@pytest.mark.parametrize("how", ["dead_grant", "at xero", "in slack"])
async def test_without_a_connection_it_waits_and_goes_on_once_after_reconnecting(
    world: World, how: str
) -> None:
    entry = await world.sending()
    await _end(world, how)
    waiting = await world.settle(entry)
    assert (waiting.state, waiting.waiting_for) == (State.SENDING, WAITING_FOR_CONNECTION)
    assert waiting.doubtful_since is None
    assert world.times() == []
    # It is told once, however often the workflow is run again.
    assert world.notices.shown == [(entry.id, State.SENDING, WAITING_FOR_CONNECTION)]
    assert await world.step(entry) is None
    assert len(world.notices.shown) == 1
    before = len(world.durable.queue)
    assert await world.connect() == 1
    assert world.durable.names()[before:] == ["settle_entry"]
    assert await world.connect() == 0
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


async def test_a_connection_that_xero_ended_is_noted(world: World) -> None:
    world.state.grants.disconnect_everywhere(KEA)
    await world.settle(await world.sending())
    connection = await world.connections.of(WORKSPACE)
    assert connection is not None
    assert connection.ended_why == "xero"
    assert "connection.ended" in await world.facts()


async def test_somebody_who_reconnects_at_the_same_moment_leaves_nothing_waiting_for_ever(
    world: World,
) -> None:
    entry = await world.sending()
    world.state.grants.disconnect_everywhere(KEA)
    # Xero's refusal is on its way to us while Sam reconnects.
    world.fault("late", ADD, seconds=0.3)
    settling = asyncio.create_task(world.settle(entry))
    await until(lambda: world.calls(ADD) > 0)
    await world.clock.sleep(1)
    await world.connect()
    assert (await settling).state is State.SENT
    assert world.times() == ONE


async def test_a_doubtful_entry_stays_doubtful_while_nobody_is_connected(world: World) -> None:
    entry = await world.sending()
    world.fault("cut_after", ADD)
    await world.step(entry)
    world.state.grants.disconnect_everywhere(KEA)
    waiting = await world.settle(entry)
    assert waiting.waiting_for == WAITING_FOR_CONNECTION
    assert waiting.doubtful_since is not None
    await world.clock.sleep(86_400)
    await world.connect()
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


@pytest.mark.parametrize("is_doubtful", [False, True])
async def test_nothing_is_written_to_another_practice(world: World, is_doubtful: bool) -> None:
    entry = await world.sending(person=SAM)
    if is_doubtful:
        world.fault("cut_before", ADD)
        await world.step(entry)
    await world.connections.disconnect(WORKSPACE, "U1")
    await world.settle(entry)
    assert await world.connect(TUI) == 1
    left = await world.settle(entry)
    assert (left.state, left.reason) == (State.OFFERED, "other_practice")
    assert (left.job_number, left.task_uuid) == (None, None)
    assert (left.minutes, left.note) == ("12", NOTE)
    assert world.times() == world.times(TUI) == []
    assert world.notices.shown[-1] == (entry.id, State.OFFERED, None)


# -- finding out -------------------------------------------------------------------------------------------------------


async def test_a_doubtful_entry_is_not_sent_again_before_the_window_has_passed(
    world: World,
) -> None:
    entry = await world.sending()
    world.fault("cut_before", ADD)
    began = world.clock()
    pause = await world.step(entry)
    while world.calls(ADD) == 1:
        assert pause in (0.0, LOOK_EVERY.total_seconds())
        await world.clock.sleep(pause)
        pause = await world.step(entry)
    assert world.clock() - began > WINDOW
    assert world.calls(LOOK) == WINDOW / LOOK_EVERY + 1
    assert world.times() == ONE


async def test_a_write_that_lands_late_within_the_window_is_found(world: World) -> None:
    entry = await world.sending()
    world.fault("cut_before", ADD)
    for _ in range(6):
        pause = await world.step(entry)
        await world.clock.sleep(pause or 0)
    world.write_by_hand()  # what was cut arrives after 75 s
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


@pytest.mark.parametrize(
    "differs", [{"minutes": 13}, {"note": "Call with Ben Example"}], ids=["minutes", "note"]
)
async def test_somebody_elses_time_is_not_taken_for_ours(
    world: World, differs: dict[str, str | int]
) -> None:
    entry = await world.sending()
    world.write_by_hand(**differs)  # type: ignore[arg-type]
    world.fault("cut_before", ADD)
    assert (await world.settle(entry)).state is State.SENT
    assert len(world.times()) == 2
    assert world.times()[-1:] == ONE


async def test_looking_that_fails_is_repeated_and_keeps_the_doubt(world: World) -> None:
    entry = await world.sending()
    world.fault("cut_after", ADD)
    world.fault("malformed", LOOK, times=2)
    await world.step(entry)
    assert 15.0 <= (await world.step(entry) or 0) <= 18.0
    doubtful = await world.now(entry)
    assert doubtful.doubtful_since == entry.changed_at
    assert doubtful.waiting_for == WAITING_FOR_XPM
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


async def test_a_process_that_slept_between_intent_and_act_does_not_act(world: World) -> None:
    entry = await world.sending()
    clock = world.clock

    def drowsy() -> dt.datetime:
        # Every look at the clock finds it later: intent and act are further apart than FRESH.
        clock.moment += FRESH + dt.timedelta(seconds=1)
        return clock.moment

    asleep = Settling(world.database, world.connections, world.notices, drowsy)
    assert await asleep.advance(WORKSPACE, entry.id) == LOOK_EVERY.total_seconds()
    assert (await world.now(entry)).doubtful_since is not None
    assert world.calls(ADD) == 0
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE


# -- telling -----------------------------------------------------------------------------------------------------------


async def test_slack_being_away_never_writes_twice(world: World) -> None:
    world.notices.away = 3
    entry = await world.sending()
    assert await world.step(entry) == 3.0
    assert (await world.settle(entry)).state is State.SENT
    assert world.times() == ONE
    assert world.notices.shown == [(entry.id, State.SENT, None)]


async def test_settling_an_entry_that_is_gone_does_nothing(world: World) -> None:
    assert await world.settling.advance(WORKSPACE, "nobody") is None


async def test_settling_what_is_not_being_sent_asks_xpm_nothing(world: World) -> None:
    entry = await world.chosen()
    assert await world.step(entry) is None
    assert world.calls(ADD) == 0
