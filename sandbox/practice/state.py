"""The live state: practices, people who can sign in, grants, limits and the log of requests."""

import asyncio
from collections import Counter, deque
from dataclasses import asdict, dataclass

from sandbox.practice.faults import Fault
from sandbox.practice.grants import Grants
from sandbox.practice.limits import Limits
from sandbox.practice.people import Person
from sandbox.practice.seed import people, practices
from sandbox.practice.settings import PracticeSettings
from sandbox.practice.tenant import Practice

LOG_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as the log keeps it: no headers, no bodies, and a query only for XPM reads."""

    at: str
    method: str
    path: str
    query: str
    status: int
    """0 when the connection was cut before a status was sent."""
    tenant: str


class PretendXero:
    """All state of one pretend Xero; `reset` puts it back to the seed."""

    def __init__(self, settings: PracticeSettings) -> None:
        """Make the state the settings describe."""
        self.settings = settings
        self.later: set[asyncio.Task[None]] = set()
        self._fill()

    def _fill(self) -> None:
        self.practices: dict[str, Practice] = practices(self.settings)
        self.people: dict[str, Person] = people()
        self.grants = Grants(self.settings)
        self.limits = Limits(self.settings)
        self.faults: list[Fault] = []
        self.log: deque[Logged] = deque(maxlen=LOG_LENGTH)
        self.counts: Counter[str] = Counter()

    def reset(self, *, keep_connections: bool = False) -> None:
        """Put everything back to the seed; grants and connections stay only when asked to."""
        grants = self.grants
        self.stop_later()
        self._fill()
        if keep_connections:
            self.grants = grants

    def stop_later(self) -> None:
        """Cancel writes that were to land later."""
        for task in self.later:
            task.cancel()
        self.later.clear()

    def practice_with_job(self, number: str) -> Practice | None:
        """Return the practice that has a job of that number."""
        return next((p for p in self.practices.values() if number in p.jobs), None)

    def requests(self) -> list[dict[str, object]]:
        """Return the log, oldest first."""
        return [asdict(entry) for entry in self.log]
