"""Who tells little goes first: the line in which calls wait to be asked about, fair to every phone system.

A system that tells thousands of calls at once, as after an outage or gone mad, would otherwise keep everybody else's
waiting behind them.
"""

from datetime import datetime, timedelta

_A_SECOND, _AT_ONCE = 3.0, 20
"""So many calls of one system are served at once: more than any practice's telephones tell."""

_STEP = 20
"""So many more stand one place further back than those before."""

_MOST_BEHIND = 600
"""However much a system told, it is one of many again after some minutes."""


class Share:
    """Knows how much each source told of late; of one process."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, datetime]] = {}

    def place(self, source: str, now: datetime) -> int:
        """How far back the next of this source stands: 0 with those who are to be served at once."""
        left, since = self._left.get(source, (_AT_ONCE, now))
        passed = max(timedelta(0), now - since).total_seconds()
        left = min(left + passed * _A_SECOND, _AT_ONCE) - 1
        self._left[source] = max(left, -_MOST_BEHIND), now
        return 0 if left >= 0 else 1 + int(-left - 1) // _STEP
