"""Block Kit in few words, cut to Slack's limits: https://docs.slack.dev/reference/block-kit"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Block = dict[str, Any]
Element = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """Blocks with the same in plain text."""

    text: str
    blocks: list[Block]


def escape(text: str) -> str:
    """Text in mrkdwn: Slack reads & < > as its own (https://docs.slack.dev/messaging/formatting-message-text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int) -> str:
    """The text, or its beginning with an ellipsis, in at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def quoted(words: str) -> str:
    """A vendor's words in quotes, on one line, at most 300 characters, safe in mrkdwn."""
    return f"“{escape(cut(' '.join(words.split()), 300))}”"


def plain(text: str, limit: int = 75) -> Element:
    """A plain text object."""
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}


def section(mrkdwn: str, **more: Any) -> Block:
    """A paragraph."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(mrkdwn, 3000)}, **more}


def context(*mrkdwn: str) -> Block:
    """Small print."""
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": cut(one, 2000)} for one in mrkdwn[:10]],
    }


def actions(block_id: str, *buttons: Element) -> Block:
    """A row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(buttons)}


def button(
    text: str, action_id: str, value: str = "-", *, style: str | None = None, url: str | None = None
) -> Element:
    """A button that says what it does; `style` is primary or danger."""
    element: Element = {
        "type": "button",
        "text": plain(text),
        "action_id": action_id,
        "value": value,
    }
    if style is not None:
        element["style"] = style
    if url is not None:
        element["url"] = url
    return element


def option(text: str, value: str) -> Element:
    """An option of a menu; text and value hold 75 characters."""
    return {"text": plain(text), "value": cut(value, 75)}


def text_input(
    block_id: str,
    action_id: str,
    label: str,
    value: str,
    *,
    multiline: bool = False,
    most: int = 3000,
    optional: bool = False,
) -> Block:
    """A field to type in; Slack marks it when it is optional."""
    element: Element = {
        "type": "plain_text_input",
        "action_id": action_id,
        "multiline": multiline,
        "max_length": most,
    }
    if value:
        element["initial_value"] = value[:most]
    return {
        "type": "input",
        "block_id": block_id,
        "optional": optional,
        "label": plain(label),
        "element": element,
    }


def zone(name: str) -> dt.tzinfo:
    """A person's time zone; UTC when Slack names one we do not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # OSError: the name of a folder of zones, such as "Europe".
        return dt.UTC


def day(date: dt.date, today: dt.date) -> str:
    """A date as people say it: today, yesterday, Mon 23 Nov, or with the year when it is another one."""
    if date == today:
        return "today"
    if date == today - dt.timedelta(days=1):
        return "yesterday"
    spoken = f"{date:%a} {date.day} {date:%b}"
    return spoken if date.year == today.year else f"{spoken} {date.year}"


def beginning(words: str) -> str:
    """Words as a sentence begins; a month's name keeps its own capital."""
    return words[:1].upper() + words[1:]


def moment(at: dt.datetime, time_zone: str, now: dt.datetime) -> str:
    """A moment in a person's time zone: today 14:05."""
    local = at.astimezone(zone(time_zone))
    return f"{day(local.date(), now.astimezone(zone(time_zone)).date())} {local:%H:%M}"


def duration(minutes: int) -> str:
    """Minutes as people say them: 12 min, 1 h 48 min, 2 h."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def several(count: int, noun: str) -> str:
    """A count with its noun: 1 job, 1,200 jobs."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Words as a list: a, b and c."""
    return (
        words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
    )
