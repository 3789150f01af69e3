"""chat.* and what a person sees of it, and clicks in messages."""

from __future__ import annotations

from typing import Any

from .person import Sitting, actions, button, option, plain, text_input


async def test_a_message_to_a_person_lands_in_the_apps_direct_message(slack: Sitting) -> None:
    posted = await slack.api("chat.postMessage", channel="U0MIA", text="A call ended")
    seen = await slack.look("U0MIA")
    assert posted["ok"]
    assert seen["app"]["dm"] == posted["channel"] == seen["conversation"]["id"]
    assert [one["text"] for one in seen["messages"]] == ["A call ended"]
    assert not (await slack.look("U0SAM"))["messages"]


async def test_posting_where_the_app_is_not_is_refused(slack: Sitting) -> None:
    refused = await slack.api("chat.postMessage", channel="C0GENERAL", text="Hi")
    assert refused["error"] == "not_in_channel"
    assert (await slack.api("chat.postMessage", channel="C9", text="Hi"))["error"] == (
        "channel_not_found"
    )
    # Another team's channel and person do not exist for this token.
    assert (await slack.api("chat.postMessage", channel="U0TIA", text="Hi"))["error"] == (
        "channel_not_found"
    )
    await slack.do("command", conversation="C0GENERAL", text="/invite @xpm-slack")
    assert (await slack.api("chat.postMessage", channel="C0GENERAL", text="Hi"))["ok"]


async def test_an_update_with_text_alone_drops_the_blocks(slack: Sitting) -> None:
    posted = await slack.api(
        "chat.postMessage", channel="U0SAM", text="Call", blocks=[actions(button())]
    )
    updated = await slack.api(
        "chat.update", channel=posted["channel"], ts=posted["ts"], text="Saved"
    )
    assert updated["ok"]
    [message] = (await slack.look())["messages"]
    assert (message["text"], message["blocks"], message["edited"]) == ("Saved", None, True)


async def test_only_own_messages_are_changed(slack: Sitting) -> None:
    await slack.api("chat.postMessage", channel="U0SAM", text="Call")
    await slack.do("command", conversation="app", text="hello")
    seen = await slack.look()
    place = {"channel": seen["app"]["dm"], "ts": seen["messages"][-1]["ts"]}
    assert (await slack.api("chat.update", **place, text="x"))["error"] == "cant_update_message"
    assert (await slack.api("chat.delete", **place))["error"] == "cant_delete_message"


async def test_a_deleted_message_is_not_found(slack: Sitting) -> None:
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="Call")
    place = {"channel": posted["channel"], "ts": posted["ts"]}
    assert (await slack.do("delete", **place))["ok"]
    assert (await slack.api("chat.update", **place, text="x"))["error"] == "message_not_found"


async def test_an_ephemeral_message_is_for_members_and_cannot_be_updated(
    slack: Sitting,
) -> None:
    dm = (await slack.api("conversations.open", users="U0SAM"))["channel"]["id"]
    shown = await slack.api("chat.postEphemeral", channel=dm, user="U0SAM", text="Not saved")
    assert shown["ok"]
    other = await slack.api("chat.postEphemeral", channel=dm, user="U0MIA", text="Not saved")
    assert other["error"] == "user_not_in_channel"
    again = await slack.api("chat.update", channel=dm, ts=shown["message_ts"], text="x")
    assert again["error"] == "message_not_found"
    [message] = (await slack.look())["messages"]
    assert message["ephemeral"]


async def test_four_messages_at_once_and_then_one_a_second(slack: Sitting) -> None:
    slack.clock.stop()
    headers = {"authorization": f"Bearer {slack.tokens['T0KEA']}"}
    body = {"channel": "U0SAM", "text": "Hi"}
    answers = [
        await slack.http.post("/api/chat.postMessage", json=body, headers=headers) for _ in range(5)
    ]
    assert [one.status_code for one in answers] == [200] * 4 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    slack.wait(1)
    assert (await slack.api(**{"method": "chat.postMessage", **body}))["ok"]
    other = await slack.http.post(
        "/api/chat.postMessage", json={"channel": "U0MIA", "text": "Hi"}, headers=headers
    )
    assert other.status_code == 200


async def test_text_too_long_is_refused_by_update_and_cut_by_post(slack: Sitting) -> None:
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="x" * 40_001)
    assert posted["warning"] == "message_truncated"
    assert len(posted["message"]["text"]) == 40_000
    place = {"channel": posted["channel"], "ts": posted["ts"]}
    assert (await slack.api("chat.update", **place, text="x" * 4_001))["error"] == "msg_too_long"
    assert (await slack.api("chat.update", **place, text=" "))["error"] == "no_text"


async def test_a_click_carries_message_state_and_button(slack: Sitting) -> None:
    blocks = [
        actions(
            button(value="7", style="primary"),
            {
                "type": "static_select",
                "action_id": "task",
                "options": [option("Tax", "t1"), option("Payroll", "t2")],
                "initial_option": option("Tax", "t1"),
            },
            {"type": "datepicker", "action_id": "day"},
        ),
        text_input(initial_value="Call with Ana Example"),
    ]
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="Call", blocks=blocks)
    [message] = (await slack.look())["messages"]
    answer = await slack.press(
        message,
        posted["channel"],
        "save",
        state={"row": {"task": "t2", "day": None}, "note": {"note": "Longer"}},
    )
    assert answer == {"ok": True, "status": 200}
    sent = slack.app.last
    assert sent["type"] == "block_actions"
    assert sent["user"] == {"id": "U0SAM", "username": "sam", "name": "sam", "team_id": "T0KEA"}
    assert sent["team"] == {"id": "T0KEA", "domain": "kea-accounting"}
    assert sent["channel"] == {"id": posted["channel"], "name": "directmessage"}
    assert sent["container"]["message_ts"] == posted["ts"] == sent["message"]["ts"]
    assert sent["enterprise"] is None
    [action] = sent["actions"]
    assert (action["type"], action["action_id"], action["block_id"]) == ("button", "save", "row")
    assert action["value"] == "7"
    values = sent["state"]["values"]
    assert values["row"]["task"]["selected_option"]["value"] == "t2"
    assert values["row"]["day"] == {"type": "datepicker", "selected_date": None}
    assert values["note"]["note"] == {"type": "plain_text_input", "value": "Longer"}


async def test_a_choice_carries_the_whole_option_and_stays(slack: Sitting) -> None:
    menu = {
        "type": "static_select",
        "action_id": "task",
        "options": [option("Tax", "t1"), option("Payroll", "t2")],
    }
    posted = await slack.api(
        "chat.postMessage", channel="U0SAM", text="Call", blocks=[actions(menu)]
    )
    [message] = (await slack.look())["messages"]
    await slack.press(message, posted["channel"], "task", "t2")
    [action] = slack.app.last["actions"]
    assert action["selected_option"]["text"]["text"] == "Payroll"
    # While a block of that id stays, the choice stays; a new id begins anew.
    place = {"channel": posted["channel"], "ts": posted["ts"], "text": "Call"}
    await slack.api("chat.update", **place, blocks=[actions(menu, button())])
    [message] = (await slack.look())["messages"]
    assert message["state"]["row"]["task"]["selected_option"]["value"] == "t2"
    await slack.api("chat.update", **place, blocks=[actions(menu, block_id="row2")])
    [message] = (await slack.look())["messages"]
    assert message["state"]["row2"]["task"]["selected_option"] is None


async def test_an_option_that_is_not_offered_cannot_be_chosen(slack: Sitting) -> None:
    menu = {"type": "static_select", "action_id": "task", "options": [option("Tax", "t1")]}
    posted = await slack.api(
        "chat.postMessage", channel="U0SAM", text="Call", blocks=[actions(menu)]
    )
    [message] = (await slack.look())["messages"]
    answer = await slack.press(message, posted["channel"], "task", "t9")
    assert answer["ok"] is False
    assert not slack.app.deliveries


async def test_an_input_without_dispatch_keeps_its_value_in_silence(slack: Sitting) -> None:
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="C", blocks=[text_input()])
    [message] = (await slack.look())["messages"]
    answer = await slack.press(message, posted["channel"], "note", "Hello")
    assert answer == {"ok": True, "status": None}
    assert not slack.app.deliveries
    [message] = (await slack.look())["messages"]
    assert message["state"]["note"]["note"]["value"] == "Hello"


async def test_a_late_answer_to_a_click_is_a_toast(slack: Sitting) -> None:
    slack.app.answers("block_actions", after=1)
    posted = await slack.api(
        "chat.postMessage", channel="U0SAM", text="Call", blocks=[actions(button())]
    )
    [message] = (await slack.look())["messages"]
    answer = await slack.press(message, posted["channel"], "save")
    assert answer == {"ok": False, "status": None}
    [toast] = (await slack.look())["toasts"]
    assert toast["text"] == "xpm-slack did not answer in time"
    await slack.do("dismiss", toast=toast["id"])
    assert not (await slack.look())["toasts"]


async def test_an_external_menu_asks_the_app_and_keeps_the_chosen_option(
    slack: Sitting,
) -> None:
    menu = {"type": "external_select", "action_id": "job", "min_query_length": 0}
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="C", blocks=[actions(menu)])
    groups = [{"label": plain("Kea Ltd"), "options": [option("Tax return", "j1")]}]
    slack.app.answers("options", {"option_groups": groups})
    place = {"type": "message", "channel": posted["channel"], "ts": posted["ts"]}
    ask: dict[str, Any] = {"container": place, "block_id": "row", "action_id": "job"}
    given = await slack.do("options", **ask, value="ta")
    assert slack.app.last["type"] == "block_suggestion"
    assert slack.app.last["value"] == "ta"
    assert slack.app.last["message"]["ts"] == posted["ts"]
    chosen = given["option_groups"][0]["options"][0]
    await slack.do("action", **ask, value=chosen, state={})
    [action] = slack.app.last["actions"]
    assert (action["type"], action["selected_option"]) == ("external_select", chosen)
    assert slack.app.last["state"]["values"]["row"]["job"]["selected_option"] == chosen


async def test_options_slack_would_not_take_are_an_error(slack: Sitting) -> None:
    menu = {"type": "external_select", "action_id": "job", "min_query_length": 0}
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="C", blocks=[actions(menu)])
    place = {"type": "message", "channel": posted["channel"], "ts": posted["ts"]}
    ask: dict[str, Any] = {"container": place, "block_id": "row", "action_id": "job", "value": ""}
    slack.app.answers("options", {"options": [option("x", str(n)) for n in range(101)]})
    assert (await slack.do("options", **ask))["error"] == "invalid_options"
    slack.app.answers("options", {"options": [{"text": plain("x"), "value": 7}]})
    assert (await slack.do("options", **ask))["error"] == "invalid_options"
    slack.app.answers("options", {"options": []})
    assert await slack.do("options", **ask) == {"options": []}
    slack.app.answers("options", {"options": []}, after=1)
    assert (await slack.do("options", **ask))["error"] == "http_timeout"


async def test_a_menu_waits_for_its_least_query(slack: Sitting) -> None:
    menu = {"type": "external_select", "action_id": "job"}
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="C", blocks=[actions(menu)])
    place = {"type": "message", "channel": posted["channel"], "ts": posted["ts"]}
    ask: dict[str, Any] = {"container": place, "block_id": "row", "action_id": "job", "value": "ta"}
    assert await slack.do("options", **ask) == {"options": []}
    assert not slack.app.deliveries


async def test_one_person_cannot_click_in_anothers_conversation(slack: Sitting) -> None:
    posted = await slack.api(
        "chat.postMessage", channel="U0SAM", text="Call", blocks=[actions(button())]
    )
    answer = await slack.do(
        "action",
        user="U0MIA",
        container={"type": "message", "channel": posted["channel"], "ts": posted["ts"]},
        block_id="row",
        action_id="save",
        value=None,
        state={},
    )
    assert answer == {"ok": False, "error": "channel_not_found"}
