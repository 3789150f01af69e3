"""Every phone system through the real door: signed as its vendor signs, answered, stored, and told to its person."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from bot import phone_systems
from handlers import phones
from handlers.phones.counting import Counts
from handlers.phones.door import MOST_BYTES
from sandbox.phones import KINDS
from sandbox.visitor import Visitor, text_of
from tests.handlers.inside import Inside, newest, settled, shows
from tests.handlers.phone_desk import end, tell_telephone

SECRETS = {kind: f"the-{kind}-secret-of-the-test" for kind in KINDS}
EXTENSIONS = {"ringcentral": "extension id 4711"}


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def added(inside: Inside, kind: str, team: str = "T0KEA") -> tuple[str, str]:
    """A phone system of a kind with its secret at both ends: its address and id."""
    settings = inside.made.settings
    made = await phone_systems.add(settings, team, kind)
    assert made is not None
    system_id = made.address.rpartition("/")[2]
    assert await phone_systems.bring_secret(settings, team, system_id, SECRETS[kind]) is True
    await tell_telephone(inside, kind, made.address, SECRETS[kind])
    return made.address, system_id


async def told(inside: Inside, person: Visitor, kind: str, **asked: Any) -> list[Any]:
    """The messages that come of a call."""
    before = newest(await person.see())
    assert set(await end(inside, kind, **asked)) == {202}
    await settled(inside)
    seen = await person.see()
    return [one for one in seen["messages"] if one["ts"] > before and not one["ephemeral"]]


@pytest.mark.parametrize("kind", KINDS)
async def test_call_of_every_system_is_one_message_with_its_minutes(
    kea: Inside, mia: Visitor, kind: str
) -> None:
    _, system_id = await added(kea, kind)
    if kind in EXTENSIONS:
        assert await phone_systems.name_person(
            kea.made.settings, "T0KEA", system_id, EXTENSIONS[kind], "mia@example.com"
        )
    asked = {"id": f"whole-{kind}", "notes": None}
    ended = "2026-11-23T01:17:00Z"
    [message] = await told(kea, mia, kind, **asked, ended_at=ended)
    assert "Call with Ana Example" in text_of(message)
    assert "12 min" in text_of(message)
    assert "ringing" not in text_of(message)
    # The vendor tries again, and again.
    assert await told(kea, mia, kind, **asked, ended_at=ended) == []
    query = "select count(*) from calls where phone_system_id = :id and outcome = 'offered'"
    assert await kea.one(query, id=system_id) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_missed_call_of_every_system_is_kept_and_nobody_is_asked(
    kea: Inside, mia: Visitor, kind: str
) -> None:
    _, system_id = await added(kea, kind)
    assert await told(kea, mia, kind, answered=False) == []
    query = "select outcome from calls where phone_system_id = :id"
    assert await kea.one(query, id=system_id) == "missed"


async def test_late_comment_stands_in_the_message_and_not_in_the_note(
    kea: Inside, mia: Visitor
) -> None:
    await added(kea, "aircall")
    before = newest(await mia.see())
    assert await end(kea, "aircall", notes="Wants *a* <call> back") == [202, 202]
    await settled(kea)
    [message] = [one for one in (await mia.see())["messages"] if one["ts"] > before]
    message = await shows(mia, message, "Aircall says:")
    assert "“Wants *a* &lt;call&gt; back” (Somebody)" in json.dumps(message, ensure_ascii=False)
    note = await kea.one("select note from entries order by created_at desc limit 1")
    assert "Wants" not in note


@pytest.mark.parametrize("kind", [*KINDS, "standard"])
async def test_unproven_delivery_is_401_counted_noted_and_nothing_comes_of_it(
    inside: Inside, session: aiohttp.ClientSession, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = await phone_systems.add(inside.made.settings, "T0KEA", kind)
    assert made is not None
    async with session.post(made.address, data=b'{"event": "secret words"}') as answer:
        assert (answer.status, await answer.read()) == (401, b"")
    system_id = made.address.rpartition("/")[2]
    query = "select refused_why from phone_systems where id = :id"
    why = await inside.one(query, id=system_id)
    assert why
    [said] = [vars(one) for one in caplog.records if one.message == "call.refused"]
    assert (said["status"], said["why"], said["phone_system"]) == (401, why, system_id)
    assert "secret words" not in caplog.text
    assert (
        await inside.one("select count(*) from calls where phone_system_id = :id", id=system_id)
        == 0
    )


async def raw(address: str, head: str, body: bytes) -> bytes:
    """The first line of the answer to a request that is still being sent."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"POST {parts.path} HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n".encode() + body)
        await writer.drain()
        return await asyncio.wait_for(reader.readline(), 10)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("kind", KINDS)
async def test_ten_megabytes_are_413_for_every_system_with_their_length_and_without(
    inside: Inside, kind: str
) -> None:
    made = await phone_systems.add(inside.made.settings, "T0KEA", kind)
    assert made is not None
    length = f"content-length: {10 * 1024 * 1024}"
    assert b" 413 " in await raw(made.address, length, b"x" * 100)
    much = b"x" * (MOST_BYTES + 1)
    chunk = f"{len(much):x}\r\n".encode() + much + b"\r\n"
    assert b" 413 " in await raw(made.address, "transfer-encoding: chunked", chunk)


async def test_removed_system_is_404_and_its_messages_stay(kea: Inside, mia: Visitor) -> None:
    _, system_id = await added(kea, "vxt")
    [message] = await told(kea, mia, "vxt")
    assert await phone_systems.remove(kea.made.settings, "T0KEA", system_id)
    assert not await phone_systems.remove(kea.made.settings, "T0KEA", system_id)
    assert await end(kea, "vxt") == [404]
    await shows(mia, message, "Call with Ana Example")


async def test_system_of_another_workspace_cannot_be_changed_from_here(inside: Inside) -> None:
    settings = inside.made.settings
    _, system_id = await added(inside, "vxt")
    assert not await phone_systems.bring_secret(settings, "T0TUI", system_id, "x")
    assert not await phone_systems.remove(settings, "T0TUI", system_id)
    assert not await phone_systems.name_person(settings, "T0TUI", system_id, "user 1", None)
    assert [system.id for system, _ in await phone_systems.listed(settings, "T0TUI")] == []


async def test_call_of_a_person_of_another_workspace_is_nobodys_here(kea: Inside) -> None:
    stranger = kea.slack.teams["T0TUI"].people
    email = next(one.email for one in stranger.values() if one.email)
    mine = {one.email for one in kea.slack.teams["T0KEA"].people.values()}
    assert email not in mine
    _, system_id = await added(kea, "vxt")
    assert await end(kea, "vxt", user_email=email) == [202]
    await settled(kea)
    query = "select outcome from calls where phone_system_id = :id"
    assert await kea.one(query, id=system_id) == "unknown person"


async def test_handshakes_are_answered_before_any_call_and_only_at_a_known_address(
    inside: Inside, session: aiohttp.ClientSession
) -> None:
    ring, _ = await added(inside, "ringcentral")
    async with session.post(ring, headers={"Validation-Token": "3f0c"}) as answer:
        assert (answer.status, answer.headers["Validation-Token"]) == (200, "3f0c")
        assert answer.headers["Content-Type"] == "application/json"
    async with session.post(ring[:-1] + "x", headers={"Validation-Token": "3f0c"}) as answer:
        assert answer.status == 404
        assert "Validation-Token" not in answer.headers
    zoom, _ = await added(inside, "zoom")
    event = {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}
    async with session.post(zoom, json=event) as answer:
        assert answer.status == 200
        assert (await answer.json())["plainToken"] == "abc"


async def test_list_tells_the_last_call_and_who_is_not_known(kea: Inside) -> None:
    _, system_id = await added(kea, "ringcentral")
    await end(kea, "ringcentral", id="unknown-extension")
    await settled(kea)
    listed = {
        system.id: (system, people)
        for system, people in await phone_systems.listed(kea.made.settings, "T0KEA")
    }
    system, people = listed[system_id]
    assert system.last_call_at is not None
    assert [(one.staff, one.email) for one in people] == [("extension id 4711", None)]


async def test_counts_know_what_was_taken_ignored_and_refused(
    inside: Inside, session: aiohttp.ClientSession
) -> None:
    from starlette.applications import Starlette

    from sandbox.serving import address, listen, serving

    counts = Counts()
    made = await phone_systems.add(inside.made.settings, "T0KEA", "vxt")
    assert made is not None
    system_id = made.address.rpartition("/")[2]
    await phone_systems.bring_secret(inside.made.settings, "T0KEA", system_id, SECRETS["vxt"])
    door = Starlette(
        routes=phones.routes(inside.made.services, inside.made.vault, phones.KINDS, counts)
    )
    bound = listen(0)
    proof = {"authorization": f"Bearer {SECRETS['vxt']}"}

    async def ask() -> None:
        async with serving((door, bound)):
            url = f"{address(bound)}/calls/vxt/{system_id}"
            for body, headers in ((b'{"event": "sms"}', proof), (b"{", proof), (b"{}", {})):
                async with (
                    aiohttp.ClientSession() as own,
                    own.post(url, data=body, headers=headers),
                ):
                    pass
            async with (
                aiohttp.ClientSession() as own,
                own.post(f"{address(bound)}/calls/made-up/x"),
            ):
                pass

    await inside.on_its_loop(ask())
    assert counts.ignored == {"vxt": 1}
    assert counts.refused == {
        ("vxt", "not_json"): 1,
        ("vxt", "no_token"): 1,
        ("", "unknown_address"): 1,
    }


async def test_rules_of_a_practice_are_kept_and_shown(inside: Inside) -> None:
    from dataclasses import replace

    settings = inside.made.settings
    before = await phone_systems.change_rules(settings, "T0TUI", lambda rules: rules)
    if before is None:
        # Not installed there, so there is nobody to ask about.
        before = await phone_systems.change_rules(settings, "T0KEA", lambda rules: rules)
    assert before is not None
    assert before.minimum_seconds == settings.minimum_call_seconds
    changed = await phone_systems.change_rules(
        settings, "T0KEA", lambda rules: replace(rules, ignored_numbers=("0800 555 000",))
    )
    assert changed is not None
    again = await phone_systems.change_rules(settings, "T0KEA", lambda rules: rules)
    assert again == changed
    await phone_systems.change_rules(settings, "T0KEA", lambda rules: before)
