"""The arithmetic of an ended call."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpm.calls import EndedCall, Rules, minutes, talk_seconds, why_not_offered

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def call(talk: float = 720, ringing: float = 15) -> EndedCall:
    """An answered call from outside of so many seconds of talk."""
    answered = NOON + timedelta(seconds=ringing)
    return EndedCall(
        source_id="c-1",
        email="mia@example.com",
        direction="inbound",
        numbers=("+64215550123",),
        caller_name=None,
        is_answered=True,
        is_internal=False,
        started_at=NOON,
        answered_at=answered,
        ended_at=answered + timedelta(seconds=talk),
    )


def test_talk_begins_when_the_call_is_answered() -> None:
    assert talk_seconds(call(talk=720, ringing=15)) == (720, False)


def test_a_system_that_does_not_say_when_it_was_answered_counts_the_ringing_and_says_so() -> None:
    assert talk_seconds(replace(call(talk=720, ringing=15), answered_at=None)) == (735, True)


def test_a_call_that_ends_before_it_begins_has_no_talk() -> None:
    assert talk_seconds(replace(call(), ended_at=NOON - timedelta(hours=1))) == (0, False)


def test_talk_does_not_depend_on_the_zones_the_times_are_told_in() -> None:
    auckland, perth = timezone(timedelta(hours=13)), timezone(timedelta(hours=8))
    one = call(talk=61)
    assert one.answered_at is not None
    told = replace(
        one,
        answered_at=one.answered_at.astimezone(auckland),
        ended_at=one.ended_at.astimezone(perth),
    )
    assert talk_seconds(told) == (61, False)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, 1),
        (1, 1),
        (29, 1),
        (30, 1),
        (89, 1),
        (90, 2),
        (91, 2),
        (149, 2),
        (150, 3),
        (719, 12),
        (720, 12),
        (749, 12),
        (750, 13),
        (3600, 60),
        (86_400, 1440),
        (86_429, 1440),
        (100_000, 1440),
        (10_000_000, 1440),
    ],
)
def test_minutes_are_whole_rounded_to_the_nearest_from_1_to_a_day(
    seconds: int, expected: int
) -> None:
    assert minutes(seconds) == expected


@given(st.integers(min_value=0, max_value=10**7))
def test_minutes_never_leave_what_a_person_may_type(seconds: int) -> None:
    found = minutes(seconds)
    assert 1 <= found <= 1440
    if 60 <= seconds <= 86_400:
        assert abs(found * 60 - seconds) <= 30


def test_an_answered_call_from_outside_is_offered() -> None:
    assert why_not_offered(call(), Rules()) is None


def test_a_missed_call_is_not_offered_however_long_it_rang() -> None:
    missed = replace(call(), is_answered=False, answered_at=None)
    assert why_not_offered(missed, Rules()) == "missed"


def test_an_internal_call_is_not_offered_even_when_it_was_missed_or_short() -> None:
    assert why_not_offered(replace(call(), is_internal=True), Rules()) == "internal"
    short = replace(call(talk=2), is_internal=True, is_answered=False)
    assert why_not_offered(short, Rules()) == "internal"


@pytest.mark.parametrize(
    ("talk", "reason"), [(0, "short"), (29, "short"), (29.4, "short"), (30, None), (31, None)]
)
def test_a_call_shorter_than_the_limit_is_not_offered(talk: float, reason: str | None) -> None:
    assert why_not_offered(call(talk=talk), Rules(minimum_seconds=30)) == reason


def test_ringing_does_not_make_a_short_call_long() -> None:
    assert why_not_offered(call(talk=5, ringing=120), Rules(minimum_seconds=30)) == "short"


def test_without_a_limit_even_a_call_of_no_seconds_is_offered() -> None:
    assert why_not_offered(call(talk=0), Rules(minimum_seconds=0)) is None
