"""How often the app may call: a bucket per method and team, and one per channel for messages.

https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}


@dataclass
class _Bucket:
    left: float
    filled_at: float


class Rates:
    """Token buckets by key; `take` says how many whole seconds to wait, 0 when it may go."""

    def __init__(self, clock: Callable[[], float], is_on: bool) -> None:
        self._clock = clock
        self._is_on = is_on
        self._buckets: dict[Hashable, _Bucket] = {}

    def take(self, key: Hashable, capacity: float, per_second: float) -> int:
        """Take one from a bucket that holds `capacity` and refills at `per_second`."""
        if not self._is_on:
            return 0
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(capacity, now))
        bucket.left = min(capacity, bucket.left + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.left < 1:
            return max(1, math.ceil((1 - bucket.left) / per_second))
        bucket.left -= 1
        return 0

    def take_tier(self, key: Hashable, tier: int) -> int:
        """Take one from a tier's bucket; a minute's worth may come at once."""
        most = PER_MINUTE[tier]
        return self.take(key, most, most / 60)
