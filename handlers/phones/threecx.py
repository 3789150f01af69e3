"""3CX: what its call journal reports, in the form of the template that we ship (xpm-slack-3cx.xml, beside this file).

https://www.3cx.com/docs/server-side-crm-template-xml-description/ under "Call Journaling"
Event: the scenario `ReportCall`, once for each agent's part of a call. Proof: `Authorization: Bearer` and the secret
that was entered with the template. It covers neither body nor time.

3CX tells no id of the call, so one is made of start, agent, number and direction, and a replay is known by it. A
variable that 3CX does not fill may arrive as its own name in brackets. `Duration` is hours, minutes, seconds.

Not verified against a live PBX: whether the template imports in versions 18 and 20, what `Duration` includes (so it is
taken as with ringing where the time of the answer is missing), and how often 3CX tries again.
"""

import datetime as dt
import hashlib
import re
from typing import Any

from handlers.phones.delivery import Delivery, Unproven, Unreadable, is_same
from handlers.phones.values import (
    email,
    first,
    iso,
    json_of,
    link,
    names,
    numbers,
    remark,
    text,
    times,
)
from xpm.calls import EndedCall, Told

_LENGTH = re.compile(r"(?:(\d{1,2})\.)?(\d{1,2}):([0-5]?\d):([0-5]?\d)(?:\.\d+)?")
_TYPES = {
    "inbound": ("inbound", True),
    "outbound": ("outbound", True),
    "missed": ("inbound", False),
    "notanswered": ("outbound", False),
}


def verify(delivery: Delivery, secret: str) -> None:
    """Raises Unproven unless the bearer token is ours."""
    scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "bearer" or not is_same(token.strip(), secret):
        raise Unproven("bad_token" if token else "no_token")


def read(delivery: Delivery) -> list[Told]:
    """The agent's part of the call; nothing for other reports. Raises Unreadable."""
    sent = {name: _filled(value) for name, value in json_of(delivery).items()}
    if "CallType" not in sent:
        raise Unreadable("CallType")
    known = _TYPES.get(text(sent["CallType"]).replace(" ", "").casefold())
    if known is None:
        return []
    direction, is_answered = known
    extension, number = text(sent.get("Agent")), text(sent.get("Number"), 64)
    person = email(sent.get("AgentEmail"))
    if not extension and not person:
        raise Unreadable("Agent")
    lasted = _seconds(sent.get("Duration"))
    told_start = first(iso(sent.get("CallStartTimeUTC")), iso(sent.get("DateTime")))
    started, answered, ended = times(
        told_start,
        iso(sent.get("CallEstablishedTimeUTC")) if is_answered else None,
        iso(sent.get("CallEndTimeUTC")),
        lasted,
        delivery.at,
    )
    is_extension = number.isascii() and number.isdigit() and len(number) <= 5
    return [
        EndedCall(
            source_id=_identity(told_start, extension or person, number, direction, lasted, ended),
            email=person,
            direction=direction,
            numbers=numbers(number),
            caller_name=text(sent.get("Name")) or None,
            is_answered=is_answered,
            is_internal=is_extension,
            started_at=started,
            answered_at=answered,
            ended_at=ended,
            staff=names(extension=extension),
            remarks=(
                *remark("summary", sent.get("Summary"), key="summary"),
                *remark("transcript", sent.get("Transcription"), key="transcript"),
                *link("recording", sent.get("RecordingUrl"), key="recording"),
            ),
        )
    ]


def _filled(value: Any) -> Any:
    """The value, or nothing when it is a variable that 3CX left as it was."""
    is_name = isinstance(value, str) and re.fullmatch(r"\s*\[+[^\[\]]*\]+\s*", value)
    return None if is_name or (isinstance(value, str) and value.startswith("[[")) else value


def _seconds(value: Any) -> int | None:
    found = _LENGTH.fullmatch(text(value))
    if found is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _identity(
    started: dt.datetime | None,
    agent: str,
    number: str,
    direction: str,
    lasted: int | None,
    ended: dt.datetime,
) -> str:
    """The call's id: the same for the same report. Without a start, the minute it was reported in stands for it."""
    when = f"{started:%Y-%m-%dT%H:%M:%S}" if started else f"{ended:%Y-%m-%dT%H:%M} {lasted}"
    made = "\n".join(
        (when, agent.casefold(), re.sub(r"[^\d+a-z]", "", number.casefold()), direction)
    )
    return hashlib.sha256(made.encode()).hexdigest()[:40]
