"""response_url: five posts within thirty minutes, also where the app is no member.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.workspace.api.chat import read_content
from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.model import Hook
from sandbox.workspace.state import Workspace

MOST_USES = 5
SECONDS = 1800


async def answer_hook(request: Request) -> Response:
    """Say something new, or replace or delete the message the hook belongs to."""
    workspace: Workspace = request.app.state.workspace
    hook = workspace.hooks.get(f"{request.path_params['team']}/{request.path_params['hook']}")
    if hook is None:
        return JSONResponse({"ok": False, "error": "invalid_url"}, 404)
    if workspace.clock() - hook.issued_at > SECONDS:
        return JSONResponse({"ok": False, "error": "expired_url"}, 404)
    if hook.uses >= MOST_USES:
        return JSONResponse({"ok": False, "error": "used_url"}, 404)
    try:
        _say(workspace, hook, json.loads(await request.body()))
    except ValueError:
        return JSONResponse({"ok": False, "error": "invalid_payload"}, 400)
    except SlackError as error:
        workspace.refuse("a response_url", error.body())
        return JSONResponse(error.body(), 400)
    hook.uses += 1
    return PlainTextResponse("ok")


def _say(workspace: Workspace, hook: Hook, said: Any) -> None:
    if not isinstance(said, dict):
        raise SlackError("invalid_payload")
    channel = workspace.teams[hook.team_id].channels[hook.channel_id]
    message = channel.message(hook.message_ts, hook.user_id) if hook.message_ts else None
    if said.get("delete_original"):
        if message is None:
            raise SlackError("message_not_found")
        workspace.erase(channel, message)
        return
    text, blocks = read_content(said.get("text"), said.get("blocks"))
    if said.get("replace_original") and message is not None:
        workspace.rewrite(channel, message, text, blocks)
        return
    hidden = None if said.get("response_type") == "in_channel" else hook.user_id
    workspace.say(channel, text=text, blocks=blocks, ephemeral_for=hidden)
