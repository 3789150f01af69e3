"""Dialpad: the end of a call, and transcripts, summaries and recordings that come later.

https://developers.dialpad.com/docs/call-events and https://developers.dialpad.com/docs/webhook-delivery-failures
Event: a call event subscription with `call_states` hangup, missed, voicemail, transcription, recap_summary,
dispositions and recording. Proof: the body is a JWT by HS256 with the webhook's secret; no other algorithm
is taken, and no plain JSON. It holds no time, so a replay is known by the call's id alone. After 5xx Dialpad tries
three times within seconds, after 4xx never; events may come out of order.

One call has several legs, each with a `call_id`; they share `entry_point_call_id`. Only a leg whose target is a user is
somebody's. `hangup` comes for calls nobody answered too: then `date_connected` is missing. Ids have up to 16 digits.

Not verified against a live delivery: the form of `recap_summary` and of dispositions.
"""

import base64
import binascii
import json
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from handlers.phones.delivery import Delivery, Unproven, Unreadable
from handlers.phones.values import (
    email,
    identity,
    link,
    names,
    number,
    numbers,
    objects,
    remark,
    seconds,
    text,
    times,
    unix,
    within,
)
from xpm.calls import EndedCall, Late, Remark, Told

_OVER = frozenset({"hangup", "missed", "voicemail"})
_LATER = frozenset({"transcription", "recap_summary", "dispositions", "recording"})


def verify(delivery: Delivery, secret: str) -> None:
    """Raises Unproven unless the body is a JWT that our secret signed by HS256."""
    token = delivery.body.strip()
    if token.count(b".") != 2:
        raise Unproven("not_a_token")
    try:
        jws.deserialize_compact(token, OctKey.import_key(secret), algorithms=["HS256"])
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Unproven("bad_signature") from None


def read(delivery: Delivery) -> list[Told]:
    """The user's leg that is over, or what was made of the call later; nothing for others. Raises Unreadable."""
    call = _claims(delivery.body)
    state = text(call.get("state"))
    if state not in _OVER and state not in _LATER:
        return []
    leg = identity(call.get("call_id"), "call_id")
    source_id = text(_id(call.get("entry_point_call_id"))) or leg
    target, contact = within(call, "target"), within(call, "contact")
    said = _remarks(call)
    if target.get("type") != "user":
        # A department's or a queue's leg: the user who took the call has one of their own.
        return [Late(source_id, said)] if said else []
    ended_at = unix(call.get("date_ended"), per_second=1000)
    if state in _LATER and ended_at is None:
        return [Late(source_id, said, email(target.get("email")))] if said else []
    talked = _seconds(call.get("duration"))
    is_voicemail = state == "voicemail" or bool(text(call.get("voicemail_link")))
    connected = unix(call.get("date_connected"), per_second=1000)
    is_answered = connected is not None and not is_voicemail and state != "missed"
    started, answered, ended = times(
        unix(call.get("date_started"), per_second=1000)
        or unix(call.get("date_rang"), per_second=1000),
        connected if is_answered else None,
        ended_at or unix(call.get("event_timestamp"), per_second=1000),
        _seconds(call.get("total_duration")) or talked,
        delivery.at,
    )
    at = number(call.get("event_timestamp"))
    return [
        EndedCall(
            source_id=source_id,
            email=email(target.get("email")),
            direction="outbound" if call.get("direction") == "outbound" else "inbound",
            numbers=numbers(call.get("external_number") or contact.get("phone")),
            caller_name=text(contact.get("name")) or None,
            is_answered=is_answered,
            is_internal=contact.get("type") == "user",
            started_at=started,
            answered_at=answered,
            ended_at=ended,
            staff=names(user=_id(target.get("id"))),
            staff_name=text(target.get("name")),
            seconds=talked if is_answered and talked and answered is None else None,
            is_voicemail=is_voicemail,
            leg=leg,
            sequence=int(at) if at is not None and 0 < at < 10**15 else 0,
            remarks=said,
        )
    ]


def _claims(body: bytes) -> dict[str, Any]:
    """What the token says; its signature was looked at before. Raises Unreadable."""
    parts = body.strip().split(b".")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))
    except (IndexError, binascii.Error, ValueError, RecursionError):
        raise Unreadable("not_json") from None
    if not isinstance(found, dict):
        raise Unreadable("not_an_object")
    return found


def _id(value: Any) -> Any:
    return None if value in (0, "0") else value


def _seconds(value: Any) -> int | None:
    """Whole seconds out of milliseconds."""
    found = number(value)
    return None if found is None else seconds(found / 1000)


def _remarks(call: dict[str, Any]) -> tuple[Remark, ...]:
    recap = call.get("recap_summary")
    words = within({"recap": recap}, "recap")
    said = remark("summary", words.get("summary") or words.get("text") or recap, key="recap")
    said += remark("transcript", call.get("transcription_text"), key="transcript")
    for one in objects(call.get("dispositions")):
        said += remark("tag", one.get("name") or one.get("disposition"))
    for one in objects(call.get("recording_details"))[:5]:
        said += link("recording", one.get("url"), key=_id(one.get("id")))
    return tuple(said)
