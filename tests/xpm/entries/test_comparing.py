"""The next morning: what was saved is held against XPM, each difference is said once, to its person."""

import asyncio
import datetime as dt
from dataclasses import replace

import pytest
import pytest_asyncio

from sandbox.practice.limits import Limits
from sandbox.practice.records import Time
from xpm.choices import Draft
from xpm.comparing import COMPARE, COMPARE_ONE, GIVES_UP, LATELY, Comparing, spells
from xpm.entries import NotYours
from xpm.rhythm import Rhythm
from xpm.store.entries import Difference, Entry, Finding, State

from .world import ELSEWHERE, KEA, LOOK, MIA, NOTE, SAM, TUI, WORKSPACE, World

GET = "time.api/get"
TODAY = dt.date(2026, 11, 23)
NIGHT = dt.timedelta(hours=15, minutes=30)
"""From the world's 14:00 in Auckland to 5:30 of the next morning."""


@pytest_asyncio.fixture
async def comparing(world: World) -> Comparing:
    return _comparing(world)


def _comparing(world: World) -> Comparing:
    return Comparing(world.database, world.connections, world.durable, world.clock, Rhythm())


async def _morning(world: World, comparing: Comparing | None = None) -> None:
    """The next half past five: the tick, and everything that follows from it."""
    comparing = comparing or _comparing(world)
    world.durable.lose()
    await comparing.begin()
    await _run(world, comparing)


async def _run(world: World, comparing: Comparing) -> None:
    for done in range(100):
        if done == len(world.durable.queue):
            return
        name, _, arguments = world.durable.queue[done]
        match name:
            case "compare_with_xpm":
                await comparing.run(*arguments)
            case "compare_one_with_xpm":
                await world.fly(comparing.one(*arguments) for _ in range(99))
            case "settle_entry":
                await world.fly(world.settling.advance(*arguments) for _ in range(99))


async def _saved(world: World, nights: int = 1) -> tuple[Entry, Time]:
    """One that Mia saved yesterday, and its time in XPM."""
    entry = await world.saved()
    world.notices.shown.clear()
    world.clock.moment += NIGHT + dt.timedelta(days=nights - 1)
    assert entry.xpm_time_uuid is not None
    return entry, world.state.practices[KEA].times[entry.xpm_time_uuid]


def _remove(world: World, time: Time) -> None:
    del world.state.practices[KEA].times[time.uuid]


# -- what is found -----------------------------------------------------------------------------------------------------


async def test_what_is_as_it_was_saved_is_not_spoken_of(world: World) -> None:
    entry, _ = await _saved(world)
    await _morning(world)
    assert (await world.now(entry)).finding is None
    assert (world.notices.brought_up, world.notices.shown) == ([], [])
    assert (world.calls(LOOK), world.calls(GET)) == (1, 0)


async def test_a_time_that_somebody_took_out_is_said_aloud_once(world: World) -> None:
    entry, time = await _saved(world)
    _remove(world, time)
    await _morning(world)
    found = await world.now(entry)
    assert (found.state, found.finding) == (State.SENT, Finding(Difference.MISSING))
    assert world.notices.brought_up == [entry.id]
    assert "time.differs" in await world.facts()
    assert not found.has_news
    # Neither the other replicas nor the other mornings tell it again.
    await _morning(world)
    world.clock.moment += dt.timedelta(days=1)
    await _morning(world)
    assert world.notices.brought_up == [entry.id]


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({"minutes": 30}, ("J000123", 30, TODAY)),
        ({"day": dt.date(2026, 11, 20)}, ("J000123", 12, dt.date(2026, 11, 20))),
        ({"job": "J000124"}, ("J000124", 12, TODAY)),
        ({"staff": "tom@example.com"}, ("J000123", 12, TODAY)),
    ],
    ids=["minutes", "day", "job", "staff"],
)
async def test_a_time_that_somebody_changed_is_told_with_what_xpm_has_now(
    world: World, change: dict[str, object], there: tuple[str, int, dt.date]
) -> None:
    entry, time = await _saved(world)
    kea = world.state.practices[KEA]
    if "job" in change:
        change["job"] = kea.jobs["J000124"]
    if "staff" in change:
        change["staff"] = kea.staff[world.staff("tom@example.com")]
    for name, value in change.items():
        setattr(time, name, value)
    await _morning(world)
    assert (await world.now(entry)).finding == Finding(Difference.CHANGED, *there)
    assert world.notices.brought_up == [entry.id]


async def test_another_note_or_task_is_nobodys_business(world: World) -> None:
    entry, time = await _saved(world)
    time.note = "As the manager likes it"
    await _morning(world)
    assert (await world.now(entry)).finding is None


async def test_a_time_that_arrived_twice_is_told_as_double(world: World) -> None:
    entry, _ = await _saved(world)
    world.write_by_hand()  # our own first try, an hour late
    await _morning(world)
    assert (await world.now(entry)).finding == Finding(Difference.DOUBLE, "J000123", 12, TODAY)
    assert world.notices.brought_up == [entry.id]


async def test_two_equal_times_that_somebody_wanted_are_no_double(world: World) -> None:
    first = await world.saved()
    second, _ = await _saved(world)
    await _morning(world)
    for entry in (first, second):
        assert (await world.now(entry)).finding is None
    # A third is the double of one of them, not of both.
    world.write_by_hand()
    await _morning(world)
    found = [(await world.now(entry)).finding for entry in (first, second)]
    assert [one.kind for one in found if one is not None] == [Difference.DOUBLE]


@pytest.mark.parametrize("differs", [{"note": "Typed by hand"}, {"minutes": 13}])
async def test_a_time_that_somebody_typed_by_hand_is_no_double(
    world: World, differs: dict[str, str | int]
) -> None:
    entry, _ = await _saved(world)
    world.write_by_hand(**differs)  # type: ignore[arg-type]
    await _morning(world)
    assert (await world.now(entry)).finding is None


async def test_what_is_still_being_found_out_is_no_double_of_its_like(world: World) -> None:
    entry, _ = await _saved(world)
    doubtful = await world.sending()
    doubtful = await world.put(doubtful, date=TODAY, doubtful_since=world.clock())
    late = world.write_by_hand()
    await _morning(world)
    assert (await world.now(entry)).finding is None
    assert (await world.settle(doubtful)).xpm_time_uuid == late.uuid


async def test_a_time_of_another_workspace_on_the_same_practice_is_no_double(world: World) -> None:
    entry, _ = await _saved(world)
    theirs = await world.in_another_workspace(entry, xpm_time_uuid=world.write_by_hand().uuid)
    await world.connect(KEA, ELSEWHERE)
    await _morning(world)
    for one in (entry, theirs):
        assert (await world.now(one)).finding is None
    # What is missing is told where it belongs.
    _remove(world, world.state.practices[KEA].times[theirs.xpm_time_uuid or ""])
    await _morning(world)
    finding = (await world.now(theirs)).finding
    assert finding is not None
    assert finding.kind is Difference.MISSING
    assert (await world.now(entry)).finding is None


async def test_a_time_that_was_dated_back_for_a_year_is_compared_too(world: World) -> None:
    entry, _ = await _saved(world)
    old = await world.chosen()
    assert entry.saved is not None
    values = {**entry.saved.to_json(), "date": "2025-02-03"}
    await world.put(
        old, state=State.SENT, saved=entry.saved.from_json(values), xpm_time_uuid="gone",
        tenant_id=KEA, staff_uuid=entry.staff_uuid, sent_at=world.clock() - NIGHT,
    )  # fmt: skip
    await _morning(world)
    assert (await world.now(old)).finding == Finding(Difference.MISSING)
    assert (await world.now(entry)).finding is None


def test_days_far_apart_are_asked_for_apart() -> None:
    assert spells([]) == []


# -- when --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "is_morning"), [(3, False), (4, True), (7, True), (8, False), (14, False), (0, False)]
)
async def test_it_is_compared_when_it_is_morning_where_the_practice_is(
    world: World, comparing: Comparing, hour: int, is_morning: bool
) -> None:
    # Auckland is 13 hours ahead of UTC in November.
    world.clock.moment = dt.datetime(2026, 11, 23, 11, 30, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
    await comparing.begin()
    assert world.durable.names() == ([COMPARE] if is_morning else [])


async def test_a_morning_is_begun_once_over_ticks_and_replicas(each_world: World) -> None:
    world = each_world
    await _saved(world)
    world.durable.lose()
    for _ in range(3):
        await asyncio.gather(*(_comparing(world).begin() for _ in range(3)))
        world.clock.moment += dt.timedelta(hours=1)
    assert world.durable.names() == [COMPARE]
    world.clock.moment += dt.timedelta(hours=22)
    await _comparing(world).begin()
    assert world.durable.names() == [COMPARE, COMPARE]


async def test_an_ended_connection_is_not_begun_and_what_ends_in_between_is_left(
    world: World, comparing: Comparing
) -> None:
    await _saved(world)
    world.durable.lose()
    await comparing.begin()
    await world.connections.disconnect(WORKSPACE, "U1")
    await _run(world, comparing)
    assert world.durable.names() == [COMPARE, COMPARE_ONE]
    assert world.calls(LOOK) == 0
    world.durable.lose()
    await comparing.begin()
    assert world.durable.queue == []


async def test_xpm_being_away_puts_a_morning_off_and_a_noon_ends_it(world: World) -> None:
    entry, time = await _saved(world)
    _remove(world, time)
    world.fault("down", times=-1)
    began = world.clock()
    await _morning(world)
    assert GIVES_UP <= world.clock() - began <= GIVES_UP + dt.timedelta(minutes=20)
    assert (await world.now(entry)).finding is None
    # The next morning makes up for it.
    world.state.faults.clear()
    world.clock.moment = began + dt.timedelta(days=1)
    await _morning(world)
    assert (await world.now(entry)).finding == Finding(Difference.MISSING)


async def test_xpm_going_away_in_the_middle_asks_nobody_twice(world: World) -> None:
    await world.saved(SAM)
    await _saved(world)
    world.fault("500", f"{LOOK}/{world.staff()}", times=5)
    await _morning(world)
    first = world.calls(LOOK)
    await _morning(world)
    assert first - 5 == world.calls(LOOK) - first == 2


async def test_what_was_saved_longer_ago_is_left_alone(world: World) -> None:
    entry, time = await _saved(world)
    world.clock.moment += LATELY
    _remove(world, time)
    await _morning(world)
    assert (await world.now(entry)).finding is None
    assert world.calls(LOOK) == 0


async def test_somebody_who_left_the_practice_does_not_stop_the_others(world: World) -> None:
    kept = await world.saved(SAM)
    entry, _ = await _saved(world)
    times = world.state.practices[KEA].times
    del world.state.practices[KEA].staff[world.staff()]
    del times[kept.xpm_time_uuid or ""]
    await _morning(world)
    assert (await world.now(entry)).finding is None
    assert (await world.now(kept)).finding == Finding(Difference.MISSING)


async def test_another_practice_connected_since_is_compared_all_the_same(world: World) -> None:
    entry, _ = await _saved(world)
    await world.connections.disconnect(WORKSPACE, "U1")
    await world.connect(TUI)
    tui = world.state.practices[TUI]
    staff = next(iter(tui.staff))
    now = await world.chosen()
    await world.put(
        now, state=State.SENT, saved=entry.saved, xpm_time_uuid="gone", tenant_id=TUI,
        staff_uuid=staff, sent_at=world.clock() - dt.timedelta(hours=1),
    )  # fmt: skip
    await _morning(world)
    assert (await world.now(entry)).finding is None
    assert (await world.now(now)).finding == Finding(Difference.MISSING)


async def test_who_changes_it_at_that_moment_is_not_interrupted(world: World) -> None:
    entry, time = await _saved(world)
    _remove(world, time)
    world.fault("late", LOOK, seconds=0.3)
    comparing = asyncio.create_task(_morning(world))
    await asyncio.sleep(0.1)
    edited = await world.entries.edit(MIA, entry.id)
    await comparing
    now = await world.now(entry)
    assert (now.state, now.version, now.finding) == (State.OFFERED, edited.version, None)
    assert world.notices.brought_up == []


async def test_the_last_calls_of_a_day_are_left_to_people(world: World) -> None:
    entry, time = await _saved(world)
    _remove(world, time)
    world.state.limits = Limits(replace(world.state.settings, day_limit=90))
    await world.settle(await world.sending())
    before = world.calls(LOOK)
    await _morning(world)
    assert world.calls(LOOK) == before
    assert (await world.now(entry)).finding is None


# -- what its person does about it -------------------------------------------------------------------------------------


async def _found(world: World, kind: Difference) -> Entry:
    entry, time = await _saved(world)
    match kind:
        case Difference.MISSING:
            _remove(world, time)
        case Difference.CHANGED:
            time.minutes = 30
        case _:
            world.write_by_hand()
    await _morning(world)
    found = await world.now(entry)
    assert found.finding is not None
    assert found.finding.kind is kind
    return found


async def test_a_missing_time_is_logged_again(world: World) -> None:
    entry = await _found(world, Difference.MISSING)
    for _ in range(2):
        again = await world.entries.reopen(MIA, entry.id)
        assert (again.state, again.xpm_time_uuid, again.finding) == (State.OFFERED, None, None)
    sent = await world.entries.send(MIA, entry.id, Draft())
    assert (await world.settle(sent)).state is State.SENT
    assert world.times() == [("J000123", "Individual tax", 12, NOTE)]


async def test_a_missing_time_is_left_out(world: World) -> None:
    entry = await _found(world, Difference.MISSING)
    for _ in range(2):
        left = await world.entries.leave(MIA, entry.id)
        assert (left.state, left.xpm_time_uuid, left.finding) == (State.REMOVED, None, None)
    await _next_morning_says_nothing(world, left)


async def test_a_changed_time_is_left_as_xpm_has_it(world: World) -> None:
    entry = await _found(world, Difference.CHANGED)
    first = await world.entries.leave(MIA, entry.id)
    second = await world.entries.leave(MIA, entry.id)
    assert first.version == second.version
    assert second.state is State.SENT
    assert second.saved is not None
    assert (second.saved.minutes, second.saved.job_name) == (30, "Tax return 2026")
    await _next_morning_says_nothing(world, second)


async def test_a_changed_time_is_edited_and_is_then_as_it_was_saved(world: World) -> None:
    entry = await _found(world, Difference.CHANGED)
    for _ in range(2):
        assert (await world.entries.edit(MIA, entry.id)).finding is None
    sent = await world.entries.send(MIA, entry.id, Draft())
    assert (await world.settle(sent)).state is State.SENT
    assert world.times() == [("J000123", "Individual tax", 12, NOTE)]


async def test_a_double_is_left_so(world: World) -> None:
    entry = await _found(world, Difference.DOUBLE)
    for _ in range(2):
        left = await world.entries.leave(MIA, entry.id)
        assert (left.state, left.finding) == (State.SENT, Finding(Difference.LEFT))
    await _next_morning_says_nothing(world, left)


@pytest.mark.parametrize("kind", [Difference.MISSING, Difference.CHANGED, Difference.DOUBLE])
async def test_nobody_else_decides_about_it(world: World, kind: Difference) -> None:
    entry = await _found(world, kind)
    for act in (world.entries.leave, world.entries.reopen, world.entries.edit):
        with pytest.raises(NotYours):
            await act(SAM, entry.id)
    assert await world.now(entry) == entry


async def test_a_saved_time_that_nothing_was_found_about_is_not_reopened_or_left(
    world: World,
) -> None:
    entry = await world.saved()
    for act in (world.entries.leave, world.entries.reopen):
        assert await act(MIA, entry.id) == entry


async def test_a_double_stands_in_xpm_and_is_not_offered_anew(world: World) -> None:
    entry = await _found(world, Difference.DOUBLE)
    assert await world.entries.reopen(MIA, entry.id) == entry


async def _next_morning_says_nothing(world: World, entry: Entry) -> None:
    told = list(world.notices.brought_up)
    world.clock.moment += dt.timedelta(days=1)
    await _morning(world)
    assert world.notices.brought_up == told
    assert (await world.now(entry)).version == entry.version
