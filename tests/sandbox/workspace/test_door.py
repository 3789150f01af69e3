"""The door: people, changes, faults, forged requests, and the page."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import httpx
import pytest

from .person import Sitting, actions, button


async def test_everybody_one_may_be_is_listed(bare: Sitting) -> None:
    people = (await bare.http.get("/client/people")).json()["people"]
    roles = {one["user_id"]: one["role"] for one in people}
    assert roles["U0SAM"] == roles["U0TIA"] == "owner"
    assert (roles["U0MIA"], roles["U0GUS"], roles["U0LEFT"]) == ("member", "guest", "left")
    assert (await bare.http.get("/client/addresses")).json() == {"practice": "http://127.0.0.1:9"}


async def test_the_apps_conversation_is_there_before_it_is_opened(slack: Sitting) -> None:
    seen = await slack.look(conversation="app")
    hint = {"command": "/xpm", "about": "XPM", "examples": [""]}
    assert seen["app"] == {
        "id": "A0XPM",
        "name": "xpm-slack",
        "installed": True,
        "dm": None,
        "commands": [hint],
    }
    assert seen["conversation"] == {"id": "app", "kind": "app", "name": "xpm-slack"}
    assert [one["kind"] for one in seen["conversations"]] == ["channel", "app"]
    assert seen["messages"] == []


async def test_a_stream_says_changed_to_those_who_see_it(slack: Sitting) -> None:
    url = f"{slack.settings.public_url}/client/changes"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, params={"team": "T0KEA", "user": "U0SAM"}) as stream,
    ):
        assert stream.content_type == "text/event-stream"
        assert (await stream.content.readline()).startswith(b":")
        await slack.api("chat.postMessage", channel="U0MIA", text="not for Sam")
        await slack.api("chat.postMessage", channel="U0SAM", text="for Sam")
        async with asyncio.timeout(2):
            while (line := await stream.content.readline()) != b"data: changed\n":
                assert line == b"\n"


async def test_the_log_of_calls_has_no_tokens(slack: Sitting) -> None:
    await slack.api("chat.postMessage", channel="U0SAM", text="Hi")
    await slack.api("stars.add")
    answer = await slack.http.get("/client/calls")
    calls = answer.json()["calls"]
    assert [(one["method"], one["ok"], one["error"]) for one in calls] == [
        ("oauth.v2.access", True, None),
        ("chat.postMessage", True, None),
        ("stars.add", False, "unknown_method"),
    ]
    assert calls[1]["channel"] == "U0SAM"
    assert slack.tokens["T0KEA"] not in answer.text


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500)])
async def test_an_ordered_fault_comes_once(slack: Sitting, kind: str, status: int) -> None:
    order = {"method": "chat.postMessage", "kind": kind, "times": 1, "seconds": 7}
    assert (await slack.http.post("/client/faults", json=order)).json() == {"ok": True}
    headers = {"authorization": f"Bearer {slack.tokens['T0KEA']}"}
    body = {"channel": "U0SAM", "text": "Hi"}
    first = await slack.http.post("/api/chat.postMessage", json=body, headers=headers)
    assert first.status_code == status
    if kind == "429":
        assert first.headers["retry-after"] == "7"
    assert (await slack.api("chat.postMessage", **body))["ok"]
    assert len((await slack.look())["messages"]) == 1


async def test_a_cut_answer_has_done_its_work(slack: Sitting) -> None:
    await slack.http.post("/client/faults", json={"method": "chat.postMessage", "kind": "cut"})
    with pytest.raises(httpx.TransportError):
        await slack.api("chat.postMessage", channel="U0SAM", text="Hi")
    assert len((await slack.look())["messages"]) == 1


async def test_a_late_answer_comes_late(slack: Sitting) -> None:
    order = {"method": "*", "kind": "late", "seconds": 0.3}
    await slack.http.post("/client/faults", json=order)
    with pytest.raises(httpx.ReadTimeout):
        await slack.http.post("/api/api.test", timeout=0.1)
    await slack.http.post("/client/faults", json=order)
    await slack.http.delete("/client/faults")
    assert (await slack.http.post("/api/auth.test", timeout=2)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": "bad"},
        {"signature": "missing"},
        {"timestamp_offset": -600},
        {"timestamp": "abc"},
    ],
)
@pytest.mark.parametrize("kind", ["command", "action", "options", "submit", "event"])
async def test_forged_requests_reach_the_app_as_forged(
    slack: Sitting, kind: str, wrong: dict[str, Any]
) -> None:
    answer = await slack.do("raw", kind=kind, **wrong)
    assert answer["status"] == 401
    assert not slack.app.deliveries[-1].is_signed


async def test_raw_requests_can_be_repeated_and_changed(slack: Sitting) -> None:
    payload = {"container": {"type": "message"}, "actions": [{"action_id": "x", "value": "9"}]}
    answer = await slack.do("raw", kind="action", payload=payload, repeat=2)
    assert answer["statuses"] == [200, 200]
    assert slack.app.last["actions"][0]["value"] == "9"
    assert slack.app.deliveries[0].raw == slack.app.deliveries[1].raw
    await slack.do("raw", kind="event", body="{}", content_type="application/json")
    assert slack.app.deliveries[-1].raw == b"{}"


async def test_a_link_to_the_app_opens_its_conversation(bare: Sitting) -> None:
    answer = await bare.http.get("/app_redirect", params={"app": "A0XPM", "team": "T0TUI"})
    assert answer.headers["location"] == "/?team=T0TUI&conversation=app"


async def test_a_permalink_opens_the_conversation(slack: Sitting) -> None:
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="Hi")
    link = await slack.api("chat.getPermalink", channel=posted["channel"], message_ts=posted["ts"])
    answer = await slack.http.get(link["permalink"])
    assert answer.headers["location"] == "/?team=T0KEA&conversation=app"


async def test_the_page_is_served_fresh(bare: Sitting) -> None:
    for path in ("/", "/page/index.html"):
        answer = await bare.http.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"


async def test_nonsense_at_the_door_is_named(slack: Sitting) -> None:
    assert (await slack.do("command", user="U9", text="x"))["error"] == "user_not_found"
    assert (await slack.do("command", team="T9", text="x"))["error"] == "team_not_found"
    assert (await slack.do("command", conversation="C9", text="x"))["error"] == (
        "channel_not_found"
    )
    assert (await slack.do("raw", kind="letter"))["error"] == "unknown_kind"
    answer = await slack.http.post("/client/command", content=b"{")
    assert answer.json() == {"ok": False, "error": "invalid_json"}


async def test_messages_of_one_team_are_not_seen_in_the_other(slack: Sitting) -> None:
    await slack.install("T0TUI:U0TIA")
    await slack.api("chat.postMessage", team="T0TUI", channel="U0TIA", text="Hi")
    posted = await slack.api(
        "chat.postMessage", channel="U0SAM", text="Hi", blocks=[actions(button())]
    )
    stolen = await slack.api(
        "chat.update", team="T0TUI", channel=posted["channel"], ts=posted["ts"], text="x"
    )
    assert stolen["error"] == "channel_not_found"
