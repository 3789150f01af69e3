"""chat.*: post, change and take away messages. https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from typing import Any

from sandbox.workspace.api.errors import SlackError, rate_limited
from sandbox.workspace.api.method import Asked, Method
from sandbox.workspace.blockkit.blocks import check_blocks
from sandbox.workspace.blockkit.check import Check
from sandbox.workspace.model import Channel, JsonObject, Message
from sandbox.workspace.shapes import message_json

NO_TEXT = "This content can't be displayed."
MOST_POSTED = 40_000
MOST_UPDATED = 4_000


async def post_message(asked: Asked) -> JsonObject:
    """Post as the app: at most one message a second and channel, with a burst of four."""
    channel = asked.channel()
    text, blocks = _content(asked)
    wait = asked.workspace.rates.take(("message", channel.id), 4, 1)
    if wait:
        raise rate_limited(wait)
    answer: JsonObject = {}
    if len(text) > MOST_POSTED:
        text = text[:MOST_POSTED]
        answer = {
            "warning": "message_truncated",
            "response_metadata": {"warnings": ["message_truncated"]},
        }
    message = asked.workspace.say(
        channel,
        text=text,
        blocks=blocks,
        metadata=_metadata(asked),
        thread_ts=asked.optional("thread_ts"),
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": message_json(asked.workspace, asked.team, message),
        **answer,
    }


async def update(asked: Asked) -> JsonObject:
    """Change a message of the app's own; text alone takes the blocks away."""
    channel, message = _own(asked, "cant_update_message")
    text, blocks = _content(asked)
    if len(text) > MOST_UPDATED:
        raise SlackError("msg_too_long")
    metadata = _metadata(asked)
    asked.workspace.rewrite(channel, message, text, blocks)
    if metadata is not None:
        message.metadata = metadata
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": message_json(asked.workspace, asked.team, message),
    }


async def delete(asked: Asked) -> JsonObject:
    """Take away a message of the app's own."""
    channel, message = _own(asked, "cant_delete_message")
    asked.workspace.erase(channel, message)
    return {"channel": channel.id, "ts": message.ts}


async def post_ephemeral(asked: Asked) -> JsonObject:
    """Show a message to one member; its ts is of no use to chat.update."""
    user_id = asked.required("user")
    channel = asked.channel()
    person = asked.team.people.get(user_id)
    if person is None or person.is_deleted or user_id not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = _content(asked)
    if len(text) > MOST_POSTED:
        raise SlackError("msg_too_long")
    message = asked.workspace.say(channel, text=text, blocks=blocks, ephemeral_for=user_id)
    return {"message_ts": message.ts}


async def get_permalink(asked: Asked) -> JsonObject:
    """The address of a message that everybody in the channel sees."""
    channel = asked.team.channels.get(asked.required("channel"))
    if channel is None:
        raise SlackError("channel_not_found")
    ts = asked.required("message_ts")
    if channel.message(ts) is None:
        raise SlackError("message_not_found")
    place = f"{channel.id}/p{ts.replace('.', '')}"
    link = f"{asked.workspace.settings.public_url}/archives/{place}"
    return {"channel": channel.id, "permalink": link}


def _own(asked: Asked, error: str) -> tuple[Channel, Message]:
    channel = asked.channel()
    message = channel.message(asked.required("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if message.author_id != asked.team.bot_user_id:
        raise SlackError(error)
    return channel, message


def _content(asked: Asked) -> tuple[str, list[JsonObject] | None]:
    return read_content(
        asked.arguments.get("text"), asked.decoded("blocks", "invalid_blocks_format")
    )


def read_content(text: Any, blocks: Any) -> tuple[str, list[JsonObject] | None]:
    """Text and blocks of a message; raises no_text, invalid_blocks with what is wrong."""
    if text is not None and not isinstance(text, str):
        text = str(text)
    if blocks in (None, []):
        if not (text or "").strip():
            raise SlackError("no_text")
        return text or "", None
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    check = Check()
    check_blocks(check, blocks, "/blocks", "message")
    if check.problems:
        raise SlackError("invalid_blocks", messages=check.problems)
    return text or NO_TEXT, blocks


def _metadata(asked: Asked) -> JsonObject | None:
    metadata = asked.decoded("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    if (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("event_type"), str)
        or not isinstance(metadata.get("event_payload"), dict)
    ):
        raise SlackError("invalid_metadata_schema")
    return metadata


CHAT = {
    "chat.postMessage": Method(post_message, ("chat:write",), None),
    "chat.update": Method(update, ("chat:write",), 3),
    "chat.delete": Method(delete, ("chat:write",), 3),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",), 4),
    "chat.getPermalink": Method(get_permalink, (), None),
}
