"""Whoever waits for an answer goes before work that nobody waits for.

One process has one core for both. An entry that is sent takes several times as long to carry to XPM and to show as its
click takes to answer, and XPM takes sixty calls a minute of a practice anyway: so while people are being answered that
work is let through one step in a while, and in a pause one step after the other.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PAUSE = 0.02
"""Seconds without anybody being answered that are a pause: longer than it takes to ask the next thing."""

_STEP_EVERY = 0.05
"""Seconds after which a step is let through however many are being answered."""

_APART = 0.004
"""Seconds between steps, so that whoever asks next does not find all of them at work."""

_LATE = 0.004
"""Whoever is woken so many seconds late finds that others have work to do."""

_LAST_EVERY = 0.25
"""The same for steps that go last: each takes from whoever is answered meanwhile."""


class Precedence:
    """Knows whether anybody is being answered; of one process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._under_way = 0
        self._answered_at = float("-inf")
        self._just_let_through = 0
        self._turn = asyncio.Lock()
        self._last = asyncio.Lock()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Somebody waits for an answer until the end of the block."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._answered_at = self._now()

    @property
    def is_busy(self) -> bool:
        """Whether somebody is being answered, or was a moment ago."""
        return self._under_way > 0 or self._now() - self._answered_at < _PAUSE

    async def stand_back(self, *, goes_last: bool = False) -> None:
        """Waits for a pause, or for one's turn, in the order of coming; at once when there is nobody to wait for.

        Also in a pause each waits until the one before has let the loop go: many that begin together would hold up
        whoever asks next for as long as all of them take. Of those that go last one at a time stands among the others,
        so that nobody waits behind a crowd.
        """
        if not self.is_busy and not self._turn.locked() and not self._just_let_through:
            self._let_through()
            return
        if not goes_last:
            await self._wait()
            return
        async with self._last:
            patient = self._now() + _LAST_EVERY
            while self.is_busy and self._now() < patient:  # noqa: ASYNC110 (as below)
                await asyncio.sleep(_PAUSE / 2)
            await self._wait()

    async def _wait(self) -> None:
        async with self._turn:
            until = self._now() + _STEP_EVERY
            # A pause is that nothing happens: there is no event to wait for.
            while True:
                began = self._now()
                await asyncio.sleep(_APART)
                woke = self._now()
                is_calm = woke - began < _APART + _LATE
                if woke >= until or (is_calm and not self.is_busy):
                    break
            self._let_through()

    def _let_through(self) -> None:
        # Counted by the loop and not by the clock: of those that begin together the first may take long.
        self._just_let_through += 1
        asyncio.get_running_loop().call_later(_APART, self._forget_one)

    def _forget_one(self) -> None:
        self._just_let_through -= 1
