"""What Slack and a phone system send, signed as they sign it."""

import base64
import hashlib
import hmac
import json
import time
import urllib.parse
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.load import request
from benchmarks.seed import SYSTEM, TEAM, USER, Seeded, person_of

_PATH = "/slack/events"


def many(make: Callable[[], bytes], count: int) -> list[bytes]:
    """As many different requests: the app lets none in twice."""
    return [make() for _ in range(count)]


def _slack(secret: str, form: dict[str, str]) -> bytes:
    body = urllib.parse.urlencode(form)
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    return request(_PATH, headers, body.encode())


def _payload(secret: str, payload: dict[str, Any], user: str = USER) -> bytes:
    who = {
        "user": {"id": user, "username": "mia", "name": "mia", "team_id": TEAM},
        "team": {"id": TEAM, "domain": "kea"},
        "api_app_id": "A0XPM",
        "token": "-",
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": uuid.uuid4().hex,
    }
    return _slack(secret, {"payload": json.dumps({**who, **payload})})


def action(secret: str, action_id: str, value: str = "-", user: str = USER) -> bytes:
    """A click on a button."""
    return _payload(
        secret,
        {
            "type": "block_actions",
            "container": {"type": "message", "message_ts": "1.0", "channel_id": "D1"},
            "channel": {"id": "D1", "name": "directmessage"},
            "message": {"ts": "1.0", "text": "-"},
            "state": {"values": {}},
            "response_url": "http://127.0.0.1:9/hooks/none",
            "actions": [
                {
                    "type": "button",
                    "action_id": action_id,
                    "block_id": "b",
                    "value": value,
                    "action_ts": "1.0",
                }
            ],
        },
        user,
    )


def saves(secret: str, seeded: Seeded, numbers: range) -> Sequence[bytes]:
    """Save time, once for each of these entries, by the person whose it is."""
    return [
        action(secret, "post_call.save", seeded.entries[number], person_of(number))
        for number in numbers
    ]


def status(secret: str) -> bytes:
    """/xpm status."""
    return command(secret, "status")


def command(secret: str, text: str) -> bytes:
    """/xpm with some words."""
    return _slack(
        secret,
        {
            "command": "/xpm",
            "text": text,
            "team_id": TEAM,
            "user_id": USER,
            "channel_id": "D1",
            "api_app_id": "A0XPM",
            "trigger_id": uuid.uuid4().hex,
            "response_url": "http://127.0.0.1:9/hooks/none",
            "is_enterprise_install": "false",
        },
    )


def options(secret: str, entry: str, typed: str, user: str = USER) -> bytes:
    """The job menu asks for its options."""
    return _payload(
        secret,
        {
            "type": "block_suggestion",
            "action_id": "post_call.job",
            "block_id": f"job:{entry}:",
            "value": typed,
            "container": {"type": "message", "message_ts": "1.0", "channel_id": "D1"},
            "channel": {"id": "D1", "name": "directmessage"},
            "message": {"ts": "1.0", "text": "-"},
        },
        user,
    )


def calls(seeded: Seeded, count: int, ended_at: str = "2026-01-05T01:00:25Z") -> Sequence[bytes]:
    """Ended calls, each another one; by default too short to be offered: the door, the proof and the commit alone."""
    return [call(seeded.webhook_secret, ended_at=ended_at) for _ in range(count)]


def call(secret: str, number: str = "+6495000001", ended_at: str = "2026-01-05T01:12:00Z") -> bytes:
    """An ended call that there was not yet."""
    body, headers = standard_event(secret, number, ended_at)
    return request(f"/calls/standard/{SYSTEM}", headers, body)


def standard_event(secret: str, number: str, ended_at: str) -> tuple[bytes, dict[str, str]]:
    """An ended call in the app's own form, and the headers that prove it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    identity = uuid.uuid4().hex
    data = {
        "id": identity, "direction": "inbound", "external_number": number, "user_email": "mia@example.com",
        "started_at": "2026-01-05T01:00:00Z", "answered_at": "2026-01-05T01:00:05Z",
        "ended_at": ended_at,
    }  # fmt: skip
    body = json.dumps(
        {"type": "call.ended", "timestamp": "2026-01-05T01:00:25Z", "data": data}
    ).encode()
    stamp = str(int(time.time()))
    digest = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    return body, headers
