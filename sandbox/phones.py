"""Tells an ended call as each vendor's phone system would: its own events, its own proof.

Written from the vendors' documents and not from the app: the pages stand beside each. Numbers and names are invented.
"""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import OctKey


class Call(Protocol):
    """What is used of a call that somebody described; lengths are whole seconds."""

    @property
    def user_email(self) -> str: ...
    @property
    def external_number(self) -> str | None: ...
    @property
    def external_name(self) -> str | None: ...
    @property
    def direction(self) -> str: ...
    @property
    def is_answered(self) -> bool: ...
    @property
    def talk_seconds(self) -> int: ...
    @property
    def ring_seconds(self) -> int: ...
    @property
    def ended_at(self) -> datetime: ...
    @property
    def is_internal(self) -> bool: ...
    @property
    def id(self) -> str: ...
    @property
    def notes(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """One POST: its body and headers, and what is put behind the address."""

    body: bytes
    headers: Mapping[str, str]
    query: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The telephone that tells: where to, the secret both know, the practice's own number, and the present."""

    url: str
    secret: str
    number: str
    now: datetime


def tell(kind: str, call: Call, line: Line) -> list[Sent]:
    """The deliveries that a phone system of this kind makes of a call, in their order. Raises KeyError."""
    return _KINDS[kind](call, line)


def _times(call: Call) -> tuple[datetime, datetime | None, datetime]:
    talk = call.talk_seconds if call.is_answered else 0
    answered = call.ended_at - timedelta(seconds=talk)
    started = answered - timedelta(seconds=call.ring_seconds)
    return started, answered if call.is_answered else None, call.ended_at


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number_id(text: str) -> int:
    """The same whole number of 15 digits for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def _json(event: Any, **headers: str) -> Sent:
    return Sent(json.dumps(event).encode(), {"content-type": "application/json", **headers})


# https://vxt.co.nz: the published types of its webhook payload, version 3
def _vxt(call: Call, line: Line) -> list[Sent]:
    started, answered, ended = _times(call)
    result: dict[str, Any] = {"type": "missed", "startTimestamp": _ms(started)}
    if answered is not None:
        result |= {
            "type": "answered",
            "answerTimestamp": _ms(answered),
            "hangupTimestamp": _ms(ended),
        }
    other = {"type": "phoneNumber", "phoneNumberE164": call.external_number}
    if call.external_number is None:
        other = {"type": "unknown"}
    event = {
        "event": "callLog",
        "callLog": {
            "version": 3,
            "id": call.id,
            "url": f"https://app.example.com/calls/{call.id}",
            "direction": call.direction,
            "result": result,
            "user": {"type": "user", "uid": f"u-{call.user_email}", "email": call.user_email},
            "otherParties": [other],
        },
    }
    return [_json(event, authorization=f"Bearer {line.secret}")]


# https://developer.aircall.io/docs/webhooks-overview
def _aircall(call: Call, line: Line) -> list[Sent]:
    started, answered, ended = _times(call)
    data = {
        "id": _number_id(call.id),
        "direction": call.direction,
        "status": "done",
        "missed_call_reason": None if answered else "agents_did_not_answer",
        "started_at": _seconds(started),
        "answered_at": _seconds(answered),
        "ended_at": _seconds(ended),
        "duration": int((ended - started).total_seconds()),
        "raw_digits": call.external_number or "anonymous",
        "user": {"id": 456, "name": "Somebody", "email": call.user_email},
        "contact": {"first_name": call.external_name, "last_name": None, "company_name": None},
        "number": {"id": 123, "digits": line.number, "country": "NZ"},
        "comments": [],
        "tags": [],
    }
    envelope = {"resource": "call", "timestamp": _seconds(line.now), "token": line.secret}
    sent = [_json(envelope | {"event": "call.ended", "data": data})]
    if call.notes:
        comment = {"id": 1, "content": call.notes, "posted_by": {"name": "Somebody"}}
        later = {
            **envelope,
            "timestamp": (_seconds(line.now) or 0) + 2,
            "event": "call.commented",
            "data": {**data, "comments": [comment]},
        }
        sent.append(_json(later))
    return sent


# https://www.twilio.com/docs/voice/api/call-resource#statuscallback and /docs/usage/security#validating-requests
def _twilio(call: Call, line: Line) -> list[Sent]:
    _, answered, ended = _times(call)
    outside = call.external_number or "+266696687"
    fields = {
        "CallSid": "CA" + hashlib.sha256(call.id.encode()).hexdigest()[:32],
        "ParentCallSid": "CA" + hashlib.sha256(f"parent {call.id}".encode()).hexdigest()[:32],
        "AccountSid": "AC00000000000000000000000000000000",
        "CallStatus": "completed" if answered else "no-answer",
        "CallDuration": str(call.talk_seconds if answered else 0),
        "Duration": str(-(-call.talk_seconds // 60) if answered else 0),
        "Direction": "outbound-dial",
        "From": outside,
        "To": line.number,
        "Timestamp": format_datetime(ended.astimezone(UTC)),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "0",
    }
    query = {"email": call.user_email}
    if call.direction == "outbound":
        fields |= {"From": line.number, "To": outside}
        query["outside"] = "to"
    asked = "?" + urlencode(query)
    signed = line.url + asked + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(line.secret.encode(), signed.encode(), hashlib.sha1).digest()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": base64.b64encode(mac).decode(),
    }
    return [Sent(urlencode(fields).encode(), headers, asked)]


# https://developers.dialpad.com/docs/call-events
def _dialpad(call: Call, line: Line) -> list[Sent]:
    started, answered, ended = _times(call)
    event = {
        "call_id": _number_id(call.id),
        "entry_point_call_id": None,
        "state": "hangup",
        "direction": call.direction,
        "date_started": _ms(started),
        "date_connected": _ms(answered),
        "date_ended": _ms(ended),
        "event_timestamp": _ms(ended),
        "duration": float(call.talk_seconds * 1000 if answered else 0),
        "total_duration": (ended - started).total_seconds() * 1000,
        "external_number": call.external_number,
        "internal_number": line.number,
        "contact": {
            "name": call.external_name,
            "phone": call.external_number,
            "type": "user" if call.is_internal else "shared",
        },
        "target": {"id": 5001, "type": "user", "name": "Somebody", "email": call.user_email},
    }
    key = OctKey.import_key(line.secret)
    token = jwt.encode({"alg": "HS256", "typ": "JWT"}, event, key)
    return [Sent(token.encode(), {"content-type": "application/jwt"})]


# https://developers.ringcentral.com/guide/voice/telephony-session-notifications
def _ringcentral(call: Call, line: Line) -> list[Sent]:
    started, answered, ended = _times(call)
    is_out = call.direction == "outbound"
    outside: dict[str, Any] = {"phoneNumber": call.external_number, "name": call.external_name}
    if call.is_internal:
        outside = {"phoneNumber": call.external_number, "extensionId": "900"}
    ours = {"phoneNumber": line.number, "name": call.user_email, "extensionId": "4711"}
    party = {
        "accountId": "37439510",
        "extensionId": "4711",
        "id": "p-2",
        "direction": "Outbound" if is_out else "Inbound",
        "from": ours if is_out else outside,
        "to": outside if is_out else ours,
    }
    steps = [("Proceeding", started)]
    if answered is not None:
        steps.append(("Answered", answered))
    steps.append(("Disconnected", ended))
    found = []
    for sequence, (status, at) in enumerate(steps, start=3):
        event = {
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{call.id}/{sequence}")),
            "event": "/restapi/v1.0/account/37439510/telephony/sessions",
            "timestamp": _iso(line.now),
            "subscriptionId": "s-1",
            "body": {
                "sequence": sequence,
                "telephonySessionId": f"s-{call.id}",
                "eventTime": _iso(at),
                "parties": [{**party, "status": {"code": status, "rcc": False}}],
            },
        }
        found.append(_json(event, **{"verification-token": line.secret}))
    return found


# https://developers.zoom.us/docs/api/phone/events/ and https://developers.zoom.us/docs/api/webhooks/
def _zoom(call: Call, line: Line) -> list[Sent]:
    started, answered, ended = _times(call)
    is_out = call.direction == "outbound"
    ours, other = ("caller", "callee") if is_out else ("callee", "caller")
    row = {
        "id": f"log-{call.id}",
        "call_id": call.id,
        "direction": call.direction,
        "connect_type": "internal" if call.is_internal else "external",
        f"{ours}_email": call.user_email,
        f"{ours}_ext_number": "1001",
        f"{other}_did_number": call.external_number,
        f"{other}_name": call.external_name,
        "start_time": _iso(started),
        "answer_time": _iso(answered) if answered else None,
        "end_time": _iso(ended),
        "talk_time": call.talk_seconds if answered else 0,
        "result": "answered" if answered else "no_answer",
    }
    event = {
        "event": f"phone.{ours}_call_history_completed",
        "event_ts": _ms(line.now),
        "payload": {"account_id": "a-1", "object": {"user_id": "z-1", "call_logs": [row]}},
    }
    body = json.dumps(event).encode()
    stamp = str(int(line.now.timestamp()))
    mac = hmac.new(line.secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "x-zm-request-timestamp": stamp,
        "x-zm-signature": f"v0={mac.hexdigest()}",
    }
    return [Sent(body, headers)]


# https://www.3cx.com/docs/server-side-crm-template-xml-description/ "Call Journaling", as the shipped template asks
def _threecx(call: Call, line: Line) -> list[Sent]:
    started, answered, ended = _times(call)
    whats = {"inbound": ("Missed", "Inbound"), "outbound": ("Notanswered", "Outbound")}

    def plain(moment: datetime) -> str:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    event = {
        "CallType": whats[call.direction][call.is_answered],
        "Number": call.external_number or "",
        "Name": call.external_name or "",
        "Agent": "103",
        "AgentEmail": call.user_email,
        "Duration": str(timedelta(seconds=call.talk_seconds if answered else 0)),
        "CallStartTimeUTC": plain(started),
        "CallEstablishedTimeUTC": plain(answered) if answered else "[[CallEstablishedTimeUTC]]",
        "CallEndTimeUTC": plain(ended),
        "Summary": "[Summary]",
    }
    return [_json(event, authorization=f"Bearer {line.secret}")]


_KINDS: dict[str, Callable[[Call, Line], list[Sent]]] = {
    "vxt": _vxt,
    "aircall": _aircall,
    "twilio": _twilio,
    "dialpad": _dialpad,
    "ringcentral": _ringcentral,
    "zoom": _zoom,
    "3cx": _threecx,
}
KINDS = tuple(_KINDS)
"""The vendors a call can be told as, besides the app's own format."""
