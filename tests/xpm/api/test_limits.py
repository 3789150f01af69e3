import asyncio
from collections.abc import AsyncIterator

import pytest

from xpm.api import Limiter, Limits, Priority, TryLater

from .fakes import Clock

CLICK, SYNC = Priority.CLICK, Priority.SYNC


class Callers:
    """Calls that hold their place until they are told to end, and note the order of their start."""

    def __init__(self, limiter: Limiter, clock: Clock) -> None:
        self.limiter = limiter
        self.clock = clock
        self.started: list[str] = []
        self.refused: dict[str, TryLater] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def call(self, name: str, priority: Priority, *, ends: bool = False) -> None:
        """Begin a call; ``ends`` lets it end as soon as it has had its turn."""
        self._ends[name] = asyncio.Event()
        if ends:
            self._ends[name].set()
        self._tasks[name] = asyncio.ensure_future(self._hold(name, priority))
        await self.clock.settle()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self.clock.settle()

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        await self.clock.settle()

    async def finish(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _hold(self, name: str, priority: Priority) -> None:
        try:
            async with self.limiter.slot(priority):
                self.started.append(name)
                await self._ends[name].wait()
        except TryLater as refusal:
            self.refused[name] = refusal


@pytest.fixture
async def callers() -> AsyncIterator[Callers]:
    clock = Clock()
    made = Callers(Limiter(clock=clock, sleep=clock.sleep), clock)
    yield made
    await made.finish()


async def test_four_calls_run_at_once_and_the_fifth_waits(callers: Callers) -> None:
    for name in "abcde":
        await callers.call(name, CLICK)
    assert callers.started == list("abcd")
    await callers.end("b")
    assert callers.started == list("abcde")


async def test_a_click_goes_before_a_sync_that_came_earlier(callers: Callers) -> None:
    for name in "abcd":
        await callers.call(name, CLICK)
    await callers.call("sync", SYNC)
    await callers.call("click", CLICK)
    await callers.end("a")
    assert callers.started[4:] == ["click"]
    await callers.end("click")
    await callers.end("b")
    assert callers.started[4:] == ["click", "sync"]


async def test_a_sync_leaves_one_place_for_a_click(callers: Callers) -> None:
    for name in "abcd":
        await callers.call(name, SYNC)
    assert callers.started == list("abc")
    await callers.call("click", CLICK)
    assert callers.started == ["a", "b", "c", "click"]


async def test_sixty_calls_a_minute_and_no_burst_beyond(callers: Callers) -> None:
    for number in range(61):
        await callers.call(str(number), CLICK, ends=True)
    assert len(callers.started) == 60
    assert callers.refused["60"].after == pytest.approx(60)
    await callers.clock.advance(60)
    await callers.call("later", CLICK, ends=True)
    assert callers.started[-1] == "later"


async def test_a_sync_leaves_ten_calls_a_minute_for_clicks(callers: Callers) -> None:
    for number in range(51):
        await callers.call(str(number), SYNC, ends=True)
    assert len(callers.started) == 50
    await callers.call("click", CLICK, ends=True)
    assert callers.started[-1] == "click"
    await callers.clock.advance(61)
    assert "50" in callers.started


@pytest.mark.parametrize("priority", [CLICK, Priority.COURTESY])
async def test_a_click_or_a_courtesy_waits_no_longer_than_its_bound(
    callers: Callers, priority: Priority
) -> None:
    for name in "abcd":
        await callers.call(name, CLICK)
    await callers.call("late", priority)
    await callers.clock.advance(7.9)
    assert "late" not in callers.refused
    await callers.clock.advance(0.2)
    assert not callers.refused["late"].day_spent


async def test_calls_made_elsewhere_are_learnt_from_the_answer(callers: Callers) -> None:
    assert callers.limiter.learn(200, {"x-minlimit-remaining": "1"}) is None
    await callers.call("a", CLICK, ends=True)
    await callers.call("b", CLICK, ends=True)
    assert callers.started == ["a"]
    callers.limiter.learn(200, {"x-minlimit-remaining": "59"})
    await callers.clock.settle()
    assert callers.started == ["a", "b"]


async def test_calls_made_elsewhere_stop_counting_one_by_one(callers: Callers) -> None:
    callers.limiter.learn(200, {"x-minlimit-remaining": "0"})
    await callers.call("a", CLICK, ends=True)
    assert callers.started == []
    await callers.clock.advance(1)
    assert callers.started == ["a"]


async def test_after_a_refusal_the_stated_seconds_are_enough(callers: Callers) -> None:
    callers.limiter.learn(200, {"x-minlimit-remaining": "0"})
    refusal = {"x-rate-limit-problem": "minute", "retry-after": "5", "x-minlimit-remaining": "0"}
    callers.limiter.learn(429, refusal)
    await callers.call("a", CLICK, ends=True)
    await callers.clock.advance(5)
    assert callers.started == ["a"]


async def test_a_refused_minute_pauses_everyone_for_as_long_as_it_says(callers: Callers) -> None:
    headers = {"x-rate-limit-problem": "Minute", "retry-after": "22", "xero-correlation-id": "abc"}
    error = callers.limiter.learn(429, headers)
    assert error is not None
    assert (error.after, error.day_spent, error.correlation_id) == (22.0, False, "abc")
    await callers.call("click", CLICK)
    assert callers.refused["click"].after == pytest.approx(22)
    await callers.call("sync", SYNC)
    await callers.clock.advance(21)
    assert callers.started == []
    await callers.clock.advance(2)
    assert callers.started == ["sync"]


async def test_a_spent_day_is_refused_without_calling(callers: Callers) -> None:
    error = callers.limiter.learn(429, {"x-rate-limit-problem": "day", "retry-after": "7200"})
    assert error is not None
    assert error.day_spent
    await callers.call("click", CLICK)
    await callers.call("sync", SYNC)
    assert callers.started == []
    assert all(refusal.day_spent for refusal in callers.refused.values())
    assert callers.refused["sync"].after == pytest.approx(7200)
    await callers.clock.advance(7200)
    await callers.call("next day", CLICK)
    assert callers.started == ["next day"]


async def test_the_last_calls_of_a_day_are_kept_for_people(callers: Callers) -> None:
    callers.limiter.learn(200, {"x-daylimit-remaining": "100"})
    await callers.call("sync", SYNC)
    await callers.call("click", CLICK)
    assert callers.started == ["click"]
    assert callers.refused["sync"].after is not None
    await callers.clock.advance(900)
    await callers.call("next sync", SYNC)
    assert callers.started == ["click", "next sync"]


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"x-rate-limit-problem": "concurrent"}, 2.0),
        ({"x-rate-limit-problem": "minute"}, 60.0),
        ({}, 60.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60.0),
        ({"retry-after": "-5"}, 60.0),
    ],
)
async def test_a_refusal_without_seconds_has_a_stated_default(
    callers: Callers, headers: dict[str, str], after: float
) -> None:
    error = callers.limiter.learn(429, headers)
    assert error is not None
    assert error.after == after


async def test_answers_without_the_headers_change_nothing(callers: Callers) -> None:
    assert callers.limiter.learn(403, {}) is None
    assert callers.limiter.learn(200, {"x-minlimit-remaining": "soon"}) is None
    await callers.call("a", CLICK)
    assert callers.started == ["a"]


async def test_who_gives_up_leaves_the_queue(callers: Callers) -> None:
    for name in "abcd":
        await callers.call(name, CLICK)
    await callers.call("gone", CLICK)
    await callers.call("next", CLICK)
    await callers.cancel("gone")
    await callers.end("a")
    assert callers.started[4:] == ["next"]


async def test_a_place_is_given_back_when_a_call_fails() -> None:
    limiter = Limiter(concurrent=1, click_wait=0.01)
    with pytest.raises(RuntimeError):
        async with limiter.slot(CLICK):
            raise RuntimeError
    async with limiter.slot(CLICK):
        pass


def test_each_practice_has_a_limiter_of_its_own() -> None:
    limits = Limits()
    assert limits.of("AB") is limits.of("ab")
    assert limits.of("ab") is not limits.of("cd")
