"""Never two, "saved" is true, nothing forgotten: over every history that Hypothesis can think of.

The wrong designs are kept as tests that must fail: a checker that has never caught anything is no evidence.
"""

import asyncio
import datetime as dt
import os
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.reliability.books import CLEAR, LATE, UNCLEAR, WELL, Fault
from tests.reliability.story import ENTRIES, Place, Story
from xpm.api import Practice
from xpm.connections import Connections
from xpm.settling import Pace
from xpm.store.entries import Entry, State

LATEST = 95
"""Seconds after which the slowest write has landed; with `fresh` it stays just within the window."""

SECONDS = (1, 14, 16, 19, 21, LATEST - 1, LATEST + 1, 119, 121, 300)
"""Times from the boundaries: drawn evenly, a window that is too short passes."""

NAMES = ["one", "one", *ENTRIES]

# How many histories: few and always the same in `make test`, many and always new ones in `make soak`.
MORE = int(os.environ.get("HISTORIES", "0"))
pytestmark = [pytest.mark.timeout(7200)] if MORE else []

RIGHT = Pace()
BROKEN = r"XPM holds|is not so|nobody is told|waits for ever"


class Once(RuleBasedStateMachine):
    """What a save can meet."""

    def __init__(self, story: Story) -> None:
        super().__init__()
        self.story = story
        self.wanted: dict[str, bool] = {}

    def run(self, work: Awaitable[Any]) -> Any:
        """Runs something, and lets the engine take what came of it."""

        async def done() -> Any:
            return await work

        result = self.story.run(done())
        self.story.take_work()
        return result

    # -- what can happen -------------------------------------------------------------------------------------------

    @initialize()
    def the_first_is_saved(self) -> None:
        self.somebody_saves("one")

    @rule(name=st.sampled_from(NAMES))
    def somebody_saves(self, name: str) -> None:
        self.heed(self.run(self.story.press("save", name)))

    @rule(seconds=st.sampled_from(SECONDS), others_work=st.booleans())
    def time_passes(self, seconds: int, others_work: bool) -> None:
        if others_work:
            self.run(self.story.work_until(seconds))
        else:
            self.story.clock.turn(seconds)

    @rule(
        name=st.sampled_from(NAMES),
        process=st.integers(0, 1),
        fault=st.sampled_from([WELL, WELL, *CLEAR, *UNCLEAR]),
        late_by=st.sampled_from((1, LATEST - 1, LATEST)),
        looks_fail=st.booleans(),
    )
    def a_worker_steps(
        self, name: str, process: int, fault: Fault, late_by: int, looks_fail: bool
    ) -> None:
        books = self.story.books
        books.fault, books.late_by, books.looks_fail = fault, late_by, looks_fail
        self.run(self.story.step(process, self.story.pick(name)))
        books.fault, books.looks_fail = WELL, False

    @precondition(lambda self: len(self.story.sleepers) < 2)
    @rule(
        name=st.sampled_from(NAMES),
        process=st.integers(0, 1),
        where=st.sampled_from(["after the intent", "after the act"]),
        fault=st.sampled_from([WELL, *UNCLEAR]),
    )
    def a_worker_falls_asleep(self, name: str, process: int, where: str, fault: Fault) -> None:
        self.story.books.fault, self.story.books.late_by = fault, LATEST
        self.run(self.story.fall_asleep(process, self.story.pick(name), where))
        self.story.books.fault = WELL

    @precondition(lambda self: self.story.sleepers)
    @rule(fault=st.sampled_from([WELL, *UNCLEAR]), dies=st.sampled_from([False, False, True]))
    def it_wakes_or_dies(self, fault: Fault, dies: bool) -> None:
        self.story.books.fault, self.story.books.late_by = fault, LATEST
        self.run(self.story.die() if dies else self.story.wake())
        self.story.books.fault = WELL

    # -- what must be so -------------------------------------------------------------------------------------------

    def heed(self, entry: Entry) -> None:
        """What the person has been told they did."""
        if entry.state is State.SENDING:
            self.wanted[entry.id] = entry.act.value != "remove"
        elif entry.state in (State.NOT_LOGGED, State.REMOVED, State.OFFERED):
            # Offered again it is theirs to save, and XPM has it only if they were changing it.
            self.wanted[entry.id] = entry.is_editing

    @invariant()
    def the_promise_is_kept(self) -> None:
        now = self.story.run(self.story.now())
        self.never_two(now)
        self.saved_is_true(now)

    def never_two(self, now: Mapping[str, Entry]) -> None:
        """XPM holds no time that no entry stands for, be it one that is still to land."""
        under_way = (State.SENDING, State.SENT)
        may = [one for one in now.values() if one.state in under_way or one.is_editing]
        count = self.story.books.count()
        assert count <= len(may), f"XPM holds {count} times for {len(may)} entries"

    def saved_is_true(self, now: Mapping[str, Entry]) -> None:
        """What is said to be saved stands in XPM as it is said, each for itself."""
        rows = self.story.books.rows
        sent = [one for one in now.values() if one.state is State.SENT]
        for one in sent:
            row = rows.get(one.xpm_time_uuid or "")
            assert row is not None, f"{one.id}: that it is saved is not so"
            assert one.saved is not None
            assert row.minutes == str(one.saved.minutes), f"{one.id}: what is said is not so"
        assert len({one.xpm_time_uuid for one in sent}) == len(sent), "is not so of two"

    def teardown(self) -> None:
        try:
            self.run(self.story.end_well())
            self.nothing_is_forgotten()
        finally:
            self.run(self.story.leave())

    def nothing_is_forgotten(self) -> None:
        """With all well again every entry rests, its message tells the truth, and XPM has what was wanted."""
        now = self.story.run(self.story.now())
        self.never_two(now)
        self.saved_is_true(now)
        for one in now.values():
            if one.id not in self.wanted:
                continue
            assert one.state is not State.SENDING, f"{one.id} waits for ever"
            if one.id in self.story.slack.shown:
                assert self.story.slack.shown[one.id] is one.state, f"{one.id}: nobody is told"
            assert not one.has_news, f"{one.id}: nobody is told"
            if self.wanted.get(one.id):
                is_kept = one.state in (State.SENT, State.REFUSED) or one.is_editing
                assert is_kept, f"{one.id}: nobody is told what became of it"
            words = self.story.run(self.story.words(one.id))
            is_said = " on J1 Job" in words and one.state is State.SENT
            assert is_said == (one.state is State.SENT), f"{words!r} is not so"
        held = sum(one.xpm_time_uuid is not None for one in now.values())
        assert self.story.books.count() == held, "XPM holds another number of times"


class Whole(Once):
    """The same, with a person who thinks again, a token that dies, a connection that ends, and Slack away."""

    @rule(
        name=st.sampled_from(NAMES),
        what=st.sampled_from(["change and save", "undo", "recall", "dismiss", "reopen"]),
    )
    def the_person_thinks_again(self, name: str, what: str) -> None:
        self.heed(self.run(self.story.press(what, name)))

    @rule(name=st.sampled_from(NAMES), what=st.sampled_from(["save", "undo", "change and save"]))
    def somebody_clicks_twice(self, name: str, what: str) -> None:
        async def both() -> list[Entry]:
            clicks = (self.story.press(what, name) for _ in range(2))
            return list(await asyncio.gather(*clicks))

        for entry in self.run(both()):
            self.heed(entry)

    @rule(name=st.sampled_from(NAMES), fault=st.sampled_from([WELL, *UNCLEAR]))
    def two_workers_step_at_once(self, name: str, fault: Fault) -> None:
        self.story.books.fault, self.story.books.late_by = fault, LATEST

        async def both() -> None:
            first, second = self.story.pick(name), self.story.pick(name)
            await asyncio.gather(self.story.step(0, first), self.story.step(1, second))

        self.run(both())
        self.story.books.fault = WELL

    @rule()
    def the_token_dies(self) -> None:
        self.story.books.refuse_token()

    @rule(has_grant=st.booleans())
    def the_connection_ends_or_is_made_anew(self, has_grant: bool) -> None:
        if has_grant:
            self.run(self.story.reconnect())
        else:
            self.story.books.has_grant = False
            self.story.books.refuse_token()

    @rule(is_away=st.booleans())
    def slack_goes_or_comes_back(self, is_away: bool) -> None:
        self.story.slack.is_away = is_away


# -- playing -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.close()


def play(
    place: Place,
    examples: int,
    pace: Pace = RIGHT,
    connections: type[Connections] = Connections,
    rules: type[Once] = Once,
) -> None:
    """Tells histories until one breaks a promise."""
    run_state_machine_as_test(
        lambda: rules(Story(place, pace, connections)),  # type: ignore[arg-type]
        settings=settings(
            max_examples=max(MORE, examples),
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize=not MORE,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
            print_blob=False,
        ),
    )


def test_one_entry_becomes_one_time_in_every_history(place: Place) -> None:
    play(place, 25)


def test_neither_second_thoughts_nor_dead_tokens_break_it_in_any_history(place: Place) -> None:
    play(place, 20, rules=Whole)


def test_times_of_two_alike_that_land_late_and_crosswise_are_two(place: Place) -> None:
    # Found by the machine: the one took the twin's time, the twin was sent again, and then the one's own landed.
    story = Story(place, Pace())
    story.books.late_by = LATEST
    for name, fault, seconds in (("twin", "silence", 21), ("one", "503", LATEST - 40)):
        story.run(story.press("save", name))
        story.take_work()
        story.books.fault = Fault(fault, LATE)
        story.run(story.step(0, story.pick(name)))
        story.clock.turn(seconds)
    story.run(story.step(0, story.pick("one")))
    assert story.run(story.now())["one"].state is State.SENT
    story.run(story.end_well())
    now = story.run(story.now())
    assert (now["one"].state, now["twin"].state) == (State.SENT, State.SENT)
    assert {now["one"].xpm_time_uuid, now["twin"].xpm_time_uuid} == set(story.books.rows)
    story.run(story.leave())


# -- wrong designs, which must be found out ----------------------------------------------------------------------------


class Unseeing:
    """A practice that is asked what it has, and never believed."""

    def __init__(self, practice: Practice) -> None:
        self._practice = practice

    def __getattr__(self, name: str) -> Any:
        return getattr(self._practice, name)

    async def times_of_staff(self, *_: Any) -> list[Any]:
        """Nothing, whatever there is."""
        return []


class NeverLooking(Connections):
    """Lends practices in which nothing is ever found."""

    @asynccontextmanager
    async def practice(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        async with super().practice(*given, **named) as practice:
            yield Unseeing(practice)


AT_ONCE = dt.timedelta(seconds=-1)
WRONG: dict[str, dict[str, Any]] = {
    "resend blindly": {"pace": Pace(window=AT_ONCE), "connections": NeverLooking},
    "look once, then resend": {"pace": Pace(window=AT_ONCE)},
    "a window that is too short": {"pace": Pace(window=dt.timedelta(seconds=60))},
    "no freshness guard": {"pace": Pace(fresh=dt.timedelta(days=9))},
}


@pytest.mark.parametrize("design", WRONG)
def test_a_wrong_design_is_found_out(place: Place, design: str) -> None:
    with pytest.raises(AssertionError, match=BROKEN):
        play(place, 400, **WRONG[design])
