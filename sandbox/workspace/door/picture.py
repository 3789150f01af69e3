"""What one person sees, as the page draws it."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.workspace.blockkit.values import current_values
from sandbox.workspace.model import Channel, JsonObject, Message, Person, Team
from sandbox.workspace.shapes import view_json
from sandbox.workspace.state import Workspace


def people_picture(workspace: Workspace) -> JsonObject:
    """Everybody one may be."""
    return {
        "people": [
            {
                "team_id": team.id,
                "team_name": team.name,
                "user_id": person.id,
                "name": person.name,
                "email": person.email,
                "role": person.role,
            }
            for team in workspace.teams.values()
            for person in team.people.values()
        ]
    }


def state_picture(
    workspace: Workspace, team: Team, person: Person, conversation: str
) -> JsonObject:
    """The sidebar, one conversation, the home tab, open modals and toasts of a person.

    Looking at a conversation marks it read. `app` names the app's direct message, whether or
    not it has been opened yet.
    """
    dm = team.app_channels.get(person.id)
    here = (
        team.channels.get(dm or "") if conversation == "app" else _open(team, person, conversation)
    )
    shown = _messages(here, person)
    if here is not None and shown:
        here.read_until[person.id] = shown[-1].ts
    home = workspace.homes.get((team.id, person.id))
    return {
        "team": {"id": team.id, "name": team.name},
        "me": {"id": person.id, "name": person.name, "tz": person.tz},
        "app": {
            "id": workspace.settings.app_id,
            "name": workspace.manifest.bot_name,
            "installed": team.installation is not None,
            "dm": dm,
            "commands": _commands(workspace) if team.installation is not None else [],
        },
        "conversations": _conversations(workspace, team, person),
        "conversation": _conversation(workspace, here, conversation),
        "messages": [_message(message, person) for message in shown],
        "home": view_json(workspace, home) if home else None,
        "modals": [
            {
                "id": view.id,
                "view": view_json(workspace, view),
                "errors": view.errors,
                "busy": view.is_busy,
                "state": current_values(view.blocks, view.entered),
            }
            for view in workspace.stack(team.id, person.id)
        ],
        "toasts": [
            {"id": toast.id, "text": toast.text}
            for toast in workspace.toasts
            if (toast.team_id, toast.user_id) == (team.id, person.id)
        ],
    }


def _commands(workspace: Workspace) -> list[JsonObject]:
    return [
        {"command": hint.command, "about": hint.about, "examples": list(hint.examples)}
        for hint in workspace.manifest.hints
    ]


def _open(team: Team, person: Person, conversation: str) -> Channel | None:
    channel = team.channels.get(conversation)
    return channel if channel is not None and person.id in channel.members else None


def _messages(channel: Channel | None, person: Person) -> list[Message]:
    if channel is None:
        return []
    return [message for message in channel.messages if message.is_visible_to(person.id)]


def _conversations(workspace: Workspace, team: Team, person: Person) -> list[JsonObject]:
    rows = [
        {"id": one.id, "kind": "channel", "name": one.name, "unread": _unread(one, person)}
        for one in team.channels.values()
        if one.kind == "channel" and person.id in one.members
    ]
    dm = team.channels.get(team.app_channels.get(person.id, ""))
    if dm is not None or team.installation is not None:
        unread = _unread(dm, person) if dm is not None else 0
        name = workspace.manifest.bot_name
        rows.append({"id": dm.id if dm else "app", "kind": "app", "name": name, "unread": unread})
    return rows


def _conversation(
    workspace: Workspace, here: Channel | None, conversation: str
) -> JsonObject | None:
    if here is not None:
        return {"id": here.id, "kind": here.kind, "name": here.name}
    if conversation == "app":
        return {"id": "app", "kind": "app", "name": workspace.manifest.bot_name}
    return None


def _unread(channel: Channel, person: Person) -> int:
    until = channel.read_until.get(person.id, "")
    return sum(
        1
        for message in channel.messages
        if message.is_visible_to(person.id)
        and message.author_id != person.id
        and message.ts > until
    )


def _message(message: Message, person: Person) -> JsonObject:
    return {
        "ts": message.ts,
        "time": datetime.fromtimestamp(float(message.ts), UTC).isoformat(),
        "author": message.author_name,
        "is_app": message.is_app,
        "text": message.text,
        "blocks": message.blocks,
        "ephemeral": message.ephemeral_for is not None,
        "edited": message.is_edited,
        "state": current_values(message.blocks, message.entered.get(person.id, {})),
    }
