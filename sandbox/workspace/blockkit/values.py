"""What the inputs of a message or view hold: `state.values` as Slack sends it."""

from __future__ import annotations

import copy
import re
from typing import Any

from sandbox.workspace.blockkit.blocks import complete_texts, elements_of
from sandbox.workspace.blockkit.elements import options_of
from sandbox.workspace.model import Entered, JsonObject

# type -> (key of the value, key of the initial value)
KEYS: dict[str, tuple[str, str]] = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "file_input": ("files", "initial_files"),
}
_OPTION_KEYS = {"selected_option", "selected_options"}


class BadValueError(ValueError):
    """A page sent something that this element cannot hold."""


def find_element(blocks: list[JsonObject], block_id: str, action_id: str) -> JsonObject | None:
    """The element with these ids, or None."""
    for block in blocks:
        if block.get("block_id") == block_id:
            for element in elements_of(block):
                if element.get("action_id") == action_id:
                    return element
    return None


def find_block(blocks: list[JsonObject], block_id: str) -> JsonObject | None:
    """The block with this id, or None."""
    return next((block for block in blocks if block.get("block_id") == block_id), None)


def current_values(blocks: list[JsonObject] | None, entered: Entered) -> Entered:
    """`state.values`: what was entered, else what was filled in; null when empty."""
    values: Entered = {}
    for block in blocks or []:
        for element in elements_of(block):
            if element["type"] not in KEYS:
                continue
            block_id, action_id = block["block_id"], element["action_id"]
            held = entered.get(block_id, {}).get(action_id)
            if held is None or held["type"] != element["type"]:
                held = _initial(element)
            values.setdefault(block_id, {})[action_id] = copy.deepcopy(held)
    return values


def keep_entered(entered: Entered, blocks: list[JsonObject] | None) -> Entered:
    """What stays after new blocks came: values whose block, action and type are still there."""
    kept: Entered = {}
    for block in blocks or []:
        for element in elements_of(block):
            held = entered.get(block["block_id"], {}).get(element["action_id"])
            if held is not None and held["type"] == element["type"]:
                kept.setdefault(block["block_id"], {})[element["action_id"]] = held
    return kept


def _initial(element: JsonObject) -> JsonObject:
    key, initial = KEYS[element["type"]]
    empty: Any = [] if key.endswith("s") and key != "rich_text_value" else None
    value = element.get(initial, empty)
    if key == "value" and value == "":
        value = None
    return {"type": element["type"], key: value}


def value_of(element: JsonObject, raw: Any) -> JsonObject:
    """The value object for what a page sent: a string, an option object, a list or null.

    Raises BadValueError for an option the element does not offer.
    """
    kind = element["type"]
    if kind == "overflow":
        return {"type": kind, "selected_option": _option(element, raw)}
    if kind not in KEYS:
        raise BadValueError(f"{kind} holds no value")
    key, _ = KEYS[kind]
    if key == "selected_options":
        given = raw if isinstance(raw, list) else ([] if raw is None else [raw])
        return {"type": kind, key: [_option(element, one) for one in given]}
    if key == "selected_option":
        return {"type": kind, key: None if raw in (None, "") else _option(element, raw)}
    if raw == "":
        raw = None
    if key == "value" and raw is not None and not isinstance(raw, str):
        raise BadValueError("a typed value is a string")
    return {"type": kind, key: raw}


def _option(element: JsonObject, raw: Any) -> JsonObject:
    if isinstance(raw, dict):
        option = copy.deepcopy(raw)
        complete_texts(option)
        if element["type"].endswith("external_select"):
            return option
        raw = option.get("value")
    known = [*options_of(element), element.get("initial_option") or {}]
    for option in known:
        if option.get("value") == raw:
            return copy.deepcopy(option)
    raise BadValueError("no such option")


def entered_from(blocks: list[JsonObject], entered: Entered, raw_state: Any) -> Entered:
    """What is entered after a page reported all its inputs; ids it does not know are passed over.

    A value equal to the one already standing keeps the standing object.
    """
    after = copy.deepcopy(entered)
    if not isinstance(raw_state, dict):
        return after
    for block_id, actions in raw_state.items():
        if not isinstance(actions, dict):
            continue
        for action_id, raw in actions.items():
            element = find_element(blocks, block_id, action_id)
            if element is None or element["type"] not in KEYS:
                continue
            # A page may hand back the value object it was given.
            key, _ = KEYS[element["type"]]
            if isinstance(raw, dict) and raw.get("type") == element["type"] and key in raw:
                raw = raw[key]
            if isinstance(raw, str) and element["type"] == "external_select" and raw:
                standing = after.get(block_id, {}).get(action_id) or _initial(element)
                option = standing.get("selected_option")
                if option is not None and option.get("value") == raw:
                    continue
            after.setdefault(block_id, {})[action_id] = value_of(element, raw)
    return after


def input_errors(blocks: list[JsonObject], values: Entered) -> dict[str, str]:
    """What Slack's own client refuses before an app is asked: block_id -> sentence."""
    errors: dict[str, str] = {}
    for block in blocks:
        if block.get("type") != "input":
            continue
        element = block["element"]
        held = values[block["block_id"]][element["action_id"]]
        value = held[KEYS[element["type"]][0]]
        problem = _problem(element, value, bool(block.get("optional")))
        if problem:
            errors[block["block_id"]] = problem
    return errors


def _problem(element: JsonObject, value: Any, is_optional: bool) -> str | None:
    if value in (None, "", []):
        return None if is_optional else "Please complete this required field."
    if element["type"] == "number_input":
        return _number_problem(element, value)
    if element["type"] == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        return "Please enter a valid email address."
    if element["type"] == "url_text_input" and not re.match(r"https?://\S+", value):
        return "Please enter a valid URL."
    if element["type"] == "plain_text_input":
        if len(value) > element.get("max_length", 3000):
            return f"Please enter at most {element.get('max_length', 3000)} characters."
        if len(value) < element.get("min_length", 0):
            return f"Please enter at least {element['min_length']} characters."
    return None


def _number_problem(element: JsonObject, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "Please enter a number."
    if not element["is_decimal_allowed"] and not number.is_integer():
        return "Please enter a whole number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Please enter a number no less than {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Please enter a number no more than {element['max_value']}."
    return None


__all__ = [
    "KEYS",
    "BadValueError",
    "current_values",
    "entered_from",
    "find_block",
    "find_element",
    "input_errors",
    "keep_entered",
    "value_of",
]
