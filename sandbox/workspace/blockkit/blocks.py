"""Which blocks Slack takes in a message, a modal or a home tab, and how it completes them.

Limits: https://docs.slack.dev/reference/block-kit/blocks and slack_sdk's models.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

from sandbox.workspace.blockkit.check import ANY_TEXT, Check
from sandbox.workspace.blockkit.elements import (
    IN_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    check_element,
)

Place: TypeAlias = Literal["message", "modal", "home"]

MOST_BLOCKS: dict[Place, int] = {"message": 50, "modal": 100, "home": 100}

# type -> (required fields, optional fields), `type` and `block_id` left out.
SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "section": (set(), {"text", "fields", "accessory", "expand"}),
    "divider": (set(), set()),
    "header": ({"text"}, set()),
    "context": ({"elements"}, set()),
    "actions": ({"elements"}, set()),
    "input": ({"label", "element"}, {"hint", "optional", "dispatch_action"}),
    "image": ({"alt_text"}, {"image_url", "slack_file", "title"}),
    "rich_text": ({"elements"}, set()),
    "markdown": ({"text"}, set()),
    "video": (
        {"alt_text", "title", "thumbnail_url", "video_url"},
        {"author_name", "description", "provider_icon_url", "provider_name", "title_url"},
    ),
}
_MESSAGES_ONLY = {"markdown"}
_RICH_PARTS = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")


def check_blocks(check: Check, blocks: Any, at: str, place: Place) -> None:
    """All blocks of a message or view, ids unique, limits kept."""
    if not check.a_list(blocks, at, 0, MOST_BLOCKS[place]):
        return
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        here = f"{at}/{index}"
        if not check.an_object(block, here):
            continue
        _check_block(check, block, here, place)
        block_id = block.get("block_id")
        if isinstance(block_id, str):
            if block_id in seen:
                check.wrong(f"{here}/block_id", f'`block_id` "{block_id}" already exists')
            seen.add(block_id)
    _check_unique_actions(check, blocks, at)


def _check_block(check: Check, block: dict[str, Any], at: str, place: Place) -> None:
    kind = block.get("type")
    if (
        not isinstance(kind, str)
        or kind not in SHAPES
        or (kind in _MESSAGES_ONLY and place != "message")
    ):
        check.wrong(f"{at}/type", f"unsupported type: {kind}")
        return
    required, optional = SHAPES[kind]
    check.keys(block, at, required | {"type"}, optional | {"block_id"})
    if "block_id" in block:
        check.string(block["block_id"], f"{at}/block_id", 255)
    if kind == "section":
        _check_section(check, block, at)
    elif kind == "header" and "text" in block:
        check.text(block["text"], f"{at}/text", 150)
    elif kind == "context":
        _check_context(check, block.get("elements"), f"{at}/elements")
    elif kind == "actions":
        elements = block.get("elements")
        if check.a_list(elements, f"{at}/elements", 1, 25) and isinstance(elements, list):
            for index, element in enumerate(elements):
                check_element(check, element, f"{at}/elements/{index}", IN_ACTIONS)
    elif kind == "input":
        _check_input(check, block, at)
    elif kind == "image":
        _check_image(check, block, at)
    elif kind == "markdown":
        check.string(block.get("text"), f"{at}/text", 12000, least=1)
    elif kind == "rich_text":
        elements = block.get("elements")
        if check.a_list(elements, f"{at}/elements", 0, 100) and isinstance(elements, list):
            for index, part in enumerate(elements):
                if not isinstance(part, dict) or part.get("type") not in _RICH_PARTS:
                    check.wrong(f"{at}/elements/{index}/type", "unsupported type")


def _check_section(check: Check, block: dict[str, Any], at: str) -> None:
    if "text" not in block and "fields" not in block:
        check.wrong(at, "must provide one of text, fields")
    if "text" in block:
        check.text(block["text"], f"{at}/text", 3000, ANY_TEXT)
    if "fields" in block and check.a_list(block["fields"], f"{at}/fields", 1, 10):
        for index, one in enumerate(block["fields"]):
            check.text(one, f"{at}/fields/{index}", 2000, ANY_TEXT)
    if "accessory" in block:
        check_element(check, block["accessory"], f"{at}/accessory", IN_SECTION)
    if "expand" in block:
        check.boolean(block["expand"], f"{at}/expand")


def _check_context(check: Check, elements: Any, at: str) -> None:
    if not check.a_list(elements, at, 1, 10):
        return
    for index, element in enumerate(elements):
        here = f"{at}/{index}"
        if isinstance(element, dict) and element.get("type") == "image":
            check_element(check, element, here, {"image"})
        else:
            check.text(element, here, 3000, ANY_TEXT)


def _check_input(check: Check, block: dict[str, Any], at: str) -> None:
    for name in ("label", "hint"):
        if name in block:
            check.text(block[name], f"{at}/{name}", 2000)
    for name in ("optional", "dispatch_action"):
        if name in block:
            check.boolean(block[name], f"{at}/{name}")
    if "element" in block:
        check_element(check, block["element"], f"{at}/element", IN_INPUT)


def _check_image(check: Check, block: dict[str, Any], at: str) -> None:
    if ("image_url" in block) == ("slack_file" in block):
        check.wrong(at, "must provide one of image_url, slack_file")
    if "image_url" in block:
        check.url(block["image_url"], f"{at}/image_url")
    if "alt_text" in block:
        check.string(block["alt_text"], f"{at}/alt_text", 2000, least=1)
    if "title" in block:
        check.text(block["title"], f"{at}/title", 2000)


def elements_of(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The interactive elements of one block, in order; malformed parts are passed over."""
    kind = block.get("type")
    if kind == "section":
        found = [block.get("accessory")]
    elif kind == "input":
        found = [block.get("element")]
    elif kind == "actions":
        elements = block.get("elements")
        found = elements if isinstance(elements, list) else []
    else:
        found = []
    for element in found:
        if isinstance(element, dict) and element.get("type") != "image":
            yield element


def _check_unique_actions(check: Check, blocks: list[Any], at: str) -> None:
    focused = 0
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            continue
        seen: set[str] = set()
        for element in elements_of(block):
            action_id = element.get("action_id")
            focused += element.get("focus_on_load") is True
            if not isinstance(action_id, str):
                continue
            if action_id in seen:
                check.wrong(
                    f"{at}/{index}",
                    f'`action_id` "{action_id}" already exists for '
                    f'`block_id` "{block.get("block_id", "")}"',
                )
            seen.add(action_id)
    if focused > 1:
        check.wrong(at, "only one element can have focus_on_load set to true")


def complete_blocks(
    blocks: list[dict[str, Any]], new_id: Callable[[], str]
) -> list[dict[str, Any]]:
    """A copy with what Slack adds: block ids, action ids, `emoji` and `verbatim`."""
    completed = copy.deepcopy(blocks)
    for block in completed:
        if not block.get("block_id"):
            block["block_id"] = new_id()
        for element in elements_of(block):
            if not element.get("action_id"):
                element["action_id"] = new_id()
        complete_texts(block)
    return completed


def complete_texts(value: Any) -> None:
    """Add, in place, the defaults Slack writes into every text object."""
    if isinstance(value, list):
        for one in value:
            complete_texts(one)
    elif isinstance(value, dict):
        if value.get("type") == "plain_text" and isinstance(value.get("text"), str):
            value.setdefault("emoji", True)
        elif value.get("type") == "mrkdwn" and isinstance(value.get("text"), str):
            value.setdefault("verbatim", False)
        for one in value.values():
            complete_texts(one)
