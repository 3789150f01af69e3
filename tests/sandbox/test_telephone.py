"""The pretend telephone, heard by a small server that checks signatures as an app would."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.phones import KINDS
from sandbox.telephone import NotACallError, TelephoneSettings, create_telephone, read_call

SECRET = "whsec_" + base64.b64encode(b"a secret for tests, 32 bytes long").decode()
NOW = datetime(2026, 11, 23, 1, 17, tzinfo=UTC)


class Ear:
    """An app that accepts well-signed events and keeps them."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.ids: list[str] = []
        self.app = Starlette(routes=[Route("/calls/standard/c1", self.hear, methods=["POST"])])

    async def hear(self, request: Request) -> Response:
        body = await request.body()
        try:
            event = Webhook(SECRET).verify(body, dict(request.headers))
        except (WebhookVerificationError, ValueError):
            return Response("no", 401)
        self.heard.append(event)
        self.ids.append(request.headers["webhook-id"])
        return Response("heard", 202)


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """Serve an app on a free port of this computer; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn offers no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


@pytest.fixture
async def ear() -> Ear:
    return Ear()


@pytest.fixture
async def telephone(ear: Ear) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a telephone that knows where the app is."""
    async with served(ear.app) as app:
        settings = TelephoneSettings(url=f"{app}/calls/standard/c1", secret=SECRET)
        async with (
            served(create_telephone(settings)) as address,
            httpx.AsyncClient(base_url=address) as client,
        ):
            yield client


async def test_an_ended_call_arrives_signed_with_its_three_times(
    telephone: httpx.AsyncClient, ear: Ear
) -> None:
    answer = await telephone.post(
        "/calls",
        json={
            "user_email": "sam@example.com",
            "external_number": "021 555 0123",
            "external_name": "Ana Example",
            "talk_seconds": 720,
            "ring_seconds": 8,
            "ended_at": "2026-11-23T14:17:00+13:00",
            "id": "c-1",
        },
    )
    assert answer.json() == {"status": 202, "id": "c-1"}
    [event] = ear.heard
    assert event["type"] == "call.ended"
    assert event["data"] == {
        "id": "c-1",
        "direction": "inbound",
        "external_number": "021 555 0123",
        "external_name": "Ana Example",
        "internal_number": "+6495550100",
        "user_email": "sam@example.com",
        "started_at": "2026-11-23T01:04:52Z",
        "answered_at": "2026-11-23T01:05:00Z",
        "ended_at": "2026-11-23T01:17:00Z",
    }


async def test_a_missed_call_was_never_answered(telephone: httpx.AsyncClient, ear: Ear) -> None:
    await telephone.post("/calls", json={"user_email": "sam@example.com", "answered": False})
    told = ear.heard[0]["data"]
    assert told["answered_at"] is None
    assert told["started_at"] < told["ended_at"]


def test_a_withheld_number_is_null() -> None:
    told = read_call({"user_email": "sam@example.com"}, NOW).event("100")["data"]
    assert told["external_number"] is None
    assert "external_numbers" not in told


def test_a_call_with_two_clients_lists_both_numbers() -> None:
    call = read_call({"external_number": "021 555 0123", "others": ["09 555 0177"]}, NOW)
    assert call.event("100")["data"]["external_numbers"] == ["021 555 0123", "09 555 0177"]


def test_an_internal_call_says_so() -> None:
    told = read_call({"external_number": "204", "internal": True}, NOW).event("100")["data"]
    assert told["internal"] is True
    assert told["external_number"] == "204"


@pytest.mark.parametrize(
    "asked",
    [
        {"direction": "sideways"},
        {"talk_seconds": -1},
        {"talk_seconds": "12"},
        {"ended_at": "yesterday"},
        {"ended_at": "2026-11-23T14:17:00"},
    ],
)
def test_what_no_call_can_be_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(NotACallError):
        read_call(asked, NOW)


async def test_a_refused_request_says_why(telephone: httpx.AsyncClient, ear: Ear) -> None:
    answer = await telephone.post("/calls", json={"direction": "sideways"})
    assert answer.status_code == 422
    assert answer.json() == {"error": "direction is inbound or outbound"}
    assert ear.heard == []


@pytest.mark.parametrize(
    "forged",
    [
        {"bad_signature": True},
        {"timestamp_offset": -600},
        {"timestamp_offset": 600},
        {"headers": {"webhook-signature": None}},
        {"headers": {"webhook-signature": "garbage"}},
    ],
)
async def test_a_forged_call_is_sent_as_forged(
    telephone: httpx.AsyncClient, ear: Ear, forged: dict[str, Any]
) -> None:
    answer = await telephone.post("/calls/raw", json=forged)
    assert answer.json()["status"] == 401
    assert ear.heard == []


async def test_a_repeated_event_keeps_its_webhook_id(
    telephone: httpx.AsyncClient, ear: Ear
) -> None:
    answer = await telephone.post(
        "/calls/raw", json={"call": {"id": "c-2"}, "repeat": 4, "concurrent": True}
    )
    assert answer.json()["statuses"] == [202] * 4
    assert ear.ids == ["msg_c-2"] * 4


async def test_a_malformed_body_goes_out_as_it_is(telephone: httpx.AsyncClient, ear: Ear) -> None:
    answer = await telephone.post("/calls/raw", json={"body": json.dumps([1, 2])})
    assert answer.json()["status"] == 202
    assert ear.heard == [[1, 2]]


async def test_the_address_may_be_told_later(ear: Ear) -> None:
    async with (
        served(ear.app) as app,
        served(create_telephone(TelephoneSettings())) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        before = await client.post("/calls", json={"user_email": "sam@example.com"})
        assert before.status_code == 422
        told = {"url": f"{app}/calls/standard/c1", "secret": SECRET}
        answer = await client.post("/sandbox/address", json=told)
        assert SECRET not in answer.text
        after = await client.post("/calls", json={"user_email": "sam@example.com"})
        assert after.json()["status"] == 202


async def test_an_app_that_does_not_answer_is_status_0_and_logged() -> None:
    settings = TelephoneSettings(url="http://127.0.0.1:9/calls", secret=SECRET)
    async with (
        served(create_telephone(settings)) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        answer = await client.post("/calls", json={"id": "c-3"})
        assert answer.json() == {"status": 0, "id": "c-3"}
        [logged] = (await client.get("/sandbox/calls")).json()["calls"]
        assert (logged["id"], logged["status"]) == ("c-3", 0)


async def test_the_page_on_another_port_may_ask(telephone: httpx.AsyncClient) -> None:
    answer = await telephone.options(
        "/calls",
        headers={"origin": "http://127.0.0.1:8402", "access-control-request-method": "POST"},
    )
    assert answer.headers["access-control-allow-origin"] == "*"


def test_panel_offers_every_system_the_telephone_can_speak_as() -> None:
    page = Path(__file__).parents[2] / "sandbox/workspace/page/telephone.js"
    systems = page.read_text("utf-8").partition("const SYSTEMS = [")[2].partition("];")[0]
    assert set(re.findall(r'\["(\w+)",', systems)) == {"standard", *KINDS}


async def test_telephone_speaks_as_a_system_only_once_it_knows_its_address(
    telephone: httpx.AsyncClient,
) -> None:
    answer = await telephone.post("/calls", json={"system": "vxt"})
    assert answer.status_code == 422
    told = {"kind": "vxt", "url": "http://127.0.0.1:9/x", "secret": "s"}
    await telephone.post("/sandbox/address", json=told)
    assert (await telephone.get("/sandbox/systems")).json() == {"systems": ["standard", "vxt"]}
    assert (await telephone.post("/calls", json={"system": "vxt"})).json()["statuses"] == [0]
