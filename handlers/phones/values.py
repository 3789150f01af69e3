"""Reads single values out of what phone systems send, where numbers may be text, dates lie and anything is missing."""

import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from handlers.phones.delivery import Delivery, Unreadable
from xpm.calls import LONGEST_SECONDS, Remark

MOST_TEXT = 255
MOST_NOTES = 3000
_MOST_DIGITS = 20
_EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_LATEST = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_FRACTION = re.compile(r"\.(\d{6})\d+")


def json_of(delivery: Delivery) -> dict[str, Any]:
    """The body's JSON object. Raises Unreadable."""
    try:
        found = json.loads(delivery.body)
    except (ValueError, RecursionError):
        raise Unreadable("not_json") from None
    if not isinstance(found, dict):
        raise Unreadable("not_an_object")
    return found


def within(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The object under these names, one inside the other; empty when there is none."""
    found: Any = values
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def objects(value: Any, most: int = 100) -> list[dict[str, Any]]:
    """The objects of a list, at most so many."""
    return [one for one in value if isinstance(one, dict)][:most] if isinstance(value, list) else []


def text(value: Any, most: int = MOST_TEXT) -> str:
    """A value as text that a database can keep, at most so long; empty for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    if isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS:
        return ""
    # A NUL is text to JSON and an error to PostgreSQL; half a surrogate pair is text to JSON and to no database.
    return str(value).replace("\x00", "").encode("utf-8", "ignore").decode().strip()[:most]


def identity(value: Any, field: str) -> str:
    """An id, which must be there: text or a whole number. Raises Unreadable."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    found = text(value, MOST_TEXT + 1)
    if not found or len(found) > MOST_TEXT:
        raise Unreadable(field)
    return found


def email(value: Any) -> str:
    """An e-mail address in lower case; empty for what cannot be one."""
    found = text(value)
    return found.casefold() if re.fullmatch(r"[^\s@]+@[^\s@]+", found) else ""


def names(**known: Any) -> tuple[str, ...]:
    """The phone system's own names for somebody, such as "extension 103"."""
    return tuple(
        f"{word} {found}"[:MOST_TEXT] for word, value in known.items() if (found := text(value))
    )


def numbers(*several: Any) -> tuple[str, ...]:
    """The numbers that are there, each once, as they came."""
    found = [text(one, 64) for one in several]
    return tuple(dict.fromkeys(one for one in found if one))


def number(value: Any) -> float | None:
    """A number, also out of text; None for what is none or no finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def seconds(value: Any) -> int | None:
    """Whole seconds from 0 to a day; None for what is none."""
    found = number(value)
    if found is None or not 0 <= found <= LONGEST_SECONDS:
        return None
    return round(found)


def unix(value: Any, *, per_second: int = 1) -> dt.datetime | None:
    """A moment out of Unix time; None for zero, for none and for a year that cannot be."""
    found = number(value)
    if not found:
        return None
    try:
        return _likely(dt.datetime.fromtimestamp(found / per_second, dt.UTC))
    except (OverflowError, ValueError, OSError):
        return None


def iso(value: Any) -> dt.datetime | None:
    """A moment out of ISO 8601, taken as UTC when it names no zone; None for what is none."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        found = dt.datetime.fromisoformat(_FRACTION.sub(r".\1", value.strip()))
        return _likely((found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC))
    except (ValueError, OverflowError):
        return None


def _likely(moment: dt.datetime) -> dt.datetime | None:
    return moment if _EARLIEST <= moment <= _LATEST else None


def remark(kind: str, value: Any, *, by: Any = "", key: Any = "") -> list[Remark]:
    """A remark in a list, or none when there is nothing to say."""
    found = text(value, MOST_NOTES)
    return [Remark(kind, found, text(by, 100), text(key, 100))] if found else []


def link(kind: str, value: Any, *, key: Any = "") -> list[Remark]:
    """A remark that is an address, when it is one of the web's."""
    found = text(value, 501)
    try:
        is_good = len(found) <= 500 and urlsplit(found).scheme == "https"
    except ValueError:
        is_good = False
    return [Remark(kind, found, "", text(key, 100))] if is_good else []


def first(*several: dt.datetime | None) -> dt.datetime | None:
    """The first moment that is there."""
    return next((one for one in several if one is not None), None)


def joined(several: Iterable[Any]) -> str:
    """Words that are there, with blanks between."""
    return " ".join(found for one in several if (found := text(one)))


def times(
    started: dt.datetime | None,
    answered: dt.datetime | None,
    ended: dt.datetime | None,
    lasted: int | None,
    at: dt.datetime,
) -> tuple[dt.datetime, dt.datetime | None, dt.datetime]:
    """When a call started, was answered and ended, from what is there: a bad or missing date must not lose the call.

    `lasted` is how many seconds it lasted as far as told, `at` when we heard of it.
    """
    length = dt.timedelta(seconds=lasted or 0)
    begun = first(started, answered)
    if ended is None:
        ended = begun + length if begun else at
    if begun is None or not dt.timedelta() <= ended - begun <= dt.timedelta(
        seconds=LONGEST_SECONDS
    ):
        begun = ended - length
        answered = (
            None if started or answered is None or not begun <= answered <= ended else answered
        )
    return begun, answered, ended
