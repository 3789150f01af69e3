"""Two workspaces in one database: whatever one is sent with the other's ids, no row of the other changes and no word
of it is seen. The walk is held against the listeners and routes there are: a new one without a row here fails.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from slack_bolt.async_app import AsyncApp

from bot import phone_systems as phone_desk
from bot import web
from handlers import listeners
from handlers.later import Later
from handlers.messages import (
    call_rules,
    connect,
    job_id,
    menus,
    phone_adding,
    phone_people,
    phone_systems,
    post_call,
    region,
)
from handlers.services import Services
from sandbox.visitor import Json, text_of
from tests.handlers.inside import KEA, TUI, Inside, install, link, option, running, settled, shows
from tests.handlers.test_manifest import Recorder
from xpm.store import tables as t

OURS, THEIRS = "T0KEA", "T0TUI"
CANARY = "canary-note-of-tui"


@dataclass(frozen=True)
class Theirs:
    """What somebody in the other workspace has, as if one of us had come by it."""

    entry: str
    dismissed: str
    job: str
    client: str
    task: str
    channel: str
    ts: str
    view: str
    phone: str
    mark: str
    link: str
    connected_at: str
    words: tuple[str, ...]

    def action(self, action_id: str, entry: str | None = None, **more: Any) -> Json:
        """A click of ours on their message."""
        entry = entry or self.entry
        note = {"note:" + entry: {post_call.NOTE: {"type": "plain_text_input", "value": "ours"}}}
        return {
            "kind": "action",
            "payload": {
                "actions": [
                    {
                        "type": "button", "action_id": action_id, "block_id": f"actions:{entry}",
                        "value": entry, **more,
                    }
                ],
                "container": {
                    "type": "message", "message_ts": self.ts, "channel_id": self.channel,
                },
                "channel": {"id": self.channel, "name": "directmessage"},
                "state": {"values": note},
            },
        }  # fmt: skip

    def both(self, action_id: str, **more: Any) -> list[Json]:
        """The click on each of their entries."""
        return [self.action(action_id, one, **more) for one in (self.entry, self.dismissed)]

    def chosen(self, action_id: str, value: str) -> list[Json]:
        """A choice of theirs in a menu on their message."""
        selected = {"text": {"type": "plain_text", "text": "x"}, "value": value}
        block: Json = {"block_id": f"job:{self.entry}", "selected_option": selected}
        return [self.action(action_id, type="external_select", **block)]

    def submission(self, callback_id: str, metadata: str, values: Json) -> Json:
        """A modal of theirs submitted by one of ours."""
        view = {
            "id": self.view, "type": "modal", "callback_id": callback_id, "team_id": THEIRS,
            "private_metadata": metadata, "state": {"values": values},
        }  # fmt: skip
        return {"kind": "submit", "payload": {"view": view}}

    def event(self, kind: str, **more: Any) -> Json:
        """An event to our installation that names them."""
        return {"kind": "event", "event": {"type": kind, **more}}


def typed_job(theirs: Theirs) -> list[Json]:
    field = {job_id.BLOCK: {job_id.INPUT: {"type": "plain_text_input", "value": theirs.job}}}
    metadata = {"entry": theirs.entry, "job": theirs.job}
    return [
        theirs.submission(job_id.MODAL, json.dumps({"entry": theirs.entry}), field),
        theirs.submission(job_id.MODAL, json.dumps(metadata), {}),
    ]


def command(text: str) -> list[Json]:
    return [{"kind": "command", "text": text}]


COMMANDS: dict[str, Any] = {
    "": lambda theirs: command(""),
    "help": lambda theirs: command("help"),
    "connect": lambda theirs: command("connect"),
    "status": lambda theirs: command("status"),
    "sync": lambda theirs: command("sync"),
    "job": lambda theirs: command(f"job {theirs.job}"),
    "log": lambda theirs: command("log"),
    "phones": lambda theirs: command(f"phones {theirs.phone}"),
    "disconnect": lambda theirs: command("disconnect"),
}

NAME_OF_THEIRS = "extension 900"
VXT = {"selected_option": {"value": "vxt"}}


def of_their_phone(theirs: Theirs, callback_id: str) -> list[Json]:
    """Every field of every page about a phone system, filled in, for theirs."""
    values = {
        phone_adding.SYSTEM_BLOCK: {phone_adding.SYSTEM_FIELD: VXT},
        phone_adding.SECRET_BLOCK: {phone_adding.SECRET_FIELD: {"value": "stolen-by-one-of-ours"}},
        phone_people.PERSON_BLOCK: {phone_people.PERSON_FIELD: {"selected_user": "U0TED"}},
    }
    metadata = {"system": theirs.phone, "staff": NAME_OF_THEIRS, "was": "is:", "mark": theirs.mark}
    without = {**values, phone_adding.SECRET_BLOCK: {phone_adding.SECRET_FIELD: {"value": None}}}
    return [theirs.submission(callback_id, json.dumps(metadata), one) for one in (values, without)]


def their_rules(theirs: Theirs) -> list[Json]:
    seconds = {call_rules.MINIMUM_BLOCK: {call_rules.MINIMUM_FIELD: {"value": "77"}}}
    return [theirs.submission(call_rules.RULING, json.dumps({"workspace": THEIRS}), seconds)]


LISTENERS: dict[tuple[str, str], Any] = {
    ("command", "/xpm"): lambda theirs: [
        {"kind": "command", "text": f"job {theirs.job}", "fields": {"channel_id": theirs.channel}},
        *command(f"{theirs.entry} {theirs.job}"),
    ],
    **{
        ("action", one): (lambda theirs, one=one: theirs.both(one))
        for one in (
            post_call.SAVE, post_call.DISMISS, post_call.REOPEN, post_call.EDIT, post_call.KEEP,
            post_call.UNDO, post_call.RECALL, post_call.LEAVE, post_call.ENTER_ID,
            post_call.OPEN_IN_XPM,
            job_id.OPEN_IN_XPM, connect.OPEN_LINK, connect.BEGIN, connect.SYNC_NOW,
            connect.DISCONNECT, region.CHANGE,
        )
    },
    **{
        ("action", one): (lambda theirs, one=one: [theirs.action(one, value=theirs.phone)])
        for one in (
            phone_systems.ALL, phone_systems.ALL_NEXT, phone_systems.SHOW, phone_systems.ADD,
            phone_systems.HOW, phone_systems.NEW_SECRET, phone_systems.TEST, phone_systems.REMOVE,
            call_rules.RULES,
        )
    },
    **{
        ("action", one): (
            lambda theirs, one=one: [
                theirs.action(one, value=json.dumps([theirs.phone, last])) for last in (0, NAME_OF_THEIRS)
            ]
        )
        for one in (phone_people.PEOPLE, phone_people.PEOPLE_NEXT, phone_people.WHO)
    },
    **{
        ("view", one): (lambda theirs, one=one: of_their_phone(theirs, one))
        for one in (
            phone_adding.ADDING, phone_adding.KEEPING, phone_systems.REMOVING, phone_people.NAMING,
        )
    },
    ("view", call_rules.RULING): their_rules,
    ("action", job_id.LOG_TIME): lambda theirs: [
        theirs.action(job_id.LOG_TIME, block_id="x", value=theirs.job)
    ],
    ("action", job_id.NEAR): lambda theirs: [
        theirs.action(job_id.NEAR, block_id="x", value=theirs.job)
    ],
    ("action", menus.JOB): lambda theirs: theirs.chosen(menus.JOB, theirs.job),
    ("action", menus.CLIENT): lambda theirs: theirs.chosen(menus.CLIENT, theirs.client),
    ("action", menus.FORGET): lambda theirs: theirs.both(menus.FORGET),
    ("action", menus.WHO): lambda theirs: theirs.chosen(menus.WHO, theirs.client),
    ("options", menus.WHO): lambda theirs: [
        {
            "kind": "options",
            "payload": {"action_id": menus.WHO, "block_id": f"who:{theirs.entry}:1", "value": typed},
        }
        for typed in ("", *theirs.words)
    ],
    ("options", menus.JOB): lambda theirs: [
        {
            "kind": "options",
            "payload": {"action_id": menus.JOB, "block_id": f"job:{theirs.entry}", "value": typed},
        }
        for typed in ("", theirs.job, *theirs.words)
    ],
    ("view", job_id.MODAL): typed_job,
    ("view", connect.DISCONNECT_MODAL): lambda theirs: [
        theirs.submission(connect.DISCONNECT_MODAL, theirs.connected_at, {})
    ],
    ("view", region.MODAL): lambda theirs: [
        theirs.submission(region.MODAL, theirs.connected_at, {
            region.BLOCK: {region.COUNTRY: {"type": "static_select", "selected_option": {"value": "AU"}}}
        })
    ],
    ("event", "app_home_opened"): lambda theirs: [
        theirs.event("app_home_opened", user="U0TED", tab="home", channel=theirs.channel)
    ],
    ("event", "team_access_granted"): lambda theirs: [
        theirs.event("team_access_granted", team_ids=[THEIRS])
    ],
    ("event", "team_access_revoked"): lambda theirs: [
        theirs.event("team_access_revoked", team_ids=[THEIRS])
    ],
    # The last two take the app out of our own workspace.
    ("event", "tokens_revoked"): lambda theirs: [
        theirs.event("tokens_revoked", tokens={"bot": ["U0BOTTUI"], "oauth": []})
    ],
    ("event", "app_uninstalled"): lambda theirs: [theirs.event("app_uninstalled")],
}  # fmt: skip

LAST = [("event", "tokens_revoked"), ("event", "app_uninstalled")]

# What an address answers to one of ours who fills in what is theirs; not ready, because the clock is stopped.
PAGES: dict[str, set[int]] = {
    "/slack/install": {302, 200}, "/slack/oauth_redirect": {400}, "/healthz": {200},
    "/readyz": {503}, "/connect/xero/callback": {303}, "/connect/done": {404},
    "/connect/practice": {404}, "/metrics": {401},
    "/connect/sign-in": {404}, "/connect/sign-in/password": {200},
    "/connect/sign-in/refused/{doubt}": {404}, "/connect/sign-in/{provider}": {404},
    "/connect/sign-in/{provider}/callback": {303, 404}, "/connect/{secret}": {404},
    "/calls/3cx/template.xml": {200}, "/calls/{kind}/{id}": {401}, "/slack/events": {401},
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inside, Theirs]]:
    with running(tmp_path_factory.mktemp("two")) as made:
        yield made, asyncio.run(furnish(made))


async def furnish(inside: Inside) -> Theirs:
    """Connects both to different practices and lets Ted of Tui begin two entries."""
    await inside.on_its_loop(stop_clock(inside))
    await inside.connect()
    # Sam may open both practices at Xero, and signs in for Tui with the same address.
    inside.slack.teams[THEIRS].people["U0TIA"].email = "sam@example.com"
    # Their staff in Tui's practice, so that Ted is offered its jobs.
    inside.slack.teams[THEIRS].people["U0TED"].email = "ivy@example.com"
    await install(inside, THEIRS, "U0TIA")
    tui = inside.xero.practices[TUI]
    tui.add_job(replace(tui.jobs["J000900"], number="J000123", name="Secret plan of Tui"))
    async with inside.visitor("U0TIA", THEIRS) as tia:
        second = await link(tia)
        status, where, html = await tia.sign_in(await link(tia), person="sam")
        assert status == 200, html
        _, _, html = await tia.fill(where, html, practice=TUI, answer="allow")
        assert "Connected to Tui Advisory" in html, html
        await tia.message("In sync:", seconds=20)
        await tia.type("/xpm disconnect")
        modal = await tia.modal("Disconnect Tui Advisory?")
    job, name, client = (
        await inside.rows(
            "select number, name, client_uuid from jobs where workspace_id = :id and is_open "
            "order by number",
            id=THEIRS,
        )
    )[0]
    overlap = await inside.one(
        "select count(*) from jobs a join jobs b on a.number = b.number "
        "where a.workspace_id = 'T0KEA' and b.workspace_id = 'T0TUI'"
    )
    assert overlap > 0, "the practices share no job number, so nothing would be mixed up"
    async with inside.visitor("U0TED", THEIRS) as ted:
        message = await inside.offered(ted)
        await ted.choose(message, menus.JOB, await option(ted, message, job, job))
        await shows(ted, message, job, "Minutes")
        other = await inside.offered(ted, notes=CANARY)
        await ted.press(other, "Don't log")
        await shows(ted, other, "Not logged")
        channel = (await ted.see())["conversation"]["id"]
    await settled(inside)
    entries = await inside.rows(
        "select id, state from entries where workspace_id = 'T0TUI' order by created_at"
    )
    phone = await inside.one("select id from phone_systems where workspace_id = 'T0TUI'")
    known = await inside.on_its_loop(inside.made.services.phone_systems.one(THEIRS, phone))
    assert known is not None
    await phone_desk.name_person(
        inside.made.settings, THEIRS, phone, NAME_OF_THEIRS, "ivy@example.com"
    )
    return Theirs(
        entry=entries[0][0],
        dismissed=entries[1][0],
        job=job,
        client=client,
        task=str(await inside.one("select uuid from tasks where workspace_id = 'T0TUI' limit 1")),
        channel=channel,
        ts=message["ts"],
        view=modal["id"],
        phone=phone,
        mark=known.mark,
        link=second.rpartition("/")[2],
        connected_at=modal["view"]["private_metadata"],
        words=("Tui Advisory", name, CANARY, NAME_OF_THEIRS),
    )


async def stop_clock(inside: Inside) -> None:
    inside.made.timetable.stop()


async def dump(inside: Inside, workspace: str = THEIRS) -> dict[str, list[str]]:
    async def read() -> dict[str, list[str]]:
        found = {}
        async with inside.made.database.reading() as tx:
            for name, table in t.metadata.tables.items():
                owner = table.c.id if name == "workspaces" else table.c.get("workspace_id")
                if owner is not None:
                    # A knock at their phone system's address that proves nothing is noted for them to see.
                    knocks = {"refused_at", "refused_why"} if name == "phone_systems" else set()
                    columns = [column for column in table.c if column.name not in knocks]
                    rows = await tx.execute(sa.select(*columns).where(owner == workspace))
                    found[name] = sorted(map(repr, rows))
        return found

    return await inside.on_its_loop(read())


async def ours_say(inside: Inside) -> str:
    """Everything that people of ours see."""
    said = []
    for user in ("U0SAM", "U0MIA"):
        async with inside.visitor(user, OURS) as person:
            seen = await person.see()
            said.append(text_of(seen["messages"]) + text_of(seen["home"] or {}))
            said += [text_of(one["view"]) for one in seen["modals"]]
    return " ".join(said)


def registered() -> dict[str, list[str]]:
    recorder = Recorder()
    listeners.register(cast("AsyncApp", recorder), cast("Services", None), Later())
    return recorder.ids


def test_every_listener_and_command_is_walked() -> None:
    there = {(kind, one) for kind, ids in registered().items() for one in ids}
    assert there == set(LISTENERS)
    assert set(listeners.COMMANDS) == set(COMMANDS)


async def test_every_page_is_walked(world: tuple[Inside, Theirs]) -> None:
    inside, _ = world
    paths = {getattr(route, "path", "") for route in web.create(inside.made).routes}
    assert paths == set(PAGES)


async def walk(inside: Inside, theirs: Theirs, requests: list[Json]) -> None:
    before, times = await dump(inside), repr(inside.xero.practices[TUI].times)
    seen_before = {
        user: repr((await peek(inside, user))["messages"]) for user in ("U0TED", "U0TIA")
    }
    for request in requests:
        for user in ("U0SAM", "U0MIA"):
            asked = {"team": OURS, "user": user, **request}
            if asked["kind"] == "action":
                channel = inside.slack.app_channel(inside.slack.teams[OURS], user)
                hook = inside.slack.new_hook(OURS, channel.id, user)
                asked["payload"] = {**asked["payload"], "response_url": hook}
            answer = await inside.raw(**asked)
            assert answer["status"] == 200, (request, answer)
            for word in theirs.words:
                assert word not in answer["body"], request
    await asyncio.sleep(0.5)
    await settled(inside)
    assert await dump(inside) == before
    assert repr(inside.xero.practices[TUI].times) == times
    for user, seen in seen_before.items():
        assert repr((await peek(inside, user))["messages"]) == seen, "something was said to them"
    said = await ours_say(inside)
    for word in theirs.words:
        assert word not in said


async def peek(inside: Inside, user: str) -> Json:
    async with inside.visitor(user, THEIRS) as person:
        return await person.see()


@pytest.mark.parametrize("word", sorted(COMMANDS))
async def test_command_of_ours_touches_nothing_of_theirs(
    world: tuple[Inside, Theirs], word: str
) -> None:
    inside, theirs = world
    await walk(inside, theirs, COMMANDS[word](theirs))


@pytest.mark.parametrize("listener", [one for one in LISTENERS if one not in LAST])
async def test_their_ids_in_our_hands_open_nothing(
    world: tuple[Inside, Theirs], listener: tuple[str, str]
) -> None:
    inside, theirs = world
    await walk(inside, theirs, LISTENERS[listener](theirs))


async def test_their_menu_is_empty_for_us(world: tuple[Inside, Theirs]) -> None:
    inside, theirs = world
    for request in LISTENERS[("options", menus.JOB)](theirs):
        answer = await inside.raw(**request, team=OURS, user="U0SAM")
        assert json.loads(answer["body"]) == {"options": []}


@pytest.mark.parametrize("path", sorted(PAGES))
async def test_their_addresses_open_nothing_to_us(world: tuple[Inside, Theirs], path: str) -> None:
    inside, theirs = world
    before = await dump(inside)
    mark = await inside.one("select link from connect_links where workspace_id = 'T0TUI' limit 1")
    full = path.replace("{doubt}", "other-email").replace("{provider}", "google")
    # The fingerprint is what a copy of the database would show; only the secret opens.
    full = (
        full.replace("{secret}", mark).replace("{kind}", "standard").replace("{id}", theirs.phone)
    )
    async with inside.visitor("U0SAM", OURS) as sam:
        url = f"{inside.app}{full}"
        post = path.startswith(("/calls/{", "/slack/events"))
        ask = sam._session.post if post else sam._session.get
        options: Json = {"data": b"{}"} if post else {"params": {"state": mark, "code": "x"}}
        async with ask(
            url, allow_redirects=False, headers={"cookie": f"xpm_connect={mark}"}, **options
        ) as answer:
            assert answer.status in PAGES[path], (path, answer.status)
            page = await answer.text()
    assert not [word for word in theirs.words if word in page]
    assert await dump(inside) == before


async def test_call_to_our_phone_system_for_their_person_is_nobodys(
    world: tuple[Inside, Theirs],
) -> None:
    inside, theirs = world
    added = await phone_desk.add(inside.made.settings, OURS)
    assert added is not None
    wrong = added.address.rpartition("/")[0] + "/" + theirs.phone
    before = await dump(inside)
    async with inside.visitor() as somebody:
        for address, status in ((added.address, 202), (wrong, 401)):
            asked = {"url": address, "secret": added.secret}
            await somebody.post(f"{inside.telephone}/sandbox/address", asked)
            assert (await inside.call("ivy@example.com", "+64215550123"))["status"] == status
    await settled(inside)
    assert await dump(inside) == before


async def test_same_job_number_is_each_ones_own(world: tuple[Inside, Theirs]) -> None:
    inside, _ = world
    rows = await inside.rows(
        "select a.name, b.name from jobs a join jobs b on a.number = b.number "
        "where a.workspace_id = 'T0KEA' and b.workspace_id = 'T0TUI' and a.name != b.name"
    )
    assert rows
    assert set(inside.xero.practices) >= {KEA, TUI}


@pytest.mark.parametrize("listener", LAST)
async def test_our_removal_leaves_them_as_they_are(
    world: tuple[Inside, Theirs], listener: tuple[str, str]
) -> None:
    inside, theirs = world
    await walk(inside, theirs, LISTENERS[listener](theirs))
    assert await inside.one("select removed_at from workspaces where id = 'T0KEA'") is not None
    live = await inside.one("select count(*) from connections where workspace_id = 'T0TUI'")
    assert live == 1


async def test_the_very_same_click_by_its_owner_is_taken(world: tuple[Inside, Theirs]) -> None:
    """Or the walk would prove nothing."""
    inside, theirs = world
    before = await dump(inside)
    request = LISTENERS[("action", post_call.DISMISS)](theirs)[0]
    assert (await inside.raw(**request, team=THEIRS, user="U0TED"))["status"] == 200
    await settled(inside)
    after = await dump(inside)
    assert after["entries"] != before["entries"]
    menu = LISTENERS[("options", menus.JOB)](theirs)[1]
    await inside.raw(**theirs.action(post_call.REOPEN), team=THEIRS, user="U0TED")
    answer = await inside.raw(**menu, team=THEIRS, user="U0TED")
    assert theirs.job in answer["body"]
