"""What a person types: slash commands and plain messages."""

from __future__ import annotations

from sandbox.workspace.api.chat import read_content
from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.model import Channel, JsonObject, Person, Team
from sandbox.workspace.outgoing.delivery import Answer, send_form
from sandbox.workspace.outgoing.events import tell_direct_message
from sandbox.workspace.outgoing.payloads import command_fields
from sandbox.workspace.state import Workspace

# What Slackbot says: https://docs.slack.dev/interactivity/implementing-slash-commands
_FAILURES = {"http_timeout": "operation_timeout", "connection_failed": "dispatch_failed"}


async def type_text(
    workspace: Workspace, team: Team, person: Person, channel: Channel, text: str
) -> JsonObject:
    """A slash command when the text begins with "/", else a plain message."""
    if text.startswith("/"):
        return await _command(workspace, team, person, channel, text)
    if channel.kind == "app" and workspace.manifest.is_messages_tab_read_only:
        return {"ok": False, "error": "messages_tab_read_only"}
    if not text.strip():
        return {"ok": False, "error": "no_text"}
    message = workspace.say(channel, text=text, blocks=None, author=person)
    if channel.kind == "app" and team.installation is not None:
        tell_direct_message(
            workspace,
            team,
            {
                "type": "message",
                "channel_type": "im",
                "channel": channel.id,
                "user": person.id,
                "text": text,
                "ts": message.ts,
                "team": team.id,
            },
        )
    return {"ok": True}


async def _command(
    workspace: Workspace, team: Team, person: Person, channel: Channel, text: str
) -> JsonObject:
    command, _, rest = text.partition(" ")
    if command in ("/invite", "/remove"):
        # Slack's own commands: they let the app into a channel and out of it.
        change = channel.members.add if command == "/invite" else channel.members.discard
        if channel.kind == "channel" and team.installation is not None:
            change(team.bot_user_id)
            workspace.changed(team.id)
            return {"ok": True}
    url = workspace.manifest.commands.get(command)
    if url is None or team.installation is None:
        _slackbot(workspace, channel, person, f"{command} is not a valid command.")
        return {"ok": False, "error": "unknown_command"}
    fields = command_fields(workspace, team, person, channel, command, rest.strip())
    answer = await send_form(workspace, url, fields)
    return _take_answer(workspace, channel, person, command, answer)


def _take_answer(
    workspace: Workspace, channel: Channel, person: Person, command: str, answer: Answer
) -> JsonObject:
    error = None
    if not answer.is_ok:
        server_failed = answer.status is not None and answer.status >= 500
        fallback = "http_service_error" if server_failed else "dispatch_failed"
        error = _FAILURES.get(answer.reason, fallback)
    elif answer.body.strip():
        error = _say_answer(workspace, channel, person, answer)
    if error is None:
        return {"ok": True}
    _slackbot(workspace, channel, person, f"{command} failed with the error “{error}”")
    return {"ok": False, "error": error}


def _say_answer(
    workspace: Workspace, channel: Channel, person: Person, answer: Answer
) -> str | None:
    said = answer.parsed()
    if said is None:
        said = {"text": answer.body.decode("utf-8", "replace")}
    try:
        text, blocks = read_content(said.get("text"), said.get("blocks"))
    except SlackError as refused:
        workspace.refuse("a command's answer", refused.body())
        return refused.code
    hidden = None if said.get("response_type") == "in_channel" else person.id
    workspace.say(channel, text=text, blocks=blocks, ephemeral_for=hidden)
    return None


def _slackbot(workspace: Workspace, channel: Channel, person: Person, text: str) -> None:
    workspace.say(channel, text=text, blocks=None, ephemeral_for=person.id, is_slackbot=True)
