"""Which block elements Slack takes, and within which limits.

Limits: https://docs.slack.dev/reference/block-kit/block-elements and slack_sdk's models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.workspace.blockkit.check import ANY_TEXT, PLAIN, Check

_SELECT = {"action_id", "confirm", "focus_on_load", "placeholder"}
_MULTI = _SELECT | {"max_selected_items"}
_TYPED = {"action_id", "dispatch_action_config", "focus_on_load", "initial_value", "placeholder"}
_LISTS = {"options", "option_groups"}

# type -> (required fields, optional fields), `type` itself left out.
SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "button": (
        {"text"},
        {"action_id", "url", "value", "style", "confirm", "accessibility_label"},
    ),
    "static_select": (set(), _SELECT | _LISTS | {"initial_option"}),
    "external_select": (set(), _SELECT | {"initial_option", "min_query_length"}),
    "users_select": (set(), _SELECT | {"initial_user"}),
    "conversations_select": (
        set(),
        _SELECT
        | {
            "initial_conversation",
            "default_to_current_conversation",
            "response_url_enabled",
            "filter",
        },
    ),
    "channels_select": (set(), _SELECT | {"initial_channel", "response_url_enabled"}),
    "multi_static_select": (set(), _MULTI | _LISTS | {"initial_options"}),
    "multi_external_select": (set(), _MULTI | {"initial_options", "min_query_length"}),
    "multi_users_select": (set(), _MULTI | {"initial_users"}),
    "multi_conversations_select": (
        set(),
        _MULTI | {"initial_conversations", "default_to_current_conversation", "filter"},
    ),
    "multi_channels_select": (set(), _MULTI | {"initial_channels"}),
    "overflow": ({"options"}, {"action_id", "confirm"}),
    "radio_buttons": ({"options"}, {"action_id", "confirm", "focus_on_load", "initial_option"}),
    "checkboxes": ({"options"}, {"action_id", "confirm", "focus_on_load", "initial_options"}),
    "datepicker": (set(), _SELECT | {"initial_date"}),
    "timepicker": (set(), _SELECT | {"initial_time", "timezone"}),
    "datetimepicker": (set(), {"action_id", "confirm", "focus_on_load", "initial_date_time"}),
    "plain_text_input": (set(), _TYPED | {"multiline", "min_length", "max_length"}),
    "email_text_input": (set(), _TYPED),
    "url_text_input": (set(), _TYPED),
    "number_input": ({"is_decimal_allowed"}, _TYPED | {"min_value", "max_value"}),
    "rich_text_input": (set(), _TYPED),
    "file_input": (set(), {"action_id", "filetypes", "max_files"}),
    "image": ({"alt_text"}, {"image_url", "slack_file"}),
}

_MENUS = {
    "static_select",
    "external_select",
    "users_select",
    "conversations_select",
    "channels_select",
    "multi_static_select",
    "multi_external_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
}
_PICKERS = {"datepicker", "timepicker", "checkboxes", "radio_buttons"}
IN_SECTION = _MENUS | _PICKERS | {"button", "overflow", "image"}
IN_ACTIONS = _MENUS | _PICKERS | {"button", "overflow", "datetimepicker"}
IN_INPUT = (
    _MENUS
    | _PICKERS
    | {
        "datetimepicker",
        "plain_text_input",
        "email_text_input",
        "url_text_input",
        "number_input",
        "rich_text_input",
        "file_input",
    }
)

_FEW_OPTIONS = {"overflow": 5, "radio_buttons": 10, "checkboxes": 10}


def check_element(check: Check, element: Any, at: str, allowed: set[str]) -> None:
    """One element in its place: a known type that may stand there, with its limits."""
    if not check.an_object(element, at):
        return
    kind = element.get("type")
    if not isinstance(kind, str) or kind not in SHAPES or kind not in allowed:
        check.wrong(f"{at}/type", f"unsupported type: {kind}")
        return
    required, optional = SHAPES[kind]
    check.keys(element, at, required | {"type"}, optional)
    for name, value in element.items():
        judge = _FIELDS.get(name)
        if judge is not None:
            judge(check, value, f"{at}/{name}")
    _check_lists(check, element, kind, at)
    _check_typed(check, element, kind, at)
    if kind == "image" and ("image_url" in element) == ("slack_file" in element):
        check.wrong(at, "must provide one of image_url, slack_file")


def check_option(check: Check, option: Any, at: str, owner: str = "static_select") -> None:
    """One option: text 75, value 150 and a string, description 75.

    https://docs.slack.dev/reference/block-kit/composition-objects/option-object
    """
    if not check.an_object(option, at):
        return
    has_markup = owner in {"radio_buttons", "checkboxes"}
    extra = {"description"} | ({"url"} if owner == "overflow" else set())
    check.keys(option, at, {"text", "value"}, extra)
    kinds = ANY_TEXT if has_markup else PLAIN
    if "text" in option:
        check.text(option["text"], f"{at}/text", 75, kinds)
    if "value" in option:
        check.string(option["value"], f"{at}/value", 150, least=1)
    if "description" in option:
        check.text(option["description"], f"{at}/description", 75, kinds)
    if "url" in option:
        check.url(option["url"], f"{at}/url")


def check_options(check: Check, options: Any, at: str, owner: str = "static_select") -> None:
    """A list of 1 to 100 options (fewer for some elements)."""
    if check.a_list(options, at, 1, _FEW_OPTIONS.get(owner, 100)):
        for index, option in enumerate(options):
            check_option(check, option, f"{at}/{index}", owner)


def check_option_groups(check: Check, groups: Any, at: str, least: int = 1) -> None:
    """A list of 1 to 100 groups, each with a label of 75 and 1 to 100 options."""
    if not check.a_list(groups, at, 1, 100):
        return
    for index, group in enumerate(groups):
        here = f"{at}/{index}"
        if not check.an_object(group, here):
            continue
        check.keys(group, here, {"label", "options"}, set())
        if "label" in group:
            check.text(group["label"], f"{here}/label", 75)
        if group.get("options") or least:
            check_options(check, group.get("options"), f"{here}/options")


def _check_lists(check: Check, element: dict[str, Any], kind: str, at: str) -> None:
    if kind in {"static_select", "multi_static_select"}:
        if ("options" in element) == ("option_groups" in element):
            check.wrong(at, "must provide one of options, option_groups")
        if "option_groups" in element:
            check_option_groups(check, element["option_groups"], f"{at}/option_groups")
    if "options" in element and "options" in SHAPES[kind][0] | SHAPES[kind][1]:
        check_options(check, element["options"], f"{at}/options", kind)
    if check.problems:
        return
    chosen = [element["initial_option"]] if "initial_option" in element else []
    if "initial_options" in element:
        most = _FEW_OPTIONS.get(kind, 100)
        if not check.a_list(element["initial_options"], f"{at}/initial_options", 1, most):
            return
        chosen += element["initial_options"]
    for option in chosen:
        check_option(check, option, f"{at}/initial_option", kind)
        if not check.problems and not kind.endswith("external_select"):
            known = [_sense(one) for one in options_of(element)]
            if _sense(option) not in known:
                check.wrong(f"{at}/initial_option", "initial_option must match an option")


def options_of(element: dict[str, Any]) -> list[dict[str, Any]]:
    """All options an element carries itself, groups flattened."""
    options: list[dict[str, Any]] = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options += group["options"]
    return options


def _sense(option: dict[str, Any]) -> tuple[str, str]:
    return option["value"], option["text"]["text"]


def _check_typed(check: Check, element: dict[str, Any], kind: str, at: str) -> None:
    initial = element.get("initial_value")
    if kind == "plain_text_input" and isinstance(initial, str):
        most = element.get("max_length", 3000)
        if isinstance(most, int):
            check.string(initial, f"{at}/initial_value", most)
    if kind == "number_input" and isinstance(initial, str):
        _check_number(check, initial, f"{at}/initial_value")


def _check_number(check: Check, value: Any, at: str) -> None:
    if check.string(value, at, 100, 1):
        try:
            float(value)
        except ValueError:
            check.wrong(at, "must be a number")


def _check_confirm(check: Check, value: Any, at: str) -> None:
    """https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object"""
    if not check.an_object(value, at):
        return
    check.keys(value, at, {"title", "text", "confirm", "deny"}, {"style"})
    for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        if name in value:
            check.text(value[name], f"{at}/{name}", most, ANY_TEXT if name == "text" else PLAIN)
    if "style" in value:
        check.one_of(value["style"], f"{at}/style", ("primary", "danger"))


def _check_dispatch(check: Check, value: Any, at: str) -> None:
    if not check.an_object(value, at):
        return
    check.keys(value, at, {"trigger_actions_on"}, set())
    words = value.get("trigger_actions_on")
    if check.a_list(words, f"{at}/trigger_actions_on", 1, 2) and isinstance(words, list):
        for word in words:
            check.one_of(word, at, ("on_enter_pressed", "on_character_entered"))


def _check_rich(check: Check, value: Any, at: str) -> None:
    if not isinstance(value, dict):
        check.string(value, at, 3000)


_Judge = Callable[[Check, Any, str], object]
_FIELDS: dict[str, _Judge] = {
    "action_id": lambda c, v, at: c.string(v, at, 255, 1),
    "text": lambda c, v, at: c.text(v, at, 75),
    "url": lambda c, v, at: c.url(v, at),
    "value": lambda c, v, at: c.string(v, at, 2000),
    "style": lambda c, v, at: c.one_of(v, at, ("primary", "danger")),
    "accessibility_label": lambda c, v, at: c.string(v, at, 75),
    "placeholder": lambda c, v, at: c.text(v, at, 150),
    "confirm": _check_confirm,
    "dispatch_action_config": _check_dispatch,
    "focus_on_load": lambda c, v, at: c.boolean(v, at),
    "multiline": lambda c, v, at: c.boolean(v, at),
    "is_decimal_allowed": lambda c, v, at: c.boolean(v, at),
    "min_query_length": lambda c, v, at: c.number(v, at, 0, 75),
    "min_length": lambda c, v, at: c.number(v, at, 0, 3000),
    "max_length": lambda c, v, at: c.number(v, at, 1, 3000),
    "max_selected_items": lambda c, v, at: c.number(v, at, 1, 100),
    "initial_value": _check_rich,
    "min_value": _check_number,
    "max_value": _check_number,
    "initial_date": lambda c, v, at: c.matches(v, at, r"\d{4}-\d{2}-\d{2}", "YYYY-MM-DD"),
    "initial_time": lambda c, v, at: c.matches(v, at, r"\d{2}:\d{2}", "HH:mm"),
    "initial_date_time": lambda c, v, at: c.number(v, at, 10**9, 10**10 - 1),
    "alt_text": lambda c, v, at: c.string(v, at, 2000, 1),
    "image_url": lambda c, v, at: c.url(v, at),
}
