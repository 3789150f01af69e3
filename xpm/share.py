"""Who tells little goes first: the line in which calls wait to be asked about, fair to every phone system.

A system that tells thousands of calls at once, as after an outage or gone mad, would otherwise keep everybody else's
waiting behind them.
"""

import time
from collections import Counter
from collections.abc import Callable

_SECONDS = 60
_STEP = 20
"""So many calls of one system a minute, each, stand one place further back than those before: more than any practice's
telephones tell in a minute stand at the first.
"""


class Share:
    """Knows how much each source told of late; of one process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since = now()
        self._told: Counter[str] = Counter()

    def place(self, source: str) -> int:
        """How far back the next of this source stands: 0 with those who are to be served at once."""
        if self._now() - self._since >= _SECONDS:
            self._since = self._now()
            self._told.clear()
        self._told[source] += 1
        return (self._told[source] - 1) // _STEP
