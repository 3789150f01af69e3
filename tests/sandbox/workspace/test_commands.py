"""Slash commands: how they go out and what becomes of the answer."""

from __future__ import annotations

from .person import Sitting, actions, button, plain


async def test_a_command_reaches_the_app_signed_and_in_slacks_shape(slack: Sitting) -> None:
    assert await slack.do("command", conversation="C0GENERAL", text="/xpm connect now") == {
        "ok": True
    }
    [delivery] = slack.app.deliveries
    assert delivery.is_signed
    assert delivery.headers["content-type"] == "application/x-www-form-urlencoded"
    form = delivery.content
    assert (form["command"], form["text"]) == ("/xpm", "connect now")
    assert (form["team_id"], form["user_id"]) == ("T0KEA", "U0SAM")
    assert (form["channel_id"], form["channel_name"]) == ("C0GENERAL", "general")
    assert (form["team_domain"], form["user_name"]) == ("kea-accounting", "sam")
    assert (form["api_app_id"], form["is_enterprise_install"]) == ("A0XPM", "false")
    assert form["trigger_id"]
    assert form["response_url"].startswith(slack.settings.public_url)


async def test_in_the_apps_own_conversation_the_channel_is_a_direct_message(
    slack: Sitting,
) -> None:
    await slack.do("command", conversation="app", text="/xpm")
    assert slack.app.last["channel_name"] == "directmessage"
    assert slack.app.last["channel_id"] == (await slack.look())["app"]["dm"]


async def test_an_answer_with_blocks_is_shown_to_the_asker_alone(slack: Sitting) -> None:
    slack.app.answers("command", {"text": "Hello", "blocks": [actions(button())]})
    await slack.do("command", conversation="C0GENERAL", text="/xpm")
    [message] = (await slack.look(conversation="C0GENERAL"))["messages"]
    assert (message["ephemeral"], message["is_app"], message["text"]) == (True, True, "Hello")
    assert not (await slack.look("U0MIA", conversation="C0GENERAL"))["messages"]


async def test_an_answer_in_channel_is_seen_by_everybody(slack: Sitting) -> None:
    slack.app.answers("command", {"text": "Hello", "response_type": "in_channel"})
    await slack.do("command", conversation="C0GENERAL", text="/xpm")
    [message] = (await slack.look("U0MIA", conversation="C0GENERAL"))["messages"]
    assert message["text"] == "Hello"


async def test_a_late_answer_is_dropped_and_slackbot_says_operation_timeout(
    slack: Sitting,
) -> None:
    slack.app.answers("command", {"text": "Hello"}, after=1)
    answer = await slack.do("command", conversation="app", text="/xpm")
    assert answer == {"ok": False, "error": "operation_timeout"}
    [message] = (await slack.look())["messages"]
    assert message["text"] == "/xpm failed with the error “operation_timeout”"
    assert message["author"] == "Slackbot"
    assert message["ephemeral"]


async def test_a_refusing_app_is_named_dispatch_failed(slack: Sitting) -> None:
    slack.app.answers("command", status=404)
    answer = await slack.do("command", conversation="app", text="/xpm")
    assert answer["error"] == "dispatch_failed"


async def test_a_failing_app_is_named_http_service_error(slack: Sitting) -> None:
    slack.app.answers("command", status=500)
    answer = await slack.do("command", conversation="app", text="/xpm")
    assert answer["error"] == "http_service_error"


async def test_an_answer_with_bad_blocks_is_refused_loudly(slack: Sitting) -> None:
    slack.app.answers("command", {"blocks": [{"type": "nonsense"}]})
    answer = await slack.do("command", conversation="app", text="/xpm")
    assert answer["error"] == "invalid_blocks"
    refusals = (await slack.http.get("/client/calls")).json()["refusals"]
    assert "nonsense" in str(refusals)


async def test_an_unknown_command_never_leaves_slack(slack: Sitting) -> None:
    assert (await slack.do("command", text="/other x"))["error"] == "unknown_command"
    assert not slack.app.deliveries


async def test_without_the_app_there_is_no_command(bare: Sitting) -> None:
    assert (await bare.do("command", text="/xpm"))["error"] == "unknown_command"
    assert not bare.app.deliveries


async def test_who_has_left_cannot_type(slack: Sitting) -> None:
    answer = await slack.do("command", user="U0LEFT", text="/xpm")
    assert answer == {"ok": False, "error": "account_inactive"}


async def test_plain_text_is_a_message(slack: Sitting) -> None:
    await slack.do("command", conversation="C0GENERAL", text="Good morning")
    [message] = (await slack.look("U0MIA", conversation="C0GENERAL"))["messages"]
    assert (message["author"], message["is_app"]) == ("Sam Rivers", False)
    row = (await slack.look("U0TOM"))["conversations"][0]
    assert (row["id"], row["unread"]) == ("C0GENERAL", 1)
    await slack.look("U0TOM", conversation="C0GENERAL")
    assert (await slack.look("U0TOM"))["conversations"][0]["unread"] == 0


async def test_a_response_url_replaces_the_message_it_belongs_to(slack: Sitting) -> None:
    slack.app.answers("command", {"text": "Sure?", "blocks": [actions(button())]})
    await slack.do("command", conversation="C0GENERAL", text="/xpm")
    [message] = (await slack.look(conversation="C0GENERAL"))["messages"]
    await slack.press(message, "C0GENERAL", "save")
    url = slack.app.last["response_url"]
    assert "message" not in slack.app.last
    assert slack.app.last["container"]["is_ephemeral"] is True
    said = await slack.http.post(url, json={"text": "Done", "replace_original": True})
    assert said.text == "ok"
    [message] = (await slack.look(conversation="C0GENERAL"))["messages"]
    assert (message["text"], message["blocks"]) == ("Done", None)
    await slack.http.post(url, json={"delete_original": True})
    assert not (await slack.look(conversation="C0GENERAL"))["messages"]


async def test_a_response_url_works_five_times(slack: Sitting) -> None:
    await slack.do("command", conversation="C0GENERAL", text="/xpm")
    url = slack.app.last["response_url"]
    statuses = [(await slack.http.post(url, json={"text": "Hi"})).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [404]


async def test_a_response_url_lives_thirty_minutes(slack: Sitting) -> None:
    await slack.do("command", conversation="C0GENERAL", text="/xpm")
    slack.wait(1801)
    answer = await slack.http.post(slack.app.last["response_url"], json={"text": "Hi"})
    assert answer.json()["error"] == "expired_url"


async def test_a_response_url_refuses_what_slack_refuses(slack: Sitting) -> None:
    await slack.do("command", conversation="C0GENERAL", text="/xpm")
    url = slack.app.last["response_url"]
    header = {"type": "header", "text": plain("x" * 151)}
    answer = await slack.http.post(url, json={"blocks": [header]})
    assert answer.json()["error"] == "invalid_blocks"
    assert (await slack.http.post(url, json={})).json()["error"] == "no_text"
    assert (await slack.http.post(url, content=b"[")).status_code == 400
