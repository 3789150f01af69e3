"""Modals: triggers, the stack, submissions, and what stays when things fail."""

from __future__ import annotations

from typing import Any

import pytest

from .person import Sitting, actions, button, modal, option, plain, text_input


async def trigger(slack: Sitting, user: str = "U0SAM") -> str:
    """A fresh trigger_id from a command."""
    await slack.do("command", user=user, conversation="C0GENERAL", text="/xpm")
    return str(slack.app.last["trigger_id"])


async def opened(slack: Sitting, view: dict[str, Any] | None = None) -> dict[str, Any]:
    """A modal opened by a command, as the API answers it."""
    answer = await slack.api("views.open", trigger_id=await trigger(slack), view=view or modal())
    assert answer["ok"], answer
    opened_view: dict[str, Any] = answer["view"]
    return opened_view


async def test_a_command_opens_a_modal_once(slack: Sitting) -> None:
    trigger_id = await trigger(slack)
    answer = await slack.api("views.open", trigger_id=trigger_id, view=modal())
    assert answer["view"]["callback_id"] == "job_id"
    assert answer["view"]["state"]["values"] == {
        "note": {"note": {"type": "plain_text_input", "value": None}}
    }
    again = await slack.api("views.open", trigger_id=trigger_id, view=modal())
    assert again["error"] == "exchanged_trigger_id"
    [shown] = (await slack.look())["modals"]
    assert shown["id"] == answer["view"]["id"]
    assert not (await slack.look("U0MIA"))["modals"]


async def test_a_trigger_lives_three_seconds(slack: Sitting) -> None:
    trigger_id = await trigger(slack)
    slack.wait(3.1)
    answer = await slack.api("views.open", trigger_id=trigger_id, view=modal())
    assert answer["error"] == "expired_trigger_id"


async def test_an_invented_trigger_is_invalid(slack: Sitting) -> None:
    answer = await slack.api("views.open", trigger_id="1.2.x", view=modal())
    assert answer["error"] == "invalid_trigger_id"


async def test_another_teams_trigger_is_invalid(slack: Sitting) -> None:
    await slack.install("T0TUI:U0TIA")
    trigger_id = await trigger(slack)
    answer = await slack.api("views.open", team="T0TUI", trigger_id=trigger_id, view=modal())
    assert answer["error"] == "invalid_trigger_id"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": plain("x" * 25)}, "/view/title/text"),
        ({"submit": None}, "/view/submit"),
        ({"submit": plain("x" * 25)}, "/view/submit/text"),
        ({"private_metadata": "x" * 3001}, "/view/private_metadata"),
        ({"callback_id": "x" * 256}, "/view/callback_id"),
        ({"blocks": [{"type": "divider"}] * 101}, "/view/blocks"),
        ({"colour": "red"}, "/view"),
        ({"type": "dialog"}, "/view/type"),
    ],
)
async def test_a_view_beyond_a_limit_is_refused(
    slack: Sitting, change: dict[str, Any], pointer: str
) -> None:
    trigger_id = await trigger(slack)
    answer = await slack.api("views.open", trigger_id=trigger_id, view=modal() | change)
    assert answer["error"] == "invalid_arguments"
    assert f"[json-pointer:{pointer}]" in str(answer["response_metadata"]["messages"])


async def test_a_huge_view_is_too_large(slack: Sitting) -> None:
    sections = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}} for _ in range(90)
    ]
    trigger_id = await trigger(slack)
    answer = await slack.api("views.open", trigger_id=trigger_id, view=modal(*sections))
    assert answer["error"] == "view_too_large"


async def test_three_modals_are_the_most(slack: Sitting) -> None:
    ask = actions(button("more", "More"))
    view = await opened(slack, modal(ask))
    results = []
    for _ in range(3):
        await slack.do(
            "action",
            container={"type": "view", "view_id": view["id"]},
            block_id="row",
            action_id="more",
            value=None,
            state={},
        )
        assert slack.app.last["container"] == {"type": "view", "view_id": view["id"]}
        trigger_id = slack.app.last["trigger_id"]
        results.append(await slack.api("views.push", trigger_id=trigger_id, view=modal(ask)))
        view = results[-1].get("view", view)
    assert [one["ok"] for one in results] == [True, True, False]
    assert results[-1]["error"] == "push_limit_reached"
    stack = (await slack.look())["modals"]
    assert stack[1]["view"]["previous_view_id"] == stack[0]["id"]
    assert {one["view"]["root_view_id"] for one in stack} == {stack[0]["id"]}


async def test_an_update_needs_the_newest_hash(slack: Sitting) -> None:
    view = await opened(slack)
    place = {"view_id": view["id"], "hash": view["hash"]}
    assert (await slack.api("views.update", **place, view=modal()))["ok"]
    stale = await slack.api("views.update", **place, view=modal())
    assert stale["error"] == "hash_conflict"


async def test_a_closed_modal_is_not_found(slack: Sitting) -> None:
    view = await opened(slack)
    await slack.do("close", view_id=view["id"])
    answer = await slack.api("views.update", view_id=view["id"], view=modal())
    assert answer["error"] == "not_found"


async def test_what_is_typed_survives_an_update(slack: Sitting) -> None:
    view = await opened(slack, modal(text_input(), actions(button())))
    await slack.do(
        "action",
        container={"type": "view", "view_id": view["id"]},
        block_id="row",
        action_id="save",
        value=None,
        state={"note": {"note": "J000123"}},
    )
    assert slack.app.last["view"]["state"]["values"]["note"]["note"]["value"] == "J000123"
    assert "response_url" not in slack.app.last
    updated = await slack.api(
        "views.update", view_id=view["id"], view=modal(text_input(), text_input("other"))
    )
    values = updated["view"]["state"]["values"]
    assert values["note"]["note"]["value"] == "J000123"
    assert values["other"]["note"]["value"] is None


async def test_a_submission_carries_the_values_and_an_empty_answer_closes(
    slack: Sitting,
) -> None:
    view = await opened(slack, modal(private_metadata="call-7"))
    answer = await slack.do("submit", view_id=view["id"], state={"note": {"note": "J000123"}})
    assert answer["ok"]
    sent = slack.app.last
    assert sent["type"] == "view_submission"
    assert sent["view"]["private_metadata"] == "call-7"
    assert sent["view"]["state"]["values"]["note"]["note"]["value"] == "J000123"
    assert sent["response_urls"] == []
    assert not (await slack.look())["modals"]


async def test_errors_stand_under_their_fields_and_nothing_is_lost(slack: Sitting) -> None:
    errors = {"note": "No job J000999 in Kea Accounting."}
    slack.app.answers("view_submission", {"response_action": "errors", "errors": errors})
    view = await opened(slack)
    answer = await slack.do("submit", view_id=view["id"], state={"note": {"note": "J000999"}})
    assert answer["errors"] == errors
    [shown] = (await slack.look())["modals"]
    assert shown["errors"] == errors
    assert shown["state"]["note"]["note"]["value"] == "J000999"
    assert shown["busy"] is False


async def test_errors_at_no_input_block_are_trouble(slack: Sitting) -> None:
    slack.app.answers("view_submission", {"response_action": "errors", "errors": {"no": "x"}})
    view = await opened(slack)
    answer = await slack.do("submit", view_id=view["id"], state={"note": {"note": "x"}})
    assert answer["error"] == "invalid_errors"
    assert "trouble" in (await slack.look())["toasts"][0]["text"]


async def test_an_answer_can_update_push_and_clear(slack: Sitting) -> None:
    view = await opened(slack)
    ask: dict[str, Any] = {"view_id": view["id"], "state": {"note": {"note": "x"}}}
    changed = modal(callback_id="second")
    slack.app.answers("view_submission", {"response_action": "update", "view": changed})
    assert (await slack.do("submit", **ask))["ok"]
    [shown] = (await slack.look())["modals"]
    assert (shown["id"], shown["view"]["callback_id"]) == (view["id"], "second")
    slack.app.answers("view_submission", {"response_action": "push", "view": modal()})
    assert (await slack.do("submit", **ask))["ok"]
    assert len((await slack.look())["modals"]) == 2
    slack.app.answers("view_submission", {"response_action": "clear"})
    top = (await slack.look())["modals"][-1]["id"]
    assert (await slack.do("submit", **ask | {"view_id": top}))["ok"]
    assert not (await slack.look())["modals"]


async def test_a_late_answer_keeps_the_modal_and_its_values(slack: Sitting) -> None:
    slack.app.answers("view_submission", after=1)
    view = await opened(slack)
    answer = await slack.do("submit", view_id=view["id"], state={"note": {"note": "J1"}})
    assert answer == {"ok": False, "status": None}
    seen = await slack.look()
    assert seen["modals"][0]["state"]["note"]["note"]["value"] == "J1"
    assert seen["toasts"][0]["text"] == "xpm-slack did not answer in time"


async def test_a_required_field_left_empty_never_leaves_slack(slack: Sitting) -> None:
    view = await opened(slack)
    sent = len(slack.app.deliveries)
    answer = await slack.do("submit", view_id=view["id"], state={"note": {"note": ""}})
    assert answer["errors"] == {"note": "Please complete this required field."}
    assert len(slack.app.deliveries) == sent


async def test_a_close_is_told_only_where_it_was_asked_for(slack: Sitting) -> None:
    silent = await opened(slack)
    sent = len(slack.app.deliveries)
    await slack.do("close", view_id=silent["id"])
    assert len(slack.app.deliveries) == sent
    told = await opened(slack, modal(notify_on_close=True))
    await slack.do("close", view_id=told["id"])
    assert (slack.app.last["type"], slack.app.last["is_cleared"]) == ("view_closed", False)
    assert slack.app.last["view"]["id"] == told["id"]


async def test_a_menu_in_a_modal_asks_with_the_view(slack: Sitting) -> None:
    menu = {"type": "external_select", "action_id": "job", "min_query_length": 0}
    block = {"type": "input", "block_id": "job", "label": plain("Job"), "element": menu}
    view = await opened(slack, modal(block))
    slack.app.answers("options", {"options": [option("Tax", "j1")]})
    ask: dict[str, Any] = {"container": {"type": "view", "view_id": view["id"]}, "block_id": "job"}
    given = await slack.do("options", **ask, action_id="job", value="")
    assert slack.app.last["view"]["id"] == view["id"]
    await slack.do("submit", view_id=view["id"], state={"job": {"job": given["options"][0]}})
    held = slack.app.last["view"]["state"]["values"]["job"]["job"]
    assert held["selected_option"]["value"] == "j1"


async def test_anothers_modal_cannot_be_submitted(slack: Sitting) -> None:
    view = await opened(slack)
    answer = await slack.do("submit", user="U0MIA", view_id=view["id"], state={})
    assert answer == {"ok": False, "error": "view_not_found"}


async def test_the_home_tab_is_published_and_clicked(slack: Sitting) -> None:
    home = {"type": "home", "blocks": [actions(button("connect", "Connect"))]}
    published = await slack.api("views.publish", user_id="U0SAM", view=home)
    seen = await slack.look()
    assert seen["home"]["id"] == published["view"]["id"]
    await slack.do(
        "action",
        container={"type": "view", "view_id": seen["home"]["id"]},
        block_id="row",
        action_id="connect",
        value=None,
        state={},
    )
    assert slack.app.last["view"]["type"] == "home"
    again = await slack.api("views.publish", user_id="U0SAM", view=home, hash="0.old")
    assert again["error"] == "hash_conflict"
    assert (await slack.look("U0MIA"))["home"] is None
