"""How often a practice may be called: concurrency, the minute, the day, and who goes first.

Xero allows, per app and practice, 5 calls at once, 60 a minute and 1,000 or 5,000 a day.
https://developer.xero.com/documentation/guides/oauth2/limits/
"""

import asyncio
import heapq
import itertools
import logging
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from xpm.api.errors import TryLater
from xpm.api.http import correlation_id

log = logging.getLogger(__name__)

MINUTE = 60.0
STALE_DAY = 900.0
"""Seconds after which a remembered day's remainder is asked for again."""


class Priority(IntEnum):
    """Who waits for whom: a person's click, then a sync, then what is only a courtesy."""

    CLICK = 0
    SYNC = 1
    COURTESY = 2


@dataclass(frozen=True, slots=True)
class Heard:
    """What the practice's answers said: calls left today, and for how many seconds more it takes none."""

    day_left: int | None = None
    day_spent_for: float = 0.0
    paused_for: float = 0.0


class Shared(Protocol):
    """The same door as other processes see it."""

    async def enter(self, ticket: str, places: int, calls: int) -> float | None:
        """Take a place among at most so many at once and calls a minute, or return the seconds to wait for one.

        Raises TryLater when somebody heard that the day is spent.
        """
        ...

    async def leave(self, ticket: str, heard: Heard | None) -> None:
        """Give the place back and pass on what was heard."""
        ...

    async def day_left(self) -> int | None:
        """Return the calls left today as last heard by anybody."""
        ...


class Limiter:
    """The door to one practice: `slot` waits for a turn, `learn` listens to every answer.

    Clicks go first and keep one place and ten calls a minute for themselves. They, and what is only
    a courtesy, wait at most ``click_wait`` seconds in all; a sync waits as long as it takes. Once
    the day is spent nobody calls. ``clock`` is monotonic seconds, ``sleep`` awaits seconds. With
    ``shared``, who has a turn here then takes one among all processes.
    """

    def __init__(
        self,
        *,
        concurrent: int = 4,
        per_minute: int = 60,
        click_wait: float = 8.0,
        kept_for_clicks: int = 10,
        day_kept_for_clicks: int = 100,
        day_kept_from_courtesy: int = 500,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        shared: Shared | None = None,
    ) -> None:
        self._shared = shared
        self._heard: Heard | None = None
        self._day_kept_from_courtesy = day_kept_from_courtesy
        self._concurrent = concurrent
        self._per_minute = per_minute
        self._click_wait = click_wait
        self._kept = kept_for_clicks
        self._day_kept = day_kept_for_clicks
        self._clock = clock
        self._sleep = sleep
        self._running = 0
        self._started: deque[float] = deque()
        self._elsewhere: list[float] = []
        self._paused_until = float("-inf")
        self._day_until = float("-inf")
        self._day_left: tuple[int, float] | None = None
        self._queue: list[tuple[int, int]] = []
        self._number = itertools.count()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def slot(self, priority: Priority) -> AsyncIterator[None]:
        """Hold one of the practice's places for the length of a call.

        Raises TryLater at once when the day is spent, and when anything but a sync would wait too long.
        """
        deadline = self._clock() + self._click_wait
        await self._enter(priority, deadline)
        try:
            if self._shared is None:
                yield
            else:
                async with self._place_among_all(self._shared, priority, deadline):
                    yield
        finally:
            self._running -= 1
            self._announce()

    async def day_left(self) -> int | None:
        """Return the calls left today as the practice last said, None when it has not."""
        if self._shared is not None:
            return await self._shared.day_left()
        return None if self._day_left is None else self._day_left[0]

    @asynccontextmanager
    async def _place_among_all(
        self, shared: Shared, priority: Priority, deadline: float
    ) -> AsyncIterator[None]:
        ticket = uuid.uuid4().hex
        places, calls = self._allowed(priority)
        try:
            while (wait := await shared.enter(ticket, places, calls)) is not None:
                if priority is not Priority.SYNC and self._clock() + wait > deadline:
                    raise TryLater(wait, "Too many calls to this practice just now")
                await self._sleep(wait)
            yield
        finally:
            heard, self._heard = self._heard, None
            # A cancelled call gives its place back too.
            await asyncio.shield(shared.leave(ticket, heard))

    def learn(self, status: int, headers: Mapping[str, str]) -> TryLater | None:
        """Take in an answer's headers; return the error to raise when it is a 429, else None.

        All of these headers are optional: recordings lack them on 401 and 403.
        """
        now = self._clock()
        minute = _number(headers.get("x-minlimit-remaining"))
        if status == 429:
            # Its Retry-After says more than a remainder of 0: when the minute opens again.
            self._elsewhere = []
        elif minute is not None:
            # What Xero counted and we did not: another replica, or calls before a restart.
            self._forget(now)
            others = max(0, self._per_minute - len(self._started) - minute)
            # Nobody says when they were made: evenly over the minute is the fairest guess, and
            # a refusal corrects it.
            self._elsewhere = [now + MINUTE * (n + 1) / others for n in range(others)]
        day = _number(headers.get("x-daylimit-remaining"))
        if day is not None:
            self._day_left = (day, now)
        self._announce()
        refusal = self._refused(headers, now) if status == 429 else None
        self._heard = Heard(
            None if self._day_left is None else self._day_left[0],
            max(0.0, self._day_until - now),
            max(0.0, self._paused_until - now),
        )
        return refusal

    def _refused(self, headers: Mapping[str, str], now: float) -> TryLater:
        problem = headers.get("x-rate-limit-problem", "").strip().lower()
        said = _number(headers.get("retry-after"))
        # A `concurrent` refusal may lack Retry-After; the others state seconds.
        usual = {"concurrent": 2, "day": 3600}.get(problem, 60)
        after = float(said if said is not None else usual)
        day_spent = problem == "day"
        if day_spent:
            self._day_until = max(self._day_until, now + after)
        else:
            self._paused_until = max(self._paused_until, now + after)
        log.warning(
            "xpm.rate_limited",
            extra={"problem": problem if problem.isalpha() else "unstated", "after": after},
        )
        return TryLater(
            after,
            "The practice's calls of the day are used up" if day_spent else "Xero is busy",
            day_spent=day_spent,
            status=429,
            correlation_id=correlation_id(headers),
        )

    async def _enter(self, priority: Priority, deadline: float) -> None:
        ticket = (int(priority), next(self._number))
        heapq.heappush(self._queue, ticket)
        try:
            while True:
                now = self._clock()
                self._refuse_if_day_spent(priority, now)
                wait = self._wait(ticket, priority, now)
                if wait is not None and wait <= 0:
                    self._running += 1
                    self._started.append(now)
                    return
                if priority is not Priority.SYNC:
                    left = deadline - now
                    if left <= 0 or (wait is not None and wait > left):
                        raise TryLater(wait, "Too many calls to this practice just now")
                    wait = left if wait is None else wait
                await self._until_changed(wait)
        finally:
            self._queue.remove(ticket)
            heapq.heapify(self._queue)
            self._announce()

    def _refuse_if_day_spent(self, priority: Priority, now: float) -> None:
        if now < self._day_until:
            raise TryLater(
                self._day_until - now, "The practice's calls of the day are used up", day_spent=True
            )
        if priority is not Priority.CLICK and self._day_left is not None:
            left, seen = self._day_left
            is_courtesy = priority is Priority.COURTESY
            kept = self._day_kept_from_courtesy if is_courtesy else self._day_kept
            if left <= kept and now - seen < STALE_DAY:
                raise TryLater(
                    STALE_DAY - (now - seen), "The last calls of the day are kept for people"
                )

    def _wait(self, ticket: tuple[int, int], priority: Priority, now: float) -> float | None:
        """Return seconds until this ticket's turn; 0 for now, None for when something changes."""
        if now < self._paused_until:
            return self._paused_until - now
        if self._queue[0] != ticket:
            return None
        places, calls = self._allowed(priority)
        if self._running >= places:
            return None
        self._forget(now)
        used = len(self._started) + len(self._elsewhere)
        if used < calls:
            return 0.0
        # The earliest moment at which enough of what was counted no longer counts.
        ends = sorted([at + MINUTE for at in self._started] + self._elsewhere)
        return max(ends[used - calls] - now, 0.001)

    def _allowed(self, priority: Priority) -> tuple[int, int]:
        """Return how many calls at once and how many a minute leave room for those who go first."""
        if priority is Priority.CLICK:
            return self._concurrent, self._per_minute
        return max(1, self._concurrent - 1), max(1, self._per_minute - self._kept)

    def _forget(self, now: float) -> None:
        while self._started and now - self._started[0] >= MINUTE:
            self._started.popleft()
        self._elsewhere = [end for end in self._elsewhere if end > now]

    def _announce(self) -> None:
        """Wake everyone who waits for a change; each looks again for itself."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until_changed(self, seconds: float | None) -> None:
        change = asyncio.ensure_future(self._changed.wait())
        waits: set[asyncio.Future[object]] = {change}  # type: ignore[arg-type]
        if seconds is not None:
            waits.add(asyncio.ensure_future(self._sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


class Limits:
    """One `Limiter` for each practice, made when first asked for; with ``share``, among all processes."""

    def __init__(
        self,
        make: Callable[..., Limiter] = Limiter,
        share: Callable[[str], Shared] | None = None,
    ) -> None:
        self._make = make
        self._share = share
        self._limiters: dict[str, Limiter] = {}

    def of(self, tenant_id: str) -> Limiter:
        """Return the practice's limiter, the same one each time."""
        tenant = tenant_id.lower()
        if tenant not in self._limiters:
            shared = {} if self._share is None else {"shared": self._share(tenant)}
            self._limiters[tenant] = self._make(**shared)
        return self._limiters[tenant]


def _number(text: str | None) -> int | None:
    """Return a header's non-negative whole number, or None; a practice's day has few digits."""
    stripped = (text or "").strip()
    return (
        int(stripped) if stripped.isascii() and stripped.isdigit() and len(stripped) < 8 else None
    )
