"""POST /calls/standard/{id}: what is refused, how, and that nothing comes of it."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook

from bot import phone_systems
from tests.handlers.inside import Inside, settled

DATA: dict[str, Any] = {
    "id": "c-1",
    "direction": "inbound",
    "external_number": "+64215550123",
    "user_email": "mia@example.com",
    "started_at": "2026-11-20T01:00:00Z",
    "answered_at": "2026-11-20T01:00:08Z",
    "ended_at": "2026-11-20T01:12:08Z",
}


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def event(**changes: Any) -> bytes:
    data = {name: value for name, value in {**DATA, **changes}.items() if value != "left out"}
    return json.dumps({"type": "call.ended", "data": data}).encode()


class Phone:
    """A phone system that signs whatever it sends."""

    def __init__(
        self, inside: Inside, session: aiohttp.ClientSession, url: str, secret: str
    ) -> None:
        self.inside, self.session, self.url = inside, session, url
        self._webhook = Webhook(secret)

    def headers(self, body: bytes, offset: int = 0, identity: str = "msg_1") -> dict[str, str]:
        """The three headers, over a body that may be no text."""
        at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=offset)
        stamp = str(int(at.timestamp()))
        signed = f"{identity}.{stamp}.".encode() + body
        digest = hmac.new(self._webhook._whsecret, signed, hashlib.sha256).digest()
        return {
            "webhook-id": identity,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }

    async def send(self, body: Any, headers: dict[str, str], url: str = "") -> tuple[int, bytes]:
        """The status and the body of the answer."""
        async with self.session.post(url or self.url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    async def count(self) -> list[int]:
        """How many calls and entries there are, and how often Slack was called."""
        calls = await self.inside.one("select count(*) from calls")
        entries = await self.inside.one("select count(*) from entries")
        return [calls, entries, len(self.inside.slack.calls)]


@pytest_asyncio.fixture
async def phone(inside: Inside, session: aiohttp.ClientSession) -> Phone:
    added = await phone_systems.add(inside.made.settings, "T0KEA")
    assert added is not None
    return Phone(inside, session, added.address, added.secret)


async def test_proven_call_is_answered_202_without_a_word(phone: Phone) -> None:
    body = event(id="good")
    assert await phone.send(body, phone.headers(body)) == (202, b"")
    await settled(phone.inside)


async def test_other_event_than_an_ended_call_is_accepted_and_nothing_comes_of_it(
    phone: Phone,
) -> None:
    before = await phone.count()
    body = b'{"type": "call.started", "data": {}}'
    assert await phone.send(body, phone.headers(body)) == (202, b"")
    assert await phone.count() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": "v1,Zm9yZ2VkIHNpZ25hdHVyZSwgMzIgYnl0ZXMgbG9uZw=="},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,not base64 at all"},
        {"webhook-signature": "no comma"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "v1a,Zm9yZ2Vk"},
        {"webhook-signature": "," * 2000},
        {"webhook-timestamp": "abc"},
        {"webhook-timestamp": "1e400"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 30},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "inf"},
        {"webhook-timestamp": ""},
        {"webhook-id": "another"},
        {"webhook-id": ""},
    ],
    ids=str,
)
async def test_bad_or_malformed_proof_is_401_and_nothing_comes_of_it(
    phone: Phone, changes: dict[str, str]
) -> None:
    before, body = await phone.count(), event()
    assert await phone.send(body, phone.headers(body) | changes) == (401, b"")
    assert await phone.count() == before


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_missing_proof_is_401(phone: Phone, name: str) -> None:
    body = event()
    headers = phone.headers(body)
    del headers[name]
    assert await phone.send(body, headers) == (401, b"")


@pytest.mark.parametrize("offset", [-301, 330])
async def test_late_and_early_proof_is_401(phone: Phone, offset: int) -> None:
    body = event()
    assert await phone.send(body, phone.headers(body, offset)) == (401, b"")


async def test_proof_of_another_body_is_401(phone: Phone) -> None:
    assert await phone.send(event(), phone.headers(event(id="c-2"))) == (401, b"")


async def test_proof_of_another_phone_system_is_401(phone: Phone) -> None:
    other = await phone_systems.add(phone.inside.made.settings, "T0KEA")
    assert other is not None
    body = event()
    assert await phone.send(body, phone.headers(body), other.address) == (401, b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"type": 7}',
        b'{"type": "call.ended"}',
        b'{"type": "call.ended", "data": []}',
        b"[" * 100_000,
        event(id="left out"),
        event(id=""),
        event(id=None),
        event(id=True),
        event(id="x" * 256),
        event(id={}),
        event(id="\x00"),
        event(id="\ud800"),
        event(user_email="left out"),
        event(user_email=""),
        event(user_email=5),
        event(user_email="x" * 300),
        event(direction="left out"),
        event(direction="sideways"),
        event(direction=[]),
        event(started_at="left out"),
        event(started_at="yesterday"),
        event(started_at=1763600000),
        event(started_at="2026-11-20T01:00:00"),
        event(ended_at="left out"),
        event(ended_at="2026-11-20"),
        event(ended_at="2026-11-20T00:59:00Z"),
        event(ended_at="2026-11-22T01:00:00Z"),
        event(answered_at="2026-11-20T02:00:00Z"),
        event(answered_at="soon"),
        event(
            started_at="0001-01-01T00:00:00+14:00",
            answered_at=None,
            ended_at="0001-01-01T00:01:00+14:00",
        ),
        event(external_number=5),
        event(external_number="9" * 256),
        event(external_numbers="+64215550123"),
        event(external_numbers=[1]),
        event(external_numbers=["+64215550123"] * 21),
        event(external_name=[]),
        event(external_name="x" * 256),
        event(is_answered="yes"),
        event(notes=7),
    ],
    ids=lambda body: body[-60:].decode("latin-1"),
)
async def test_proven_body_with_a_bad_field_is_400_and_nothing_comes_of_it(
    phone: Phone, body: bytes
) -> None:
    before = await phone.count()
    assert await phone.send(body, phone.headers(body)) == (400, b"")
    assert await phone.count() == before


async def test_body_that_is_no_text_is_401_because_its_proof_is_over_text(phone: Phone) -> None:
    body = b"\xff\xfe"
    assert await phone.send(body, phone.headers(body)) == (401, b"")


async def test_body_over_256_kb_is_413_with_and_without_its_length(phone: Phone) -> None:
    body = event(notes="x" * (256 * 1024))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    before = await phone.count()
    for sent in (body, pieces()):
        assert await phone.send(sent, phone.headers(body)) == (413, b"")
    assert await phone.count() == before


async def test_body_of_just_256_kb_is_read(phone: Phone) -> None:
    body = event(id="just-small-enough")
    body = body[:-1] + b" " * (256 * 1024 - len(body)) + b"}"
    assert len(body) == 256 * 1024
    assert (await phone.send(body, phone.headers(body)))[0] == 202
    await settled(phone.inside)


@pytest.mark.parametrize(
    "path", ["standard/no-such", "vxt/no-such", "standard/%27%20or%201=1", "a/b"]
)
async def test_unknown_address_is_404_without_a_word(phone: Phone, path: str) -> None:
    body = event()
    url = f"{phone.inside.app}/calls/{path}"
    assert await phone.send(body, phone.headers(body), url) == (404, b"")


async def test_only_posts_are_taken(phone: Phone) -> None:
    async with phone.session.get(phone.url) as answer:
        assert answer.status == 405


async def test_log_says_why_and_holds_no_personal_data(
    phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    body = event(direction="sideways", notes="Secret note", external_name="Ana Example")
    with caplog.at_level(logging.DEBUG):
        await phone.send(body, phone.headers(body))
        await phone.send(body, phone.headers(body) | {"webhook-signature": "v1,x"})
        await phone.send(b"x" * 300_000, {})
        await phone.send(body, phone.headers(body), f"{phone.inside.app}/calls/standard/none")
    said = [vars(one) for one in caplog.records if one.message == "call.refused"]
    assert [(one["status"], one["why"]) for one in said] == [
        (400, "direction"),
        (401, said[1]["why"]),
        (413, "too_large"),
        (404, "unknown_address"),
    ]
    assert "signature" in said[1]["why"]
    everything = caplog.text + repr([vars(one) for one in caplog.records])
    for personal in ("mia@example.com", "+64215550123", "Secret note", "Ana Example"):
        assert personal not in everything


async def test_text_that_a_database_cannot_keep_is_kept_without_it(phone: Phone) -> None:
    body = event(id="nul\x00", external_name="Ana\x00 Example\ud800", notes="a\x00b\udfff")
    assert (await phone.send(body, phone.headers(body)))[0] == 202
    await settled(phone.inside)
    rows = await phone.inside.rows(
        "select source_id, caller_name, notes from calls where source_id = 'nul'"
    )
    assert [tuple(row) for row in rows] == [("nul", "Ana Example", "ab")]
