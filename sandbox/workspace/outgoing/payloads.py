"""The payloads of commands and interactions.

https://docs.slack.dev/reference/interaction-payloads
https://docs.slack.dev/interactivity/implementing-slash-commands
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

from sandbox.workspace.blockkit.values import KEYS, current_values
from sandbox.workspace.model import Channel, JsonObject, Message, Person, Team, View
from sandbox.workspace.shapes import message_json, view_json
from sandbox.workspace.state import Workspace

# Slack still sends the old verification token beside the signature; nobody should read it.
VERIFICATION_TOKEN = "sandbox-verification-token"


@dataclass(frozen=True)
class Container:
    """Where an element stands: a message in a channel, or a view."""

    channel: Channel | None = None
    message: Message | None = None
    view: View | None = None

    @property
    def blocks(self) -> list[JsonObject]:
        """The blocks of the message or view."""
        if self.view is not None:
            return self.view.blocks
        return (self.message.blocks if self.message else None) or []


def channel_name(channel: Channel) -> str:
    """What Slack calls a conversation in payloads."""
    return "directmessage" if channel.kind == "app" else channel.name


def command_fields(
    workspace: Workspace, team: Team, person: Person, channel: Channel, command: str, text: str
) -> dict[str, str]:
    """The form of a slash command, with a fresh trigger_id and response_url."""
    organisation = workspace.organisation(team)
    whole = (
        {"enterprise_id": organisation.id, "enterprise_name": organisation.name}
        if organisation
        else {}
    )
    return whole | {
        "token": VERIFICATION_TOKEN,
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": person.id,
        "user_name": person.username,
        "command": command,
        "text": text,
        "api_app_id": workspace.settings.app_id,
        "is_enterprise_install": "true" if workspace.given_whole(team) else "false",
        "response_url": workspace.new_hook(team.id, channel.id, person.id),
        "trigger_id": workspace.new_trigger(team.id, person.id),
    }


def interaction(workspace: Workspace, kind: str, team: Team, person: Person) -> JsonObject:
    """What every interaction says: who, where, which app."""
    organisation = workspace.organisation(team)
    return {
        "type": kind,
        "user": {
            "id": person.id,
            "username": person.username,
            "name": person.username,
            "team_id": team.id,
        },
        "api_app_id": workspace.settings.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": team.id, "domain": team.domain},
        "enterprise": (
            {"id": organisation.id, "name": organisation.name} if organisation else None
        ),
        "is_enterprise_install": workspace.given_whole(team) is not None,
    }


def _with_container(
    workspace: Workspace, team: Team, person: Person, container: Container, payload: JsonObject
) -> JsonObject:
    if container.view is not None:
        _without_team(workspace, team, payload)
        payload["container"] = {"type": "view", "view_id": container.view.id}
        payload["view"] = view_json(workspace, container.view)
        return payload
    channel, message = container.channel, container.message
    if channel is None or message is None:
        return payload
    is_ephemeral = message.ephemeral_for is not None
    payload["container"] = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": is_ephemeral,
    }
    payload["channel"] = {"id": channel.id, "name": channel_name(channel)}
    if not is_ephemeral:
        # Slack does not hand back the content of an ephemeral message.
        payload["message"] = message_json(workspace, team, message)
    payload["state"] = {
        "values": current_values(message.blocks, message.entered.get(person.id, {}))
    }
    return payload


def _without_team(workspace: Workspace, team: Team, payload: JsonObject) -> None:
    """Inside a view an organisation's installation may be told no team but the person's own."""
    if workspace.given_whole(team) is not None:
        payload["team"] = None


def block_actions(
    workspace: Workspace,
    team: Team,
    person: Person,
    container: Container,
    block_id: str,
    element: JsonObject,
    value: JsonObject | None,
) -> JsonObject:
    """A click, a choice or a typed value; `value` is None for buttons."""
    payload = interaction(workspace, "block_actions", team, person)
    payload["trigger_id"] = workspace.new_trigger(team.id, person.id)
    _with_container(workspace, team, person, container, payload)
    if container.channel is not None and container.message is not None:
        payload["response_url"] = workspace.new_hook(
            team.id, container.channel.id, person.id, container.message.ts
        )
    payload["actions"] = [
        {
            "type": element["type"],
            "action_id": element["action_id"],
            "block_id": block_id,
            **_action_details(element, value),
            "action_ts": workspace.now_ts(),
        }
    ]
    return payload


def _action_details(element: JsonObject, value: JsonObject | None) -> JsonObject:
    kind = element["type"]
    names = ["confirm", "placeholder"]
    if kind == "button":
        names = ["text", "value", "style", "url", "confirm"]
    elif kind in KEYS:
        names.append(KEYS[kind][1])
    details = {name: copy.deepcopy(element[name]) for name in names if name in element}
    if value is not None:
        details |= {key: one for key, one in value.items() if key != "type"}
    return details


def block_suggestion(
    workspace: Workspace,
    team: Team,
    person: Person,
    container: Container,
    block_id: str,
    action_id: str,
    value: str,
) -> JsonObject:
    """What a person has typed into an external menu so far."""
    payload = interaction(workspace, "block_suggestion", team, person)
    payload |= {"action_id": action_id, "block_id": block_id, "value": value}
    _with_container(workspace, team, person, container, payload)
    # Suggestions carry no state of a message: only views hold it, inside.
    payload.pop("state", None)
    return payload


def view_submission(workspace: Workspace, team: Team, person: Person, view: View) -> JsonObject:
    """A modal sent; there is no response_url."""
    payload = interaction(workspace, "view_submission", team, person)
    payload["trigger_id"] = workspace.new_trigger(team.id, person.id)
    _without_team(workspace, team, payload)
    payload["view"] = view_json(workspace, view)
    payload["response_urls"] = []
    return payload


def view_closed(
    workspace: Workspace, team: Team, person: Person, view: View, is_cleared: bool
) -> JsonObject:
    """A modal closed by its person; sent only with notify_on_close."""
    payload = interaction(workspace, "view_closed", team, person)
    payload["view"] = view_json(workspace, view)
    payload["is_cleared"] = is_cleared
    return payload
