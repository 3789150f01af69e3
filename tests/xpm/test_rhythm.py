"""When the clock copies what: each workspace at a minute of its own, each slot once, at night where people sleep."""

import datetime as dt
from dataclasses import replace

import pytest

from xpm.mirroring import Kind
from xpm.rhythm import NIGHT, Rhythm
from xpm.store.syncs import Connected

NOON = dt.datetime(2026, 11, 23, 23, 0, tzinfo=dt.UTC)  # noon in Auckland
KEA = Connected("T1", NOON - dt.timedelta(days=9), "NZ", "Pacific/Auckland", NOON, "NZ")


def _slots(workspace: Connected, kind: Kind, days: int = 1) -> set[str]:
    begins = NOON + dt.timedelta(days=1)
    minutes = [begins + dt.timedelta(minutes=n) for n in range(days * 24 * 60)]
    fresh = replace(workspace, full_began=begins - dt.timedelta(hours=12))
    return {slot for now in minutes for one, slot in Rhythm().due(fresh, now) if one is kind}


@pytest.mark.parametrize(("kind", "a_day"), [(Kind.CLIENTS, 144), (Kind.JOBS, 48), (Kind.STAFF, 4)])
def test_each_kind_comes_as_often_as_it_is_set(kind: Kind, a_day: int) -> None:
    # A night's full sync that is still to be done stands before the others.
    assert a_day * 2 / 3 - 1 <= len(_slots(KEA, kind)) <= a_day + 1


def test_the_full_sync_comes_once_a_night_and_ends_when_it_was_done() -> None:
    night = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)  # one in the morning in Auckland
    minutes = [night + dt.timedelta(minutes=n) for n in range(24 * 60)]
    due = [
        now
        for now in minutes
        if Rhythm().due(KEA, now)[:1] and Rhythm().due(KEA, now)[0][0] is Kind.FULL
    ]
    assert night <= due[0] < night + NIGHT
    done = replace(KEA, full_began=due[0])
    assert all(kind is not Kind.FULL for now in minutes for kind, _ in Rhythm().due(done, now))
    assert {slot for now in due for _, slot in Rhythm().due(KEA, now)} == {"night:2026-11-25"}


def test_the_full_syncs_of_many_workspaces_are_spread_over_the_night() -> None:
    night = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
    begin = []
    for number in range(60):
        one = replace(KEA, workspace_id=f"T{number}")
        begin.append(
            next(
                minute
                for minute in range(24 * 60)
                if Rhythm().due(one, night + dt.timedelta(minutes=minute))[:1]
                and Rhythm().due(one, night + dt.timedelta(minutes=minute))[0][0] is Kind.FULL
            )
        )
    quarters = {minute // 60 for minute in begin}
    assert quarters == {0, 1, 2, 3}


def test_a_night_that_was_missed_by_day_is_left_to_the_next() -> None:
    late = dt.datetime(2026, 11, 25, 8, 0, tzinfo=dt.UTC)  # nine in the evening
    assert all(kind is not Kind.FULL for kind, _ in Rhythm().due(KEA, late))


def test_a_first_sync_that_gave_up_is_begun_again_every_hour() -> None:
    never = replace(KEA, full_began=None, full_region=None, connected_at=NOON)
    assert Rhythm().due(never, NOON + dt.timedelta(minutes=59)) == []
    [(kind, one)] = Rhythm().due(never, NOON + dt.timedelta(minutes=61))
    [(_, two)] = Rhythm().due(never, NOON + dt.timedelta(minutes=121))
    assert kind is Kind.FULL
    assert one != two


def test_another_region_reads_all_numbers_again() -> None:
    moved = replace(KEA, region="AU")
    [(kind, slot)] = Rhythm().due(moved, NOON + dt.timedelta(minutes=1))
    assert (kind, slot.split(":")[:2]) == (Kind.FULL, ["region", "AU"])


def test_what_a_full_sync_has_just_copied_is_not_copied_again() -> None:
    assert Rhythm().due(KEA, NOON) == []


def test_an_unknown_time_zone_is_read_as_utc() -> None:
    assert Rhythm().due(replace(KEA, time_zone="Not/AZone"), NOON) == []
