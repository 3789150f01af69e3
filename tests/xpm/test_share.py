"""Whoever tells little stands in front, however much others tell."""

import datetime as dt

from xpm.share import Share

NOW = dt.datetime(2026, 11, 23, 1, 5, tzinfo=dt.UTC)


def test_more_than_any_practice_tells_stands_further_back() -> None:
    share = Share()
    assert [share.place("flood", NOW) for _ in range(20)] == [0] * 20
    assert [share.place("flood", NOW) for _ in range(25)] == [1] * 20 + [2] * 5
    assert share.place("quiet", NOW) == 0


def test_two_calls_a_second_are_nothing_special_however_long() -> None:
    share = Share()
    assert {share.place("busy", NOW + n * dt.timedelta(seconds=0.5)) for n in range(1000)} == {0}


def test_a_flood_that_is_over_is_forgotten_in_minutes() -> None:
    share = Share()
    for _ in range(10_000):
        share.place("flood", NOW)
    assert share.place("flood", NOW) == 31
    assert share.place("flood", NOW + dt.timedelta(seconds=100)) > 0
    assert share.place("flood", NOW + dt.timedelta(seconds=220)) == 0


def test_a_clock_that_is_set_back_holds_nobody_up() -> None:
    share = Share()
    share.place("one", NOW)
    assert share.place("one", NOW - dt.timedelta(hours=1)) == 0
    assert share.place("one", NOW - dt.timedelta(minutes=59)) == 0
