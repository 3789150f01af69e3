"""One signed request to the app and its answer.

Signature: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp

from sandbox.workspace.model import JsonObject
from sandbox.workspace.state import Workspace

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What the app said; `status` is None when nothing came in time.

    `reason` uses Slack's words for x-slack-retry-reason, "" when all went well.
    """

    status: int | None
    body: bytes = b""
    reason: Literal["", "http_timeout", "http_error", "connection_failed"] = ""
    allows_retry: bool = True

    @property
    def is_ok(self) -> bool:
        """Whether the app answered 2xx in time."""
        return self.status is not None and 200 <= self.status < 300

    def parsed(self) -> JsonObject | None:
        """The body as an object: {} when empty, None when it is something else."""
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class Malformed:
    """How a request shall be wrong, for tests of the app's own door."""

    signature: Literal["good", "bad", "missing"] = "good"
    timestamp_offset: int = 0
    timestamp: str | None = None
    content_type: str | None = None


WELL_FORMED = Malformed()


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v0=` and the HMAC of `v0:timestamp:body`."""
    base = f"v0:{timestamp}:".encode() + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


async def deliver(
    workspace: Workspace,
    url: str,
    body: bytes,
    content_type: str,
    extra: Mapping[str, str] | None = None,
    malformed: Malformed = WELL_FORMED,
) -> Answer:
    """POST to the app and wait for at most `answer_seconds`; later answers are dropped."""
    settings = workspace.settings
    timestamp = malformed.timestamp or str(int(workspace.clock()) + malformed.timestamp_offset)
    headers = {
        "Content-Type": malformed.content_type or content_type,
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": timestamp,
        **(extra or {}),
    }
    if malformed.signature != "missing":
        secret = settings.signing_secret + ("x" if malformed.signature == "bad" else "")
        headers["X-Slack-Signature"] = signature(secret, timestamp, body)
    timeout = aiohttp.ClientTimeout(total=settings.answer_seconds)
    try:
        async with workspace.session.post(
            url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as response:
            answered = await response.read()
            reason: Literal["", "http_error"] = "" if response.status < 300 else "http_error"
            allows_retry = response.headers.get("x-slack-no-retry") != "1"
            return Answer(response.status, answered, reason, allows_retry)
    except TimeoutError:
        return Answer(None, reason="http_timeout")
    except aiohttp.ClientError:
        return Answer(None, reason="connection_failed")


async def send_form(
    workspace: Workspace, url: str, fields: Mapping[str, str], malformed: Malformed = WELL_FORMED
) -> Answer:
    """A slash command's form."""
    return await deliver(workspace, url, urlencode(fields).encode(), FORM, malformed=malformed)


async def send_payload(
    workspace: Workspace, url: str, payload: Mapping[str, Any], malformed: Malformed = WELL_FORMED
) -> Answer:
    """An interaction: a form whose one field `payload` is JSON."""
    body = urlencode({"payload": json.dumps(payload, ensure_ascii=False)}).encode()
    return await deliver(workspace, url, body, FORM, malformed=malformed)
