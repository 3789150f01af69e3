"""Samples of what each phone system sends, written from the vendors' documents; none was recorded from a real call.

VXT: the types it publishes (`vxt-webhook-payload.d.ts`, versions 2 and 3; direction, user and others are guesses).
Aircall: https://developer.aircall.io/docs/webhooks-overview and https://developer.aircall.io/tutorials/webhooks-guide
Twilio: https://www.twilio.com/docs/voice/api/call-resource#statuscallback
Dialpad: https://developers.dialpad.com/docs/call-events
RingCentral: https://developers.ringcentral.com/guide/voice/telephony-session-notifications
Zoom Phone: https://developers.zoom.us/docs/api/phone/events/
3CX: https://www.3cx.com/docs/server-side-crm-template-xml-description/ "Call Journaling", as our template asks
"""

import base64
import datetime as dt
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import OctKey
from standardwebhooks.webhooks import Webhook

from handlers.phones.delivery import Delivery

START = dt.datetime(2026, 11, 23, 1, 5, 0, tzinfo=dt.UTC)
ANSWER = START + dt.timedelta(seconds=8)
END = ANSWER + dt.timedelta(minutes=12)
NOW = END + dt.timedelta(seconds=1)
URL = "https://xpm.example.com/calls/{kind}/0123456789abcdef01234567"
SECRETS = {
    "standard": "whsec_" + base64.b64encode(b"a secret for tests, 32 bytes long").decode(),
    "dialpad": "a dialpad secret for tests, 32 b.",
}
Event = dict[str, Any]


def secret_of(kind: str) -> str:
    """The secret of a phone system in tests."""
    return SECRETS.get(kind, f"a {kind} secret for tests")


def s(moment: dt.datetime) -> int:
    """Unix seconds."""
    return int(moment.timestamp())


def ms(moment: dt.datetime) -> int:
    """Unix milliseconds."""
    return int(moment.timestamp() * 1000)


def iso(moment: dt.datetime) -> str:
    """ISO 8601 with a Z."""
    return moment.isoformat().replace("+00:00", "Z")


def vxt(**changes: Any) -> Event:
    """Version 3, answered."""
    log = {
        "version": 3,
        "id": "vxt-1",
        "url": "https://app.example.com/messages/vxt-1",
        "result": {
            "type": "answered",
            "startTimestamp": ms(START),
            "answerTimestamp": ms(ANSWER),
            "hangupTimestamp": ms(END),
        },
        "direction": "inbound",
        "user": {"type": "user", "uid": "u-1", "email": "Mia@example.com"},
        "phoneNumber": {"type": "phoneNumber", "phoneNumberE164": "+6495550100"},
        "otherParties": [{"type": "phoneNumber", "phoneNumberE164": "+64215550123"}],
    }
    return {"event": "callLog", "callLog": log | changes}


def aircall(event: str = "call.ended", **changes: Any) -> Event:
    """Answered; the duration includes ringing."""
    data = {
        "id": 812354,
        "direct_link": "https://api.aircall.io/v1/calls/812354",
        "direction": "inbound",
        "status": "done",
        "missed_call_reason": None,
        "started_at": s(START),
        "answered_at": s(ANSWER),
        "ended_at": s(END),
        "duration": s(END) - s(START),
        "voicemail": None,
        "recording": "https://short-lived.example.com/r?signature=1",
        "asset": "https://assets.example.com/calls/812354/recording",
        "raw_digits": "+64 21 555 0123",
        "user": {"id": 456, "name": "Mia Chen", "email": "mia@example.com"},
        "contact": {"first_name": "Ana", "last_name": "Example", "company_name": "Kea Ltd"},
        "number": {"id": 123, "digits": "+64 9 555 0100", "country": "NZ"},
        "comments": [],
        "tags": [],
    }
    return {
        "resource": "call",
        "event": event,
        "timestamp": s(END) + 30,
        "token": secret_of("aircall"),
        "data": data | changes,
    }


def twilio(**changes: Any) -> Event:
    """A child leg of a forwarded call; names as in the form."""
    return {
        "CallSid": "CA00000000000000000000000000000002",
        "ParentCallSid": "CA00000000000000000000000000000001",
        "AccountSid": "AC00000000000000000000000000000000",
        "From": "+64215550123",
        "To": "client:mia",
        "CallStatus": "completed",
        "CallDuration": "720",
        "Duration": "12",
        "Direction": "outbound-dial",
        "Timestamp": "Mon, 23 Nov 2026 01:17:08 +0000",
        "SequenceNumber": "3",
    } | changes


def dialpad(**changes: Any) -> Event:
    """The user's leg of a call that came over a department."""
    return {
        "call_id": 5780678246121472,
        "entry_point_call_id": 4876543210123456,
        "master_call_id": 4876543210123456,
        "state": "hangup",
        "direction": "inbound",
        "date_started": ms(START),
        "date_rang": ms(START) + 1000,
        "date_connected": ms(ANSWER),
        "date_ended": ms(END),
        "event_timestamp": ms(END),
        "duration": 720000.5,
        "total_duration": 728000.5,
        "external_number": "+64215550123",
        "internal_number": "+6495550100",
        "contact": {"id": "c1", "name": "Ana Example", "phone": "+64215550123", "type": "shared"},
        "target": {"id": 5001, "type": "user", "name": "Mia Chen", "email": "mia@example.com"},
        "was_recorded": False,
        "labels": [],
    } | changes


def zoom(name: str = "phone.callee_call_history_completed", **changes: Any) -> Event:
    """The history of one call, complete."""
    row = {
        "id": "log-1",
        "call_id": "7000000000000000001",
        "direction": "inbound",
        "connect_type": "external",
        "caller_did_number": "+64215550123",
        "caller_name": "Ana Example",
        "callee_email": "mia@example.com",
        "callee_name": "Mia Chen",
        "callee_ext_number": "1001",
        "callee_did_number": "+6495550100",
        "start_time": iso(START),
        "answer_time": iso(ANSWER),
        "end_time": iso(END),
        "talk_time": 700,
        "hold_time": 20,
        "wait_time": 8,
        "result": "answered",
    }
    rows = "call_elements" if "element" in name else "call_logs"
    told = {"user_id": "z-mia", rows: [row | changes]}
    return {"event": name, "event_ts": ms(END) + 5000, "payload": {"object": told}}


def zoom_ended(name: str = "phone.callee_ended", **changes: Any) -> Event:
    """The end of one call, told at once and without addresses."""
    told = {
        "call_id": "7000000000000000001",
        "caller": {"phone_number": "+64215550123", "connection_type": "pstn_off_net"},
        "callee": {
            "phone_number": "+6495550100",
            "extension_number": 1001,
            "extension_type": "user",
            "user_id": "z-mia",
        },
        "ringing_start_time": iso(START),
        "answer_start_time": iso(ANSWER),
        "call_end_time": iso(END),
        "handup_result": "Call connected",
    }
    return {"event": name, "event_ts": ms(END), "payload": {"object": told | changes}}


def threecx(**changes: Any) -> Event:
    """A report with some variables that 3CX did not fill."""
    return {
        "CallType": "Inbound",
        "Number": "+64215550123",
        "Name": "Ana Example",
        "Agent": "103",
        "AgentEmail": "mia@example.com",
        "Duration": "00:12:00",
        "DateTime": "2026-11-23T01:05:00Z",
        "CallStartTimeUTC": iso(START),
        "CallEstablishedTimeUTC": iso(ANSWER),
        "CallEndTimeUTC": iso(END),
        "Summary": "[Summary]",
        "Transcription": "[Transcription]",
        "RecordingUrl": "[RecordingUrl]",
    } | changes


def standard(**changes: Any) -> Event:
    """Our own event."""
    data = {
        "id": "c-1",
        "direction": "inbound",
        "external_number": "+64215550123",
        "user_email": "mia@example.com",
        "started_at": iso(START),
        "answered_at": iso(ANSWER),
        "ended_at": iso(END),
    }
    return {"type": "call.ended", "data": data | changes}


OUTSIDE = {"phoneNumber": "+64215550123", "name": "Ana Example"}
MENU = {"phoneNumber": "+6495550100", "extensionId": "900"}
MIA = {"phoneNumber": "+6495550100", "extensionId": "62262", "name": "Mia Chen"}


def party(leg: str, status: str) -> Event:
    """One of the three parties of a call that came over a menu."""
    shapes: dict[str, Event] = {
        "p-1": {"direction": "Outbound", "from": OUTSIDE, "to": {"phoneNumber": "+6495550100"}},
        "p-2": {"direction": "Inbound", "extensionId": "900", "from": OUTSIDE, "to": MENU},
        "p-3": {"direction": "Inbound", "extensionId": "62262", "from": OUTSIDE, "to": MIA},
    }
    return {"id": leg, "accountId": "37439510", "status": {"code": status}, **shapes[leg]}


def ringcentral(sequence: int, at: dt.datetime, *parties: Event, session: str = "s-1") -> Event:
    """One message of a telephony session."""
    return {
        "uuid": f"u-{sequence}",
        "event": "/restapi/v1.0/account/37439510/telephony/sessions",
        "timestamp": iso(at),
        "subscriptionId": "sub-1",
        "body": {
            "sequence": sequence,
            "telephonySessionId": session,
            "eventTime": iso(at),
            "parties": list(parties),
        },
    }


def seconds_in(seconds: float) -> dt.datetime:
    """A moment of the session."""
    return START + dt.timedelta(seconds=seconds)


def session() -> list[Event]:
    """A call over a menu: the menu's party goes in the middle, Mia talks 712 seconds and holds 8."""
    return [
        ringcentral(3, seconds_in(0), party("p-1", "Proceeding"), party("p-2", "Setup")),
        ringcentral(4, seconds_in(1), party("p-1", "Answered"), party("p-2", "Answered")),
        ringcentral(6, seconds_in(8), party("p-2", "Disconnected")),
        ringcentral(7, seconds_in(8.2), party("p-3", "Proceeding")),
        ringcentral(9, seconds_in(12), party("p-3", "Answered")),
        ringcentral(10, seconds_in(100), party("p-3", "Hold")),
        ringcentral(11, seconds_in(108), party("p-3", "Answered")),
        ringcentral(14, seconds_in(732), party("p-3", "Disconnected")),
        ringcentral(15, seconds_in(732.2), party("p-1", "Disconnected")),
    ]


EVENTS: dict[str, Event] = {
    "standard": standard(),
    "vxt": vxt(),
    "aircall": aircall(),
    "twilio": twilio(),
    "dialpad": dialpad(),
    "ringcentral": ringcentral(9, seconds_in(12), party("p-3", "Answered")),
    "zoom": zoom(),
    "3cx": threecx(),
}


def signed(kind: str, event: Any, secret: str | None = None, at: dt.datetime = NOW) -> Delivery:
    """The event as its phone system would prove it."""
    secret = secret_of(kind) if secret is None else secret
    url = URL.format(kind=kind)
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    headers = {"content-type": "application/json"}
    match kind:
        case "vxt" | "3cx":
            headers["authorization"] = f"Bearer {secret}"
        case "aircall":
            if isinstance(event, dict):
                body = json.dumps({**event, "token": secret}).encode()
        case "ringcentral":
            headers["verification-token"] = secret
        case "standard":
            # The library that checks it looks at the real clock.
            stamp = s(dt.datetime.now(dt.UTC) + (at - NOW))
            headers |= {"webhook-id": "msg_1", "webhook-timestamp": str(stamp)}
            whole = f"msg_1.{stamp}.".encode() + body
            mac = hmac.digest(Webhook(secret)._whsecret, whole, "sha256")
            headers["webhook-signature"] = "v1," + base64.b64encode(mac).decode()
        case "zoom":
            mac = hmac.digest(secret.encode(), f"v0:{s(at)}:".encode() + body, "sha256")
            headers |= {"x-zm-request-timestamp": str(s(at)), "x-zm-signature": f"v0={mac.hex()}"}
        case "twilio":
            fields = event if isinstance(event, dict) else {}
            body = event if isinstance(event, bytes) else urlencode(fields).encode()
            text = url + "".join(name + str(fields[name]) for name in sorted(fields))
            mac = hmac.digest(secret.encode(), text.encode(), "sha1")
            headers["x-twilio-signature"] = base64.b64encode(mac).decode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        case "dialpad":
            if isinstance(event, dict):
                body = jwt.encode({"alg": "HS256"}, event, OctKey.import_key(secret)).encode()
            else:
                body = compact(body, secret)
    return Delivery(headers, body, url, at)


def compact(claims: bytes, secret: str) -> bytes:
    """A JWT by HS256 over anything, also over what is no JSON."""

    def part(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    text = part(b'{"alg":"HS256"}') + b"." + part(claims)
    return text + b"." + part(hmac.digest(secret.encode(), text, hashlib.sha256))
