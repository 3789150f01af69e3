"""The time, as a value to pass in: tests turn it by hand."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment, aware, in UTC."""


def utc_now() -> datetime:
    """The present moment; the only place that asks the machine for it."""
    return datetime.now(UTC)
