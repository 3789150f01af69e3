"""The vendor's rate limits: five at once, sixty a minute, five thousand a day, per practice.

Source: https://developer.xero.com/documentation/guides/oauth2/limits/
"""

import math
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.practice.settings import PracticeSettings

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is refused with 429; `retry_after_seconds` is None when the vendor says none."""

    problem: str
    retry_after_seconds: int | None


class Limits:
    """Counts calls in sliding windows; a refused call does not count."""

    def __init__(self, settings: PracticeSettings) -> None:
        """Start with nothing used."""
        self._settings = settings
        self._minute: dict[str, deque[datetime]] = {}
        self._day: dict[str, deque[datetime]] = {}
        self._app: deque[datetime] = deque()
        self.under_way: Counter[str] = Counter()

    def admit(self, tenant: str) -> Refusal | None:
        """Count a call and return None, or return why it is refused.

        Each admitted call must be given back with `release`.
        """
        now = self._settings.now()
        minute, day = self._windows(tenant, now)
        if self.under_way[tenant] >= self._settings.concurrent_limit:
            return Refusal("concurrent", None)
        for problem, window, limit, length in (
            ("day", day, self._settings.day_limit, DAY),
            ("minute", minute, self._settings.minute_limit, MINUTE),
            ("appminute", self._app, self._settings.app_minute_limit, MINUTE),
        ):
            if len(window) >= limit:
                wait = (window[0] + length - now) if window else length
                return Refusal(problem, max(1, math.ceil(wait.total_seconds())))
        for window in (minute, day, self._app):
            window.append(now)
        self.under_way[tenant] += 1
        return None

    def release(self, tenant: str) -> None:
        """Give back the place of an admitted call."""
        self.under_way[tenant] -= 1

    @contextmanager
    def place(self, tenant: str) -> Iterator[None]:
        """Take one of the places of calls under way, without counting a call."""
        self.under_way[tenant] += 1
        try:
            yield
        finally:
            self.under_way[tenant] -= 1

    def headers(self, tenant: str) -> dict[str, str]:
        """Return the three headers that say what is left."""
        minute, day = self._windows(tenant, self._settings.now())
        return {
            "X-DayLimit-Remaining": str(max(0, self._settings.day_limit - len(day))),
            "X-MinLimit-Remaining": str(max(0, self._settings.minute_limit - len(minute))),
            "X-AppMinLimit-Remaining": str(
                max(0, self._settings.app_minute_limit - len(self._app))
            ),
        }

    def _windows(self, tenant: str, now: datetime) -> tuple[deque[datetime], deque[datetime]]:
        minute = self._minute.setdefault(tenant, deque())
        day = self._day.setdefault(tenant, deque())
        for window, length in ((minute, MINUTE), (day, DAY), (self._app, MINUTE)):
            while window and window[0] <= now - length:
                window.popleft()
        return minute, day
