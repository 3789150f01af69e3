"""Whoever waits for an answer goes before work that nobody waits for.

One process has one core for both. An entry that is sent takes several times as long to carry to XPM and to show as its
click takes to answer, and XPM takes sixty calls a minute of a practice anyway: so while people are being answered that
work is let through one step at a time, and all of it as soon as there is a pause.
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
"""Seconds between steps that have waited, so that whoever asks next does not find all of them at work."""

_LAST_EVERY = 0.25
"""The same for steps that go last: each takes from whoever is answered meanwhile."""


class Precedence:
    """Knows whether anybody is being answered; of one process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._under_way = 0
        self._answered_at = float("-inf")
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

        Of those that go last one at a time stands among the others, so that nobody waits behind a crowd.
        """
        if not self.is_busy and not self._turn.locked():
            return
        if not goes_last:
            await self._wait(_STEP_EVERY)
            return
        async with self._last:
            patient = self._now() + _LAST_EVERY
            while self.is_busy and self._now() < patient:  # noqa: ASYNC110 (as below)
                await asyncio.sleep(_PAUSE / 2)
            await self._wait(_STEP_EVERY)

    async def _wait(self, seconds: float) -> None:
        async with self._turn:
            await asyncio.sleep(_APART)
            until = self._now() + seconds
            # A pause is that nothing happens: there is no event to wait for.
            while self.is_busy and self._now() < until:  # noqa: ASYNC110
                await asyncio.sleep(_PAUSE / 2)
