"""What a request asks and what is answered, before HTTP."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from xml.sax.saxutils import escape

from sandbox.practice.settings import PracticeSettings
from sandbox.practice.tenant import Practice
from sandbox.practice.xml import element, opening

XML = "text/xml; charset=utf-8"
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Ask:
    """One authorised request to a practice; query names are in lower case."""

    settings: PracticeSettings
    practice: Practice
    method: str
    """The api-method the reply names."""
    argument: str
    """The last part of the path, where the endpoint takes one."""
    query: Mapping[str, str]
    body: bytes

    def is_detailed(self) -> bool:
        """Tell whether `detailed=true` was asked for."""
        return self.query.get("detailed", "").lower() == "true"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body in pieces, and headers."""

    status: int
    pieces: Iterable[bytes]
    content_type: str = XML
    headers: Mapping[str, str] = field(default_factory=dict)


class BadRequestError(ValueError):
    """The query is refused with 400."""


def error(method: str, description: str, status: int = 200) -> Answer:
    """Return a business rejection: HTTP 200 with Status ERROR, unless another status is given."""
    body = opening(method, "ERROR") + element("ErrorDescription", description) + "</Response>"
    return Answer(status, [body.encode()])


def problem(status: int, title: str, detail: str, instance: str) -> Answer:
    """Return a gateway's refusal: JSON with capitalised names, as recorded."""
    body: dict[str, object] = {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": instance,
        "Extensions": {},
    }
    return Answer(status, [json.dumps(body).encode()], JSON)


def web_url(path: str) -> str:
    """Return the WebUrl element of a single record."""
    return f"<WebUrl>{escape('https://app.practicemanager.xero.com/' + path)}</WebUrl>"


def midnight(day: date) -> str:
    """Return a calendar date in the API's zone-less form."""
    return f"{day.isoformat()}T00:00:00"


def compact_date(text: str) -> date:
    """Return the date that YYYYMMDD says; raises ValueError for anything else."""
    if len(text) != 8 or not text.isdecimal():
        raise ValueError(text)
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a calendar date has no zone


def date_range(query: Mapping[str, str], *, is_required: bool) -> tuple[date, date] | None:
    """Return the inclusive `from` and `to` of a query, or None when absent and not required.

    Raises BadRequestError when a required one is missing, either is unreadable, or they span more
    than a year.
    """
    start, end = query.get("from", ""), query.get("to", "")
    if not start and not end and not is_required:
        return None
    if is_required and not (start and end):
        raise BadRequestError("from and to are required")
    try:
        first = compact_date(start) if start else date.min
        last = compact_date(end) if end else date.max
    except ValueError:
        raise BadRequestError("from and to must be dates in the form YYYYMMDD") from None
    if last < first:
        raise BadRequestError("to is before from")
    if start and end and (last - first).days > 366:
        raise BadRequestError("The range must not be longer than one year")
    return first, last
