"""What an ended call amounts to: pure arithmetic on values, no clock and no database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from xpm.matching import to_e164

LONGEST_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Remark:
    """What a phone system says about a call besides its times, often later.

    `kind` is comment, tag, summary, transcript, recording or link (the last two have an address as text). `key` is the
    phone system's own id of it, so that a corrected one replaces the first; `by` is who wrote it.
    """

    kind: str
    text: str
    by: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class EndedCall:
    """One person's part in a call as a phone system tells it, in our words: all times aware, numbers as they came.

    `numbers` are the outside parties', empty when withheld. `answered_at` is None when nobody answered or when the
    system does not say; then `is_answered` decides. `email` is empty when the system names its people otherwise: by
    `staff`, such as "extension 103" or "user 4711". `seconds` is talk as the system itself measured it, None when it
    gives times alone. A call of several legs has one part for each `leg`; a later `sequence` corrects an earlier one.
    `is_line` says that only the line is known, not who spoke on it.
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
    staff: tuple[str, ...] = ()
    staff_name: str = ""
    seconds: int | None = None
    includes_ringing: bool = False
    is_voicemail: bool = False
    is_line: bool = False
    leg: str = ""
    sequence: int = 0
    remarks: tuple[Remark, ...] = ()


JOINED = "joined:"
"""How the leg of a caller begins who came from another call of the phone system, handed over by a colleague."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change in one leg of a call, told alone by systems that send no summary at the end.

    `state` is ringing, talking, held, voicemail or gone. A leg with neither `staff` nor `email` is the outside's.
    """

    source_id: str
    leg: str
    state: str
    at: datetime
    sequence: int = 0
    email: str = ""
    staff: tuple[str, ...] = ()
    staff_name: str = ""
    direction: str = "inbound"
    numbers: tuple[str, ...] = ()
    caller_name: str | None = None
    is_internal: bool = False


@dataclass(frozen=True, slots=True)
class Late:
    """Remarks on a call that say nothing of its times; for everybody on it, or for one person when `email` is there."""

    source_id: str
    remarks: tuple[Remark, ...]
    email: str = ""


Told = EndedCall | Step | Late
"""What one delivery of a phone system may say of one call."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which calls of a practice are worth asking about.

    By default the answered ones with somebody outside, of `minimum_seconds` or more. `own_numbers` are the practice's
    lines: a call between them is internal. A call with none but `ignored_numbers` is never asked about.
    """

    minimum_seconds: int = 30
    asks_missed: bool = False
    asks_voicemail: bool = False
    asks_internal: bool = False
    own_numbers: tuple[str, ...] = ()
    ignored_numbers: tuple[str, ...] = ()


def talk_seconds(call: EndedCall) -> tuple[int, bool]:
    """Seconds of talk, and whether they include ringing because the system does not say when the call was answered."""
    if call.seconds is not None:
        return call.seconds, call.includes_ringing
    since = call.answered_at or call.started_at
    return max(0, round((call.ended_at - since).total_seconds())), call.answered_at is None


def minutes(seconds: int) -> int:
    """Whole minutes to log for a call: rounded to the nearest, at least 1 and at most a day."""
    return min(1440, max(1, (seconds + 30) // 60))


def why_not_offered(call: EndedCall, rules: Rules, region: str = "NZ") -> str | None:
    """Why nobody is asked about this call, or None when its person is: internal, ignored, voicemail, missed, short.

    Numbers of the rules and of the call are read in the practice's `region`.
    """
    outside = _without(call.numbers, rules.own_numbers, region)
    if (call.is_internal or (call.numbers and not outside)) and not rules.asks_internal:
        return "internal"
    if outside and not _without(outside, rules.ignored_numbers, region):
        return "ignored"
    if call.is_voicemail:
        return None if rules.asks_voicemail else "voicemail"
    if not call.is_answered:
        return None if rules.asks_missed else "missed"
    if talk_seconds(call)[0] < rules.minimum_seconds:
        return "short"
    return None


def outside_of(numbers: Iterable[str], rules: Rules, region: str) -> tuple[str, ...]:
    """The numbers of a call that are not the practice's own lines; all of them when every one is its own."""
    every = tuple(numbers)
    return _without(every, rules.own_numbers, region) or every


def _without(numbers: Iterable[str], left_out: tuple[str, ...], region: str) -> tuple[str, ...]:
    if not left_out:
        return tuple(numbers)
    away = {_form(number, region) for number in left_out}
    return tuple(number for number in numbers if _form(number, region) not in away)


def _form(number: str, region: str) -> str:
    return to_e164(number, region) or number.strip().casefold()
