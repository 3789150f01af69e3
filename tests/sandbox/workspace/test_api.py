"""Corners of the Web API: bodies, limits, hashes and ids."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from sandbox.workspace.rates import Rates

from .loopback import Delivery
from .person import Sitting, modal


def test_a_bucket_says_how_long_to_wait() -> None:
    now = [0.0]
    rates = Rates(lambda: now[0], is_on=True)
    assert [rates.take_tier("apps.uninstall", 1) for _ in range(2)] == [0, 60]
    now[0] = 30
    assert rates.take_tier("apps.uninstall", 1) == 30
    now[0] = 60
    assert rates.take_tier("apps.uninstall", 1) == 0
    assert Rates(lambda: 0, is_on=False).take("x", 0, 1) == 0


async def test_malformed_bodies_are_named(slack: Sitting) -> None:
    headers = {
        "authorization": f"Bearer {slack.tokens['T0KEA']}",
        "content-type": "application/json",
    }
    for body, error in ((b"{", "invalid_json"), (b"[]", "json_not_object")):
        answer = await slack.http.post("/api/api.test", content=body, headers=headers)
        assert answer.json() == {"ok": False, "error": error}
    posted = await slack.http.post(
        "/api/chat.postMessage",
        data={"channel": "U0SAM", "blocks": "[{"},
        headers={"authorization": headers["authorization"]},
    )
    assert posted.json()["error"] == "invalid_blocks_format"


async def test_refused_blocks_are_told_with_their_places(slack: Sitting) -> None:
    blocks = [{"type": "header", "text": {"type": "plain_text", "text": ""}}]
    answer = await slack.api("chat.postMessage", channel="U0SAM", text="x", blocks=blocks)
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be more than 0 characters [json-pointer:/blocks/0/text/text]"
    ]


async def test_an_external_id_is_unique_and_finds_its_view(slack: Sitting) -> None:
    async def opened(user: str) -> dict[str, object]:
        await slack.do("command", user=user, conversation="app", text="/xpm")
        trigger_id = slack.app.last["trigger_id"]
        return await slack.api("views.open", trigger_id=trigger_id, view=modal(external_id="e1"))

    assert (await opened("U0SAM"))["ok"]
    assert (await opened("U0MIA"))["error"] == "duplicate_external_id"
    updated = await slack.api("views.update", external_id="e1", view=modal(external_id="e1"))
    assert updated["ok"]
    assert (await slack.api("views.update", view=modal()))["error"] == "invalid_arguments"


async def test_conversations_open_answers_for_each_kind_of_person(slack: Sitting) -> None:
    first = await slack.api("conversations.open", users="U0MIA", return_im=True)
    again = await slack.api("conversations.open", users="U0MIA")
    assert first["channel"]["user"] == "U0MIA"
    assert (first["already_open"], again["already_open"]) == (False, True)
    by_id = await slack.api("conversations.open", channel=first["channel"]["id"])
    assert by_id["channel"]["id"] == first["channel"]["id"]
    for users, error in (
        ("U0LEFT", "user_disabled"),
        ("U0TIA", "user_not_found"),
        ("", "users_list_not_supplied"),
        ("U0MIA,U0TOM", "missing_scope"),
    ):
        assert (await slack.api("conversations.open", users=users))["error"] == error


async def test_the_header_no_retry_ends_redelivery(slack: Sitting) -> None:
    async def refuse(_: Delivery) -> Response:
        return Response(status_code=500, headers={"x-slack-no-retry": "1"})

    slack.app.replies["events"] = refuse
    await slack.do("home", tab="home")
    await asyncio.sleep(0.2)
    assert len(slack.app.deliveries) == 1


async def test_a_message_keeps_its_metadata(slack: Sitting) -> None:
    metadata = {"event_type": "call", "event_payload": {"id": "7"}}
    posted = await slack.api("chat.postMessage", channel="U0SAM", text="Call", metadata=metadata)
    assert posted["message"]["metadata"] == metadata
    wrong = await slack.api("chat.postMessage", channel="U0SAM", text="Call", metadata={"x": 1})
    assert wrong["error"] == "invalid_metadata_schema"
