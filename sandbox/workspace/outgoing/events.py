"""Events: delivered after the fact, and again when the app did not take them.

https://docs.slack.dev/apis/events-api
"""

from __future__ import annotations

import asyncio
import json

from sandbox.workspace.model import Installation, JsonObject, Team
from sandbox.workspace.outgoing.delivery import JSON, deliver
from sandbox.workspace.outgoing.payloads import VERIFICATION_TOKEN
from sandbox.workspace.shapes import view_json
from sandbox.workspace.state import Workspace, new_id


def tell_home_opened(workspace: Workspace, team: Team, user_id: str, tab: str) -> None:
    """app_home_opened, for the home or the messages tab."""
    channel = workspace.app_channel(team, user_id)
    event: JsonObject = {
        "type": "app_home_opened",
        "user": user_id,
        "channel": channel.id,
        "tab": tab,
    }
    home = workspace.homes.get((team.id, user_id))
    if home is not None:
        event["view"] = view_json(workspace, home)
    send_event(workspace, team, event)


def tell_uninstalled(workspace: Workspace, team: Team, installation: Installation) -> None:
    """tokens_revoked and app_uninstalled; Slack promises no order."""
    tokens = {"oauth": [], "bot": [installation.bot_user_id]}
    send_event(workspace, team, {"type": "tokens_revoked", "tokens": tokens}, installation)
    send_event(workspace, team, {"type": "app_uninstalled"}, installation)


def tell_access(workspace: Workspace, team: Team, kind: str) -> None:
    """team_access_granted or team_access_revoked, for one team of an organisation."""
    event: JsonObject = {"type": kind, "team_ids": [team.id]}
    send_event(workspace, team, event, team.installation)


def tell_direct_message(workspace: Workspace, team: Team, event: JsonObject) -> None:
    """message.im, where the manifest asks for it."""
    if "message.im" in workspace.manifest.events:
        workspace.later(_deliver(workspace, envelope(workspace, team, event)))


def send_event(
    workspace: Workspace, team: Team, event: JsonObject, installation: Installation | None = None
) -> None:
    """Deliver an event if the manifest subscribes to it; does not wait for the app."""
    if event["type"] in workspace.manifest.events:
        workspace.later(_deliver(workspace, envelope(workspace, team, event, installation)))


def envelope(
    workspace: Workspace, team: Team, event: JsonObject, installation: Installation | None = None
) -> JsonObject:
    """An event in its callback, with an id that stays the same over re-deliveries.

    To an organisation's installation it names the team outside its authorizations alone.
    """
    told = installation or team.installation
    is_whole = told is not None and told.is_whole
    body: JsonObject = {"enterprise_id": team.enterprise_id} if team.enterprise_id else {}
    return body | {
        "token": VERIFICATION_TOKEN,
        "team_id": team.id,
        "api_app_id": workspace.settings.app_id,
        "event": {**event, "event_ts": workspace.now_ts()},
        "type": "event_callback",
        "event_id": new_id("Ev"),
        "event_time": int(workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": team.enterprise_id,
                "team_id": None if is_whole else team.id,
                "user_id": told.bot_user_id if told is not None else team.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": is_whole,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": new_id("4-"),
    }


async def _deliver(workspace: Workspace, body: JsonObject) -> None:
    url = workspace.manifest.events_url
    if url is None:
        return
    raw = json.dumps(body, ensure_ascii=False).encode()
    answer = await deliver(workspace, url, raw, JSON)
    for number, delay in enumerate(workspace.settings.event_retry_delays, start=1):
        if answer.is_ok or not answer.allows_retry:
            return
        await asyncio.sleep(delay)
        headers = {"x-slack-retry-num": str(number), "x-slack-retry-reason": answer.reason}
        answer = await deliver(workspace, url, raw, JSON, headers)
    if not answer.is_ok and answer.allows_retry:
        workspace.log.warning("the app never took the event %s", body["event"]["type"])
