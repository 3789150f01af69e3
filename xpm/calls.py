"""What an ended call amounts to: pure arithmetic on values, no clock and no database."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call as a phone system tells it, in our words: all times aware, numbers as they came.

    `numbers` are the outside parties', empty when withheld. `answered_at` is None when nobody answered or when the
    system does not say; then `is_answered` decides.
    """

    source_id: str
    email: str
    direction: str
    numbers: tuple[str, ...]
    caller_name: str | None
    is_answered: bool
    is_internal: bool
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Which calls are worth asking about: answered ones with somebody outside, of `minimum_seconds` or more."""

    minimum_seconds: int = 30


def talk_seconds(call: EndedCall) -> tuple[int, bool]:
    """Seconds of talk, and whether they include ringing because the system does not say when the call was answered."""
    since = call.answered_at or call.started_at
    return max(0, round((call.ended_at - since).total_seconds())), call.answered_at is None


def minutes(seconds: int) -> int:
    """Whole minutes to log for a call: rounded to the nearest, at least 1 and at most a day."""
    return min(1440, max(1, (seconds + 30) // 60))


def why_not_offered(call: EndedCall, rules: Rules) -> str | None:
    """Why nobody is asked about this call, or None when its person is: missed, internal, short."""
    if call.is_internal:
        return "internal"
    if not call.is_answered:
        return "missed"
    if talk_seconds(call)[0] < rules.minimum_seconds:
        return "short"
    return None
