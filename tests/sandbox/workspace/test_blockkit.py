"""What Slack takes and refuses in blocks, and what inputs hold."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.workspace.blockkit.blocks import Place, check_blocks, complete_blocks
from sandbox.workspace.blockkit.check import Check
from sandbox.workspace.blockkit.values import (
    BadValueError,
    current_values,
    entered_from,
    input_errors,
    keep_entered,
    value_of,
)

from .person import actions, button, option, plain, text_input

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "element", "block_id", "options", "value"])
            | st.text(max_size=3),
            inner | st.sampled_from(["section", "actions", "input", "button", "static_select"]),
            max_size=4,
        )
    ),
    max_leaves=15,
)


def problems(blocks: Any, place: Place = "message") -> list[str]:
    """What is wrong with blocks."""
    check = Check()
    check_blocks(check, blocks, "/blocks", place)
    return check.problems


def section(text: str = "Hi", **more: Any) -> dict[str, Any]:
    """A section with markup."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def select(*options: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A menu with its own options."""
    return {"type": "static_select", "action_id": "s", "options": list(options), **more}


GOOD = [
    section(),
    section(accessory=button()),
    {"type": "section", "fields": [plain("a"), plain("b")]},
    {"type": "divider"},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}]},
    {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "A"},
    actions(button(style="danger", url="https://example.com")),
    actions(select(option("a", "1"), initial_option=option("a", "1"))),
    actions({"type": "external_select", "action_id": "j", "min_query_length": 0}),
    actions({"type": "overflow", "action_id": "o", "options": [option("Edit", "e")]}),
    actions({"type": "datepicker", "action_id": "d", "initial_date": "2026-11-23"}),
    text_input(max_length=3000, multiline=True),
    actions(
        {
            "type": "checkboxes",
            "action_id": "c",
            "options": [option("a", "1")],
            "initial_options": [option("a", "1")],
        }
    ),
    {
        "type": "input",
        "label": plain("Minutes"),
        "hint": plain("Whole minutes"),
        "element": {
            "type": "number_input",
            "action_id": "n",
            "is_decimal_allowed": False,
            "min_value": "1",
            "initial_value": "12",
        },
    },
    {"type": "markdown", "text": "# Hi"},
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: str(block["type"]))
def test_good_blocks_pass(block: dict[str, Any]) -> None:
    assert problems([block]) == []


BAD = [
    ({"type": "nonsense"}, "unsupported type: nonsense"),
    (section("x" * 3001), "must be less than 3001 characters"),
    (section(""), "must be more than 0 characters"),
    ({"type": "section"}, "must provide one of text, fields"),
    ({"type": "section", "fields": [plain("a")] * 11}, "no more than 10 items"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "must be one of: plain_text"),
    (section(colour="red"), "invalid additional property: colour"),
    (section(block_id="x" * 256), "must be less than 256"),
    (section(accessory={"type": "plain_text_input"}), "unsupported type: plain_text_input"),
    (actions(), "must provide at least 1 items"),
    (actions(*[button(f"b{n}") for n in range(26)]), "no more than 25 items"),
    (actions(button(text="x" * 76)), "must be less than 76"),
    (actions(button(value="x" * 2001)), "must be less than 2001"),
    (actions(button(style="green")), "must be one of: primary, danger"),
    (actions(button(url="javascript:alert(1)")), "must be a valid URL"),
    (actions(button("same"), button("same")), "already exists"),
    (actions(select()), "must provide at least 1 items"),
    (actions(select(*[option("a", str(n)) for n in range(101)])), "no more than 100 items"),
    (actions(select(option("x" * 76, "1"))), "must be less than 76"),
    (actions(select(option("x", "1" * 151))), "must be less than 151"),
    (actions(select({"text": plain("x"), "value": 7})), "must be a string"),
    (
        actions(select(option("a", "1"), initial_option=option("b", "2"))),
        "initial_option must match",
    ),
    (
        actions(select(option("a", "1"), option_groups=[])),
        "must provide one of options, option_groups",
    ),
    (actions({"type": "datepicker", "initial_date": "23/11/2026"}), "YYYY-MM-DD"),
    (text_input(max_length=3001), "must be between 1 and 3000"),
    (text_input(initial_value="xx", max_length=1), "must be less than 2"),
    ({"type": "input", "label": plain("L")}, "missing required field: element"),
    ({"type": "image", "alt_text": "A"}, "must provide one of image_url, slack_file"),
    ({"type": "image", "image_url": "ftp://x", "alt_text": "A"}, "must be a valid URL"),
    ({"type": "context", "elements": [plain("x")] * 11}, "no more than 10 items"),
    (
        actions(button(confirm={"title": plain("x"), "text": plain("y"), "confirm": plain("z")})),
        "missing required field: deny",
    ),
]


@pytest.mark.parametrize(("block", "why"), BAD, ids=[why for _, why in BAD])
def test_bad_blocks_are_refused_with_the_reason(block: dict[str, Any], why: str) -> None:
    assert why in str(problems([block]))


def test_a_message_has_fifty_blocks_and_a_view_a_hundred() -> None:
    blocks = [{"type": "divider"} for _ in range(51)]
    assert problems(blocks)
    assert not problems(blocks, "modal")
    assert problems(blocks * 2, "modal")


def test_block_ids_are_unique() -> None:
    assert "already exists" in str(problems([section(block_id="a"), section(block_id="a")]))


def test_two_elements_cannot_both_have_the_focus() -> None:
    blocks = [text_input("a", focus_on_load=True), text_input("b", focus_on_load=True)]
    assert "focus_on_load" in str(problems(blocks, "modal"))


@given(JSON)
def test_no_nonsense_breaks_the_check(blocks: Any) -> None:
    check = Check()
    check_blocks(check, [blocks], "/blocks", "message")
    check_blocks(check, blocks, "/blocks", "modal")


@st.composite
def spoiled_blocks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Good blocks with one part, anywhere, replaced by nonsense."""
    blocks = copy.deepcopy(draw(st.lists(st.sampled_from(GOOD), min_size=1, max_size=3)))
    place: Any = blocks
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
            place[key] = draw(JSON)
            return blocks
        place = place[key]


@given(spoiled_blocks())
def test_spoiled_blocks_are_refused_or_can_be_used(blocks: list[dict[str, Any]]) -> None:
    if not problems(blocks, "modal"):
        completed = complete_blocks(blocks, lambda: "id1")
        values = current_values(completed, {})
        assert keep_entered(values, completed) == values


def test_slack_fills_in_ids_and_text_defaults() -> None:
    [block] = complete_blocks([{"type": "actions", "elements": [button("", "x")]}], lambda: "id1")
    assert block["block_id"] == "id1"
    assert block["elements"][0]["action_id"] == "id1"
    assert block["elements"][0]["text"]["emoji"] is True


def test_initial_values_count_and_emptied_ones_are_null() -> None:
    blocks = [text_input(initial_value="Call with Ana Example")]
    assert current_values(blocks, {})["note"]["note"]["value"] == "Call with Ana Example"
    entered = entered_from(blocks, {}, {"note": {"note": ""}})
    assert current_values(blocks, entered)["note"]["note"]["value"] is None


def test_a_value_stays_with_its_block_action_and_type() -> None:
    entered = entered_from([text_input()], {}, {"note": {"note": "x"}, "gone": {"a": "y"}})
    assert keep_entered(entered, [text_input()]) == entered
    assert keep_entered(entered, [text_input("other")]) == {}
    number = text_input()
    number["element"] = {"type": "number_input", "action_id": "note", "is_decimal_allowed": False}
    assert keep_entered(entered, [number]) == {}


def test_a_value_object_from_the_page_is_the_same_as_its_value() -> None:
    menu = actions(select(option("a", "1")))
    held = value_of(menu["elements"][0], "1")
    assert entered_from([menu], {}, {"row": {"s": held}}) == {"row": {"s": held}}


def test_only_offered_options_are_held() -> None:
    with pytest.raises(BadValueError):
        value_of(select(option("a", "1")), "2")
    with pytest.raises(BadValueError):
        value_of({"type": "external_select", "action_id": "j"}, "j1")


@pytest.mark.parametrize(
    ("element", "value", "complaint"),
    [
        ({"type": "plain_text_input", "max_length": 3}, "long", "at most 3"),
        ({"type": "plain_text_input", "min_length": 3}, "x", "at least 3"),
        ({"type": "number_input", "is_decimal_allowed": False}, "1.5", "whole number"),
        ({"type": "number_input", "is_decimal_allowed": True}, "x", "a number"),
        (
            {"type": "number_input", "is_decimal_allowed": True, "min_value": "1"},
            "0",
            "no less than 1",
        ),
        (
            {"type": "number_input", "is_decimal_allowed": True, "max_value": "9"},
            "10",
            "no more than 9",
        ),
        ({"type": "email_text_input"}, "sam", "email"),
        ({"type": "url_text_input"}, "sam", "URL"),
        ({"type": "datepicker"}, None, "required"),
    ],
)
def test_slacks_own_client_refuses_first(
    element: dict[str, Any], value: str | None, complaint: str
) -> None:
    block = {"type": "input", "block_id": "b", "element": element | {"action_id": "a"}}
    entered = entered_from([block], {}, {"b": {"a": value}})
    errors = input_errors([block], current_values([block], entered))
    assert complaint in errors["b"]
