"""The limits of a practice hold over all processes of one database."""

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest

from sandbox.practice import PracticeSettings, served_practice
from sandbox.practice.faults import Fault
from tests.replicas import Replicas
from tests.xpm.kea import CALLBACK, CLIENT_SECRET, KEA, SCOPES, HandClock
from xpm.api import Heard, TryLater
from xpm.sharing import SharedLimit, wait_for
from xpm.store import Database, limits
from xpm.store.limits import Started

NOW = dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)
SETTINGS = PracticeSettings(
    client_id="app-1",
    client_secret=CLIENT_SECRET,
    redirect_uris=(CALLBACK,),
    public_url="",
)


async def _three(
    replicas: Replicas, url: str, settings: PracticeSettings, calls: int, priority: str
) -> tuple[Counter[str], Counter[int]]:
    """Lets three processes call at once; what they say happened, and what the practice answered."""
    async with served_practice(settings) as served:
        grants = served.state.grants
        sam = served.state.people["sam@example.com"]
        code = grants.consent(sam, KEA, scopes=frozenset(SCOPES.split()), redirect_uri=CALLBACK)
        token = grants.redeem(code, CALLBACK, "").access
        served.state.faults.append(Fault("late", "job.api/get", -1, 0.03))
        started = [
            await replicas.start(
                "tests.xpm.caller:call",
                database=url, practice=served.url, tenant=KEA, token=token, calls=calls, priority=priority,
            )
            for _ in range(3)
        ]  # fmt: skip
        said: Counter[str] = Counter()
        for one in started:
            assert await one.said() == "ready"
        for one in started:
            await one.tell("go")
        for one in started:
            said.update((await one.said()).split())
            assert await one.ended() == 0
        answered = Counter(one.status for one in served.state.log if "job.api" in one.path)
    return said, answered


async def test_three_processes_never_call_more_than_four_at_once_nor_sixty_a_minute(
    postgres_url: str, replicas: Replicas
) -> None:
    # The pretend practice allows not one more than we promise, so a fifth or a sixty-first would be a 429.
    strict = replace(SETTINGS, concurrent_limit=4, minute_limit=60)
    said, answered = await _three(replicas, postgres_url, strict, 30, "CLICK")
    assert answered == {200: 60}
    # The rest of ninety was told at once to try later, without asking the practice.
    assert said == {"answered": 60, "later:None": 30}


async def test_a_place_whose_process_died_is_free_again_after_its_lease(database: Database) -> None:
    clock = HandClock()
    dead, alive = (SharedLimit(database, clock, KEA) for _ in range(2))
    for ticket in "abcd":
        assert await dead.enter(ticket, 4, 60) is None
    assert await alive.enter("e", 4, 60) is not None
    for renewing in dead._renewing.values():
        renewing.cancel()
    clock.turn(seconds=61)
    assert await alive.enter("e", 4, 60) is None
    await alive.leave("e", None)


async def test_a_place_given_back_is_free_at_once_and_still_counts_for_its_minute(
    database: Database,
) -> None:
    clock = HandClock()
    door = SharedLimit(database, clock, KEA)
    assert await door.enter("a", 1, 2) is None
    assert await door.enter("b", 1, 2) == pytest.approx(0.1)
    await door.leave("a", None)
    assert await door.enter("b", 1, 2) is None
    await door.leave("b", None)
    assert await door.enter("c", 1, 2) == pytest.approx(61)
    clock.turn(seconds=61)
    assert await door.enter("c", 1, 2) is None
    await door.leave("c", None)


async def test_what_one_process_hears_of_the_day_all_know(database: Database) -> None:
    clock = HandClock()
    one, other = (SharedLimit(database, clock, KEA) for _ in range(2))
    assert await other.day_left() is None
    await one.enter("a", 4, 60)
    await one.leave("a", Heard(day_left=17, day_spent_for=3600))
    assert await other.day_left() == 17
    with pytest.raises(TryLater) as refused:
        await other.enter("b", 4, 60)
    assert refused.value.day_spent
    assert refused.value.after == pytest.approx(3600)
    clock.turn(hours=1, seconds=1)
    assert await other.enter("b", 4, 60) is None
    await other.leave("b", None)


async def test_a_pause_that_one_process_was_told_holds_for_all(database: Database) -> None:
    clock = HandClock()
    one, other = (SharedLimit(database, clock, KEA) for _ in range(2))
    await one.enter("a", 4, 60)
    await one.leave("a", Heard(paused_for=22))
    assert await other.enter("b", 4, 60) == pytest.approx(22)


async def test_each_practice_has_limits_of_its_own(database: Database) -> None:
    clock = HandClock()
    kea, tui = SharedLimit(database, clock, KEA), SharedLimit(database, clock, "tui")
    assert await kea.enter("a", 1, 1) is None
    assert await tui.enter("a", 1, 1) is None
    await kea.leave("a", None)
    await tui.leave("a", None)


async def test_calls_that_no_limit_counts_are_forgotten(database: Database) -> None:
    clock = HandClock()
    door = SharedLimit(database, clock, KEA)
    await door.enter("a", 4, 60)
    await door.leave("a", None)
    async with database.transaction() as tx:
        assert await limits.started(tx, KEA, clock.moment - dt.timedelta(seconds=1))
        await limits.purge(tx, clock.moment + dt.timedelta(days=1))
        assert await limits.started(tx, KEA, NOW - dt.timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("ages", "running", "expected"),
    [
        ([], 0, None),
        ([10, 5], 1, None),
        ([10, 5, 1], 3, 0.1),
        ([60.5, 30, 2], 0, 0.5),
        ([70, 30, 2], 0, None),
    ],
)
def test_the_wait_is_until_enough_of_the_minute_is_over(
    ages: list[float], running: int, expected: float | None
) -> None:
    started = [
        Started(
            NOW - dt.timedelta(seconds=age),
            NOW + dt.timedelta(seconds=9) if place < running else None,
        )
        for place, age in enumerate(ages)
    ]
    found = wait_for(started, NOW, 3, 3)
    assert found == (None if expected is None else pytest.approx(expected))
