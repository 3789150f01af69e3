"""Zoom Phone: the end of a call, and its history or its elements once they are complete.

https://developers.zoom.us/docs/api/phone/events/ and https://developers.zoom.us/docs/api/webhooks/
Events: `phone.callee_call_history_completed` and `phone.caller_call_history_completed`, or the newer
`…_call_element_completed`: with e-mail address and talk time. `phone.callee_ended` and `phone.caller_ended` come sooner
and name people by id alone. Proof: `x-zm-signature`, HMAC-SHA256 over time and raw body; at most two hours old. Zoom
wants 2xx within 3 seconds and tries again after 5, 20 and 60 minutes.

`callee_missed` comes for every leg that rang, four times for a queue of four. Before an address is used Zoom asks it to
prove that it knows the secret (`endpoint.url_validation`).

Not verified against a live delivery: which fields of history and element events are always there.
"""

import hashlib
import hmac
import json
import re
from typing import Any

from handlers.phones.delivery import Delivery, Greeting, Unproven, Unreadable, is_same
from handlers.phones.values import (
    email,
    first,
    identity,
    iso,
    json_of,
    names,
    number,
    numbers,
    objects,
    seconds,
    text,
    times,
    within,
)
from xpm.calls import EndedCall, Told

# Zoom tries again for 85 minutes and does not say whether under a new time. A replay within that changes nothing: what
# was told before is known.
_OLDEST_SECONDS = 7200
_EARLIEST_SECONDS = -300
# Never a text that could be signed as a delivery: those have colons.
_PLAIN_TOKEN = re.compile(r"[A-Za-z0-9_\-]{1,128}")
_ENDED = {"phone.callee_ended": "inbound", "phone.caller_ended": "outbound"}
_MISSED = frozenset({"phone.callee_missed"})
_COMPLETED = re.compile(r"phone\.(callee|caller)_call_(log|history|element)_completed")
_NOT_ANSWERED = frozenset(
    {"missed", "no answer", "voicemail", "call cancel", "canceled", "cancelled", "rejected", "busy", "call failed",
     "blocked", "abandoned", "ring timeout", "no_answer", "call_cancel", "call_failed"}
)  # fmt: skip


def greet(delivery: Delivery, secret: str) -> Greeting | None:
    """Proves to Zoom that we know the secret; None for what is no such question."""
    if b"endpoint.url_validation" not in delivery.body:
        return None
    try:
        event = json.loads(delivery.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.get("event") != "endpoint.url_validation":
        return None
    token = within(event, "payload").get("plainToken")
    if not isinstance(token, str) or not _PLAIN_TOKEN.fullmatch(token):
        return None
    answer = {"plainToken": token, "encryptedToken": _mac(secret, token.encode())}
    return Greeting({"content-type": "application/json"}, json.dumps(answer).encode())


def verify(delivery: Delivery, secret: str) -> None:
    """Raises Unproven unless the signature over time and raw body stands and is fresh."""
    stamp = delivery.headers.get("x-zm-request-timestamp", "")
    given = delivery.headers.get("x-zm-signature", "")
    if not given or not stamp:
        raise Unproven("no_signature")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 13):
        raise Unproven("malformed_timestamp")
    made = _mac(secret, f"v0:{stamp}:".encode() + delivery.body)
    if not secret or not is_same(given, f"v0={made}"):
        raise Unproven("bad_signature")
    sent = int(stamp) / (1000 if len(stamp) == 13 else 1)
    if not _EARLIEST_SECONDS <= delivery.at.timestamp() - sent <= _OLDEST_SECONDS:
        raise Unproven("replayed")


def _mac(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def read(delivery: Delivery) -> list[Told]:
    """The calls that are over; nothing for other events. Raises Unreadable."""
    event = json_of(delivery)
    name = text(event.get("event"))
    told = within(event, "payload", "object")
    if name in _ENDED or name in _MISSED:
        if not told:
            raise Unreadable("object")
        return [_ended(name, told, event, delivery)]
    completed = _COMPLETED.fullmatch(name)
    if completed is None:
        return []
    rows = told.get("call_logs") or told.get("call_elements")
    if rows is None and ("call_id" in told or "id" in told):
        rows = [told]
    if not isinstance(rows, list):
        raise Unreadable("call_logs")
    is_caller = completed[1] == "caller"
    return [_completed(row, told, event, delivery, is_caller=is_caller) for row in objects(rows)]


def _sequence(event: dict[str, Any]) -> int:
    found = number(event.get("event_ts"))
    return int(found) if found is not None and 0 < found < 10**15 else 0


def _ended(name: str, told: dict[str, Any], event: dict[str, Any], delivery: Delivery) -> Told:
    direction = _ENDED.get(name, "inbound")
    caller, callee = within(told, "caller"), within(told, "callee")
    ours, other = (caller, callee) if direction == "outbound" else (callee, caller)
    answered_at = None if name in _MISSED else iso(told.get("answer_start_time"))
    started, answered, ended = times(
        iso(told.get("ringing_start_time")),
        answered_at,
        first(iso(told.get("call_end_time")), iso(told.get("date_time"))),
        None,
        delivery.at,
    )
    return EndedCall(
        source_id=identity(told.get("call_id"), "call_id"),
        email=email(ours.get("email")),
        direction=direction,
        numbers=numbers(other.get("phone_number")),
        caller_name=text(other.get("name")) or None,
        is_answered=answered_at is not None,
        is_internal=_is_internal(other),
        started_at=started,
        answered_at=answered,
        ended_at=ended,
        staff=names(user=ours.get("user_id"), extension=ours.get("extension_number")),
        staff_name=text(ours.get("name")),
        is_line=text(ours.get("extension_type") or "user").casefold() != "user",
        sequence=_sequence(event),
    )


def _is_internal(other: dict[str, Any]) -> bool:
    if text(other.get("user_id")):
        return True
    return bool(text(other.get("extension_number"))) and not text(other.get("phone_number"))


def _completed(
    row: dict[str, Any],
    told: dict[str, Any],
    event: dict[str, Any],
    delivery: Delivery,
    *,
    is_caller: bool,
) -> Told:
    said = text(row.get("direction")).casefold()
    is_outgoing = said == "outbound" or (said != "inbound" and is_caller)
    ours, other = ("caller", "callee") if is_outgoing else ("callee", "caller")
    result = text(row.get("result") or row.get("call_result")).casefold()
    talked = seconds(row.get("talk_time"))
    answered_at = first(iso(row.get("answer_time")), iso(row.get("answer_start_time")))
    is_answered = result not in _NOT_ANSWERED and (answered_at is not None or bool(talked))
    started, answered, ended = times(
        first(iso(row.get("start_time")), iso(row.get("date_time"))),
        answered_at if is_answered else None,
        first(iso(row.get("end_time")), iso(row.get("call_end_time"))),
        seconds(row.get("duration")) or talked,
        delivery.at,
    )
    outside = row.get(f"{other}_did_number") or row.get(f"{other}_number")
    extension = row.get(f"{ours}_ext_number")
    return EndedCall(
        source_id=identity(row.get("call_id") or row.get("id"), "call_id"),
        email=email(row.get(f"{ours}_email")),
        direction="outbound" if is_outgoing else "inbound",
        numbers=() if row.get("hide_caller_id") is True else numbers(outside),
        caller_name=text(row.get(f"{other}_name")) or None,
        is_answered=is_answered,
        is_internal=text(row.get("connect_type")).casefold() == "internal",
        started_at=started,
        answered_at=answered,
        ended_at=ended,
        staff=names(user=told.get("user_id") or row.get("user_id"), extension=extension),
        staff_name=text(row.get(f"{ours}_name")),
        seconds=talked if is_answered else None,
        is_voicemail=result == "voicemail",
        leg=text(row.get("call_element_id")),
        sequence=_sequence(event),
    )
