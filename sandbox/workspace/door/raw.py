"""Requests that Slack would never send: forged, stale, malformed or repeated."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from sandbox.workspace.door.asks import Ask, DoorError
from sandbox.workspace.model import JsonObject
from sandbox.workspace.outgoing.delivery import FORM, JSON, Malformed, deliver
from sandbox.workspace.outgoing.events import envelope
from sandbox.workspace.outgoing.payloads import command_fields, interaction

_INTERACTIONS = {
    "action": "block_actions",
    "options": "block_suggestion",
    "submit": "view_submission",
    "close": "view_closed",
}


async def send_raw(ask: Ask) -> JsonObject:
    """Send one request and say what the app answered: {"status", "body", "statuses"}.

    `kind` is command, action, options, submit, close or event. `fields` (command), `payload`
    (interactions) and `event` replace parts of what would be sent; `body` replaces all of it.
    `signature` is bad or missing; `timestamp_offset` in seconds; `timestamp` any text;
    `content_type`; `headers`; `repeat` sends the very same bytes again.
    """
    url, body, content_type = _request(ask)
    if isinstance(ask.body.get("body"), str):
        body = ask.body["body"].encode("utf-8", "surrogateescape")
    if isinstance(ask.body.get("body_hex"), str):
        body = bytes.fromhex(ask.body["body_hex"])
    timestamp = ask.body.get("timestamp")
    malformed = Malformed(
        signature=ask.body.get("signature", "good"),
        timestamp_offset=int(ask.body.get("timestamp_offset", 0)),
        timestamp=None if timestamp is None else str(timestamp),
        content_type=ask.body.get("content_type"),
    )
    headers = {str(k): str(v) for k, v in (ask.body.get("headers") or {}).items()}
    answers = [
        await deliver(ask.workspace, url, body, content_type, headers, malformed)
        for _ in range(int(ask.body.get("repeat", 1)))
    ]
    return {
        "ok": answers[0].is_ok,
        "status": answers[0].status,
        "body": answers[0].body.decode("utf-8", "replace"),
        "reason": answers[0].reason,
        "statuses": [answer.status for answer in answers],
    }


def _request(ask: Ask) -> tuple[str, bytes, str]:
    kind = ask.text("kind")
    workspace, manifest = ask.workspace, ask.workspace.manifest
    ask.body.setdefault("team", "T0KEA")
    ask.body.setdefault("user", "U0SAM")
    team, person = ask.team, ask.person
    if kind == "command":
        word = ask.text("command", next(iter(manifest.commands), "/xpm"))
        channel = workspace.app_channel(team, person.id)
        fields: dict[str, Any] = dict(
            command_fields(workspace, team, person, channel, word, ask.text("text", ""))
        )
        fields |= ask.body.get("fields") or {}
        known = next(iter(manifest.commands.values()), None)
        return _known(manifest.commands.get(word, known)), urlencode(fields).encode(), FORM
    if kind == "event":
        event = ask.body.get("event") or {"type": "app_home_opened", "user": person.id}
        whole = {**envelope(workspace, team, event), **(ask.body.get("payload") or {})}
        return _known(manifest.events_url), json.dumps(whole).encode(), JSON
    if kind in _INTERACTIONS:
        payload = interaction(workspace, _INTERACTIONS[kind], team, person)
        payload["trigger_id"] = workspace.new_trigger(team.id, person.id)
        payload |= ask.body.get("payload") or {}
        is_options = kind == "options"
        url = manifest.options_url if is_options else manifest.interactivity_url
        return _known(url), urlencode({"payload": json.dumps(payload)}).encode(), FORM
    raise DoorError("unknown_kind", 400)


def _known(url: str | None) -> str:
    if url is None:
        raise DoorError("no_address", 400)
    return url
