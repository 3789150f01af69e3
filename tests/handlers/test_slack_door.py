"""What reaches the app as if it came from Slack, and does not."""

import io
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio

from sandbox.visitor import Visitor, text_of
from sandbox.workspace.outgoing.delivery import signature
from tests.handlers.inside import SIGNING_SECRET, Inside, newest, settled

Headers = dict[str, str]
ALL_KINDS = ("command", "action", "options", "submit", "close", "event")


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def signed(body: bytes, stamp: int | None = None) -> Headers:
    at = str(int(time.time()) if stamp is None else stamp)
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": signature(SIGNING_SECRET, at, body),
    }


def command(text: str) -> bytes:
    fields = {"team_id": "T0KEA", "user_id": "U0SAM", "command": "/xpm", "text": text}
    return urlencode(fields | {"trigger_id": "1.2.3", "channel_id": "D1"}).encode()


async def picture(inside: Inside) -> list[int]:
    """How much there is of everything that a request may change."""
    tables = ("workspaces", "connections", "connect_links", "people", "calls", "entries", "audit")
    counts = [await inside.one(f"select count(*) from {table}") for table in tables]  # noqa: S608
    return [*counts, len(inside.slack.calls)]


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": "bad"},
        {"signature": "missing"},
        {"timestamp_offset": -301},
        {"timestamp_offset": 400},
        {"timestamp": "abc"},
        {"timestamp": "-1"},
        {"timestamp": "1e9"},
        {"timestamp": "9" * 400},
        {"timestamp": "١٧٠٠٠٠٠٠٠٠"},
    ],
    ids=lambda wrong: "-".join(f"{name}={str(value)[:6]}" for name, value in wrong.items()),
)
async def test_forged_late_and_malformed_requests_are_answered_401_and_change_nothing(
    kea: Inside, kind: str, wrong: dict[str, str | int]
) -> None:
    before = await picture(kea)
    answer = await kea.raw(kind, text="connect", **wrong)
    if wrong.get("timestamp") == "١٧٠٠٠٠٠٠٠٠" and answer["status"] is None:
        pytest.fail("the request was not even sent")
    assert answer["status"] == 401
    assert answer["body"] == "" or "invalid request" in answer["body"]
    assert await picture(kea) == before


async def test_replayed_request_is_answered_401_and_done_once(
    kea: Inside, sam: Visitor, session: aiohttp.ClientSession
) -> None:
    before = await kea.one("select count(*) from connect_links")
    body = command("status")
    headers = signed(body)
    url = f"{kea.app}/slack/events"
    statuses = []
    for _ in range(3):
        async with session.post(url, data=body, headers=headers) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 401, 401]
    assert await kea.one("select count(*) from connect_links") == before


async def test_same_words_with_a_new_proof_are_no_replay(
    kea: Inside, session: aiohttp.ClientSession
) -> None:
    body = command("help")
    now = int(time.time())
    for stamp in (now - 2, now - 1):
        url, headers = f"{kea.app}/slack/events", signed(body, stamp)
        async with session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200


async def test_300_mutated_requests_are_all_refused(
    kea: Inside, session: aiohttp.ClientSession
) -> None:
    chance = random.Random(20261123)
    before = await picture(kea)
    statuses = []
    for _ in range(300):
        body, headers = mutated(chance)
        async with session.post(
            f"{kea.app}/slack/events", data=io.BytesIO(body), headers=headers
        ) as answer:
            statuses.append(answer.status)
            assert b"Traceback" not in await answer.read()
    assert set(statuses) <= {401, 413}
    assert statuses.count(401) > 250
    assert await picture(kea) == before


def mutated(chance: random.Random) -> tuple[bytes, Headers]:
    """A good request with one to three things wrong about it; never one that is good by accident."""
    payload = json.dumps(
        {"type": "block_actions", "user": {"id": "U0SAM"}, "team": {"id": "T0KEA"}}
    )
    body = chance.choice(
        [
            command("connect"),
            urlencode({"payload": payload}).encode(),
            payload.encode(),
            b"ssl_check=1",
        ]
    )
    headers = signed(body)
    good = dict(headers)
    changes: list[Callable[[], object]] = [
        lambda: headers.update({"X-Slack-Signature": chance.choice(_SIGNATURES)}),
        lambda: headers.update({"X-Slack-Signature": _flipped(good["X-Slack-Signature"], chance)}),
        lambda: headers.update({"X-Slack-Request-Timestamp": chance.choice(_STAMPS)}),
        lambda: headers.update(
            {"X-Slack-Request-Timestamp": str(int(time.time()) + chance.randint(1, 290))}
        ),
        lambda: headers.pop("X-Slack-Signature", None),
        lambda: headers.pop("X-Slack-Request-Timestamp", None),
    ]
    for change in chance.sample(changes, chance.randint(1, 3)):
        change()
    if chance.random() < 0.4 or headers == good:
        body = _spoilt(body, chance)
    if chance.random() < 0.2:
        headers["Content-Type"] = chance.choice(
            ["application/json", "text/xml", "multipart/form-data", "x"]
        )
    return body, headers


_SIGNATURES = [
    "",
    "v0=",
    "v0=zz",
    "v1=" + "0" * 64,
    "v0=" + "0" * 64,
    "v0=é",
    "\x80\x81",
    "v0=" + "a" * 5000,
]
_STAMPS = ["", "0", "-5", "1.5", "abc", "NaN", "0x10", "1" * 300, "1700000000", "¹²³", " 17 "]


def _flipped(text: str, chance: random.Random) -> str:
    place = chance.randrange(3, len(text))
    return text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]


def _spoilt(body: bytes, chance: random.Random) -> bytes:
    return chance.choice(
        [body + b"&x=1", body[:-1], b"\xff\xfe" + body, b"", b"{" * 500, b"x" * (1024 * 1024 + 1)]
    )


async def test_unproven_ssl_check_is_refused(kea: Inside, session: aiohttp.ClientSession) -> None:
    async with session.post(f"{kea.app}/slack/events", data=b"ssl_check=1&token=x") as answer:
        assert answer.status == 401


async def test_body_of_more_than_a_megabyte_is_413_with_and_without_its_length(
    kea: Inside, session: aiohttp.ClientSession
) -> None:
    body = b"x" * (1024 * 1024 + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    for sent in (io.BytesIO(body), pieces()):
        async with session.post(
            f"{kea.app}/slack/events", data=sent, headers=signed(body)
        ) as answer:
            assert answer.status == 413
            assert await answer.read() == b""


async def test_proven_body_that_is_no_utf8_is_401(
    kea: Inside, session: aiohttp.ClientSession
) -> None:
    body = b"\xff\xfe\x00"
    async with session.post(f"{kea.app}/slack/events", data=body, headers=signed(body)) as answer:
        assert answer.status == 401


async def test_events_take_posts_alone(kea: Inside, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{kea.app}/slack/events") as answer:
        assert answer.status == 405


async def test_reason_is_in_the_log_and_no_word_of_the_request(
    kea: Inside, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    body = command("a secret word that somebody typed")
    headers = signed(body) | {"X-Slack-Signature": "v0=" + "0" * 64}
    with caplog.at_level(logging.WARNING):
        async with session.post(f"{kea.app}/slack/events", data=body, headers=headers) as answer:
            assert answer.status == 401
            assert await answer.read() == b""
    said = [record for record in caplog.records if record.message == "slack.refused"]
    assert [vars(record)["why"] for record in said] == ["bad_signature"]
    assert "secret word" not in caplog.text


async def test_proven_action_that_nobody_answers_is_no_error(kea: Inside) -> None:
    payload = {"actions": [{"action_id": "no.such", "block_id": "b", "type": "button"}]}
    answer = await kea.raw("action", payload=payload)
    assert answer["status"] == 404


@pytest.mark.parametrize("value", ["", "no-such-entry", "'; drop table entries --", "x" * 2000])
async def test_click_with_an_entry_that_is_not_there_changes_nothing_and_is_said(
    kea: Inside, sam: Visitor, value: str
) -> None:
    await sam.do("home", tab="messages")
    before, entries = newest(await sam.see()), await kea.rows("select id, version from entries")
    for action in ("post_call.save", "post_call.undo", "post_call.dismiss", "post_call.recall"):
        payload = {
            "actions": [{"type": "button", "action_id": action, "block_id": "do:x", "value": value}]
        }
        answer = await kea.raw("action", payload=payload)
        assert answer["status"] == 200
    await settled(kea)
    assert await kea.rows("select id, version from entries") == entries
    new = [one for one in (await sam.see())["messages"] if one["ts"] > before]
    assert len(new) == 4
    assert all("This is not your call" in text_of(one) for one in new)
