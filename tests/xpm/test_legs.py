"""Putting together what was told of a call: any order, twice, with gaps, by clocks that differ."""

import datetime as dt
import random
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpm.calls import EndedCall, Late, Remark, Rules, Step, Told, talk_seconds, why_not_offered
from xpm.legs import on_time, together

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


def at(seconds: float) -> dt.datetime:
    """A moment after noon."""
    return NOON + dt.timedelta(seconds=seconds)


def part(answered: float | None = 10, ended: float = 730, **more: object) -> EndedCall:
    """Mia's part, in seconds after noon."""
    call = EndedCall(
        "c-1", "mia@example.com", "inbound", ("+64215550123",), None, answered is not None, False, NOON,
        None if answered is None else at(answered), at(ended),
    )  # fmt: skip
    return replace(call, **more)  # type: ignore[arg-type]  # a test may change any field


def step(state: str, seconds: float, sequence: int, leg: str = "p-1", **more: object) -> Step:
    """A step of Mia's leg."""
    staff = ("extension 103",) if leg == "p-1" else ()
    made = Step("c-1", leg, state, at(seconds), sequence, staff=staff, numbers=("+64215550123",))
    return replace(made, **more)  # type: ignore[arg-type]  # a test may change any field


def only(*told: Told) -> EndedCall:
    """The only person's part."""
    [found] = together(told)
    return found


def test_one_part_stays_what_it_was() -> None:
    assert only(part()) == part()


def test_part_told_again_and_again_is_one() -> None:
    assert together([part(), part(), part()]) == [part()]


def test_later_telling_corrects_an_earlier_one_whichever_came_first() -> None:
    early, late = part(sequence=1, caller_name="Ana"), part(ended=700, sequence=2)
    for told in permutations([early, late]):
        found = only(*told)
        assert (found.ended_at, found.caller_name) == (at(700), "Ana")


def test_legs_one_after_the_other_add_up_and_the_gap_does_not_count() -> None:
    found = only(part(10, 100, leg="a"), part(200, 300, leg="b", started_at=at(190)))
    assert talk_seconds(found) == (190, False)
    assert (found.started_at, found.ended_at) == (NOON, at(300))


def test_legs_at_the_same_time_are_counted_once() -> None:
    assert talk_seconds(only(part(10, 100, leg="a"), part(50, 200, leg="b")))[0] == 190
    assert talk_seconds(only(part(10, 300, leg="a"), part(50, 200, leg="b")))[0] == 290


def test_leg_that_only_rang_adds_nothing_to_one_that_was_answered() -> None:
    found = only(part(None, 700, leg="a"), part(10, 100, leg="b", started_at=at(5)))
    assert (found.is_answered, talk_seconds(found)) == (True, (90, False))


def test_ringing_in_one_leg_is_said_of_the_whole() -> None:
    unknown = part(None, 100, leg="a", is_answered=True)
    assert talk_seconds(only(unknown, part(210, 300, leg="b", started_at=at(200)))) == (190, True)


def test_transfer_is_a_part_for_each_of_the_two() -> None:
    parts = together([part(10, 100), part(110, 700, email="lee@example.com", leg="b")])
    assert [(one.email, talk_seconds(one)[0]) for one in parts] == [
        ("mia@example.com", 90),
        ("lee@example.com", 590),
    ]


def test_conference_names_everybody_outside_once() -> None:
    legs = [part(leg="a"), part(leg="b", numbers=("+6495550101", "+64215550123"))]
    assert only(*legs).numbers == ("+64215550123", "+6495550101")


def test_person_is_one_by_any_name_that_two_tellings_share() -> None:
    first = part(email="", staff=("user 1", "extension 103"))
    second = part(email="", staff=("extension 103",), leg="b")
    third = part(staff=("user 1",), leg="c")
    for told in permutations([first, second, third]):
        found = only(*told)
        assert (found.email, set(found.staff)) == ("mia@example.com", {"user 1", "extension 103"})


def test_line_gives_way_to_the_person_who_spoke_on_it_and_not_to_one_who_did_not() -> None:
    line = part(email="", staff=("line +6495550100",), is_line=True)
    assert only(line, part(leg="b")).email == "mia@example.com"
    assert len(together([line, part(None, leg="b")])) == 2


def test_remarks_are_once_each_and_a_corrected_one_stands() -> None:
    first, better = Remark("summary", "GST", key="s"), Remark("summary", "GST return", key="s")
    tag = Remark("tag", "VIP")
    found = only(part(remarks=(first, tag)), Late("c-1", (better, tag)))
    assert found.remarks == (better, tag)


def test_remark_for_one_person_is_not_the_others() -> None:
    told: list[Told] = [
        part(),
        part(email="lee@example.com"),
        Late("c-1", (Remark("tag", "x"),), "Mia@example.com"),
    ]
    assert [len(one.remarks) for one in together(told)] == [1, 0]


def test_remarks_alone_make_no_call() -> None:
    assert together([Late("c-1", (Remark("tag", "VIP"),))]) == []


# -- steps -------------------------------------------------------------------------------------------------------------

STEPS = [
    step("ringing", 0, 1),
    step("talking", 10, 2),
    step("held", 100, 3),
    step("talking", 130, 4),
    step("gone", 730, 5),
]


def test_talk_is_what_was_answered_less_what_was_held() -> None:
    assert talk_seconds(only(*STEPS)) == (690, False)


@pytest.mark.parametrize("seed", range(20))
def test_steps_in_any_order_and_twice_are_the_same_call(seed: int) -> None:
    told = [*STEPS, *STEPS[::2]]
    random.Random(seed).shuffle(told)
    assert together(told) == together(STEPS)


def test_call_is_not_over_before_its_last_step() -> None:
    assert together(STEPS[:-1]) == []


@pytest.mark.parametrize(
    ("lost", "seconds", "is_answered"),
    [
        ({0}, 690, True),
        ({1}, 600, True),
        ({2}, 720, True),
        ({3}, 90, True),
        ({1, 2, 3}, 0, False),
        ({1, 3}, 0, True),
    ],
)
def test_lost_step_costs_as_little_as_can_be_known(
    lost: set[int], seconds: int, is_answered: bool
) -> None:
    found = only(*(one for number, one in enumerate(STEPS) if number not in lost))
    assert (talk_seconds(found)[0] if is_answered else 0, found.is_answered) == (
        seconds,
        is_answered,
    )


def test_call_whose_last_step_was_lost_is_over_when_everybody_outside_is_gone() -> None:
    outside = [step("talking", 1, 1, "p-9"), step("gone", 700, 6, "p-9")]
    assert only(*STEPS[:-1], *outside).ended_at == at(700)
    second = step("talking", 1, 1, "p-8")
    assert together([*STEPS[:-1], *outside, second]) == []


def test_menu_that_ends_in_the_middle_does_not_end_the_call() -> None:
    menu = [
        step("talking", 1, 1, "p-2", staff=("extension 900",)),
        step("gone", 8, 2, "p-2", staff=("extension 900",)),
    ]
    assert [one.staff for one in together([*menu, *STEPS[:-1]])] == [("extension 900",)]


# -- clocks and dates --------------------------------------------------------------------------------------------------


def test_clock_that_is_ahead_is_put_back_so_that_no_call_ends_in_the_future() -> None:
    told = on_time(part(), at(730) - dt.timedelta(hours=1))
    assert isinstance(told, EndedCall)
    assert told.ended_at == at(730) - dt.timedelta(hours=1)
    assert talk_seconds(told) == (720, False)


def test_clock_that_is_a_little_ahead_or_behind_stays() -> None:
    for now in (at(729), at(700), at(999999)):
        assert on_time(part(), now) == part()


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"answered_at": at(-50)}, 730),
        ({"answered_at": at(9999)}, 0),
        ({"started_at": at(900)}, 720),
        ({"seconds": -5}, 0),
        ({"seconds": 10**9}, 86_400),
    ],
)
def test_times_that_cannot_follow_each_other_never_make_a_negative_or_endless_call(
    changes: dict[str, Any], seconds: int
) -> None:
    assert talk_seconds(only(part(**changes)))[0] == seconds


MOMENTS = st.integers(-10_000, 200_000).map(at)
PARTS = st.builds(
    EndedCall,
    st.just("c-1"),
    st.sampled_from(["", "mia@example.com", "LEE@example.com"]),
    st.just("inbound"),
    st.just(("+64215550123",)),
    st.none(),
    st.booleans(),
    st.booleans(),
    MOMENTS,
    st.none() | MOMENTS,
    MOMENTS,
    staff=st.sampled_from([(), ("extension 1",), ("extension 1", "user 1"), ("user 2",)]),
    leg=st.sampled_from(["", "a", "b"]),
    seconds=st.none() | st.integers(-9, 99_999),
    is_line=st.booleans(),
    sequence=st.integers(0, 3),
)
WALKS = st.builds(
    step,
    st.sampled_from(["ringing", "talking", "held", "voicemail", "gone"]),
    st.integers(0, 900),
    st.integers(0, 9),
    st.sampled_from(["p-1", "p-2"]),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(PARTS | WALKS, max_size=6), st.randoms())
def test_nothing_that_can_be_told_depends_on_its_order_or_leaves_a_day(
    told: list[Told], chance: random.Random
) -> None:
    found = together(told)
    shuffled = list(told)
    chance.shuffle(shuffled)
    again = together([*shuffled, *told[:2]])
    assert sorted(map(_said, found)) == sorted(map(_said, again))
    assert all(0 <= talk_seconds(one)[0] <= 300_000 for one in found)


def _said(one: EndedCall) -> tuple[object, ...]:
    return (
        one.email.casefold(),
        sorted(one.staff),
        talk_seconds(one),
        one.is_answered,
        str(one.ended_at),
    )


# -- rules -------------------------------------------------------------------------------------------------------------

OWN, TOLL_FREE = "+64 9 555 0100", "0800 555 000"


@pytest.mark.parametrize(
    ("call", "rules", "why"),
    [
        (part(), Rules(), None),
        (part(is_voicemail=True), Rules(), "voicemail"),
        (part(is_voicemail=True, is_answered=False), Rules(asks_voicemail=True), None),
        (part(None), Rules(), "missed"),
        (part(None), Rules(asks_missed=True), None),
        (part(is_internal=True), Rules(asks_internal=True), None),
        (part(numbers=("09 555 0100",)), Rules(own_numbers=(OWN,)), "internal"),
        (part(numbers=("09 555 0100", "+64215550123")), Rules(own_numbers=(OWN,)), None),
        (part(numbers=("+64800555000",)), Rules(ignored_numbers=(TOLL_FREE,)), "ignored"),
        (part(numbers=("+64800555000", "+64215550123")), Rules(ignored_numbers=(TOLL_FREE,)), None),
        (part(numbers=("09 555 0100", "+64800555000")),
         Rules(own_numbers=(OWN,), ignored_numbers=(TOLL_FREE,)), "ignored"),
        (part(numbers=()), Rules(ignored_numbers=(TOLL_FREE,), own_numbers=(OWN,)), None),
        (part(numbers=("anonymous",)), Rules(ignored_numbers=("Anonymous",)), "ignored"),
        (part(10, 30), Rules(), "short"),
        (part(10, 30), Rules(minimum_seconds=20), None),
    ],
)  # fmt: skip
def test_practice_says_which_calls_are_asked_about(
    call: EndedCall, rules: Rules, why: str | None
) -> None:
    assert why_not_offered(call, rules, "NZ") == why
