"""How a message, a view, a person and a team look in JSON, the same wherever Slack shows them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sandbox.workspace.blockkit.values import current_values
from sandbox.workspace.model import JsonObject, Message, Person, Team, View
from sandbox.workspace.state import Workspace


def message_json(workspace: Workspace, team: Team, message: Message) -> JsonObject:
    """A message as chat.postMessage answers it and block_actions carries it."""
    shape: JsonObject = {
        "type": "message",
        "user": message.author_id,
        "ts": message.ts,
        "text": message.text,
        "team": team.id,
    }
    if message.is_app:
        shape |= {
            "bot_id": team.bot_id,
            "app_id": workspace.settings.app_id,
            "bot_profile": {
                "id": team.bot_id,
                "app_id": workspace.settings.app_id,
                "name": workspace.manifest.bot_name,
                "deleted": False,
                "team_id": team.id,
            },
        }
    if message.blocks is not None:
        shape["blocks"] = message.blocks
    if message.metadata is not None:
        shape["metadata"] = message.metadata
    if message.thread_ts is not None:
        shape["thread_ts"] = message.thread_ts
    if message.is_edited:
        shape["edited"] = {"user": message.author_id, "ts": message.ts}
    return shape


def view_json(workspace: Workspace, view: View) -> JsonObject:
    """A view as views.* answers it and interactions carry it.

    https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
    """
    body = view.body
    team = workspace.teams[view.team_id]
    return {
        "id": view.id,
        "team_id": view.team_id,
        "type": body["type"],
        "blocks": body["blocks"],
        "private_metadata": body.get("private_metadata") or "",
        "callback_id": body.get("callback_id") or "",
        "state": {"values": current_values(view.blocks, view.entered)},
        "hash": view.hash,
        "title": body.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
        "clear_on_close": bool(body.get("clear_on_close", False)),
        "notify_on_close": bool(body.get("notify_on_close", False)),
        "close": body.get("close"),
        "submit": body.get("submit"),
        "previous_view_id": view.previous_id,
        "root_view_id": view.root_id,
        "app_id": workspace.settings.app_id,
        "external_id": body.get("external_id") or "",
        "app_installed_team_id": (
            team.enterprise_id if workspace.given_whole(team) is not None else view.team_id
        ),
        "bot_id": team.bot_id,
    }


def person_json(person: Person, *, has_email: bool, enterprise_id: str | None = None) -> JsonObject:
    """A user as users.info answers it; the e-mail only with users:read.email."""
    profile: JsonObject = {
        "real_name": person.name,
        "real_name_normalized": person.name,
        "display_name": person.username,
        "display_name_normalized": person.username,
        "first_name": person.name.split()[0],
        "last_name": person.name.split()[-1],
        "team": person.team_id,
    }
    if has_email:
        profile["email"] = person.email
    shape: JsonObject = {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.username,
        "deleted": person.is_deleted,
        "profile": profile,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "updated": 1_760_000_000,
    }
    if enterprise_id is not None:
        teams = [person.team_id]
        shape["enterprise_user"] = {"id": person.id, "enterprise_id": enterprise_id, "teams": teams}
    if person.is_deleted:
        return shape
    offset = datetime.now(ZoneInfo(person.tz)).utcoffset()
    return shape | {
        "real_name": person.name,
        "tz": person.tz,
        "tz_label": person.tz.rsplit("/", 1)[-1],
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "is_admin": person.is_admin,
        "is_owner": person.is_owner,
        "is_primary_owner": person.is_owner,
        "is_restricted": person.is_guest,
        "is_ultra_restricted": False,
        "is_email_confirmed": True,
        "who_can_share_contact_card": "EVERYONE",
    }
