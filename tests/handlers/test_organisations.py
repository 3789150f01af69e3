"""The app given to a whole organisation: one token, several workspaces, each with data of its own."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot import phone_systems
from sandbox.visitor import NotThere, Visitor, text_of
from tests.handlers.inside import Inside, newest, running, settled
from xpm.store.calls import UNKNOWN_PERSON

ORG, NORTH, SOUTH = "E0RATA", "T0RATA", "T0RIMU"
RUBY, RON, SIA = "W0RUBY", "W0RON", "W0SIA"


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    with running(tmp_path, workspace={"has_organisation": True, "token_seconds": 3600}) as made:
        yield made


async def add(inside: Inside, whose: str = ORG, user: str = RUBY) -> str:
    """Adds the app as an admin of the organisation; the page at the end."""
    async with inside.visitor(user, whose) as admin:
        status, where, html = await admin.open(f"{inside.app}/slack/install")
        assert status == 200
        status, _, page = await admin.fill(where, html, person=f"{whose}:{user}", decision="allow")
        assert status == 200, page
    await settled(inside)
    return page


async def says(person: Visitor, typed: str, *words: str) -> None:
    before = newest(await person.see())
    await person.type(typed)
    await person.until(
        lambda seen: any(
            one["ts"] > before and all(word in text_of(one) for word in words)
            for one in seen["messages"]
        ),
        f"answer to {typed} with {words}",
    )


async def installed(inside: Inside) -> dict[str, str]:
    found = await inside.rows(
        "select id, name from workspaces where removed_at is null and id != 'T0KEA'"
    )
    return {row[0]: row[1] for row in found}


async def test_one_installation_serves_every_workspace_under_its_own_name(inside: Inside) -> None:
    page = await add(inside)
    assert "Added to Rata Group" in page
    assert await installed(inside) == {
        ORG: "Rata Group", NORTH: "Rata North", SOUTH: "Rimu South",
    }  # fmt: skip
    tokens = await inside.rows("select id from workspaces where bot_token is not null order by id")
    assert [row[0] for row in tokens] == [ORG, "T0KEA"]
    for user, team in ((RON, NORTH), (SIA, SOUTH)):
        async with inside.visitor(user, team) as person:
            await says(person, "/xpm help", "not connected")
            await person.do("home", tab="home")
            await person.home("Not connected")
            await says(person, "/xpm connect", "works once")
    people = await inside.rows("select workspace_id, slack_user_id from people order by 1")
    assert [tuple(row) for row in people] == [(NORTH, RON), (SOUTH, SIA)]
    links = await inside.rows("select workspace_id, slack_user_id from connect_links order by 1")
    assert [tuple(row) for row in links] == [(NORTH, RON), (SOUTH, SIA)]


async def test_modal_of_an_organisation_names_no_team_and_is_answered_all_the_same(
    inside: Inside,
) -> None:
    await add(inside)
    async with inside.visitor(RUBY, NORTH) as ruby:
        await ruby.type("/xpm disconnect")
        await ruby.modal("There is nothing to disconnect")
        view = (await ruby.see())["modals"][0]
        payload = {
            "team": None,
            "view": {
                **view["view"], "callback_id": "connect.disconnect_modal", "id": view["id"],
                "app_installed_team_id": ORG,
            },
        }  # fmt: skip
        answer = await inside.raw("submit", team=NORTH, user=RUBY, payload=payload)
        assert answer["status"] == 200
        assert "nothing to disconnect" in answer["body"]


async def test_workspace_is_met_by_its_first_request_and_named_afterwards(inside: Inside) -> None:
    async with inside.visitor(SIA, SOUTH) as sia:
        inside.slack.teams[SOUTH].installation = None
        await add(inside)
        await forget(inside, SOUTH)
        await says(sia, "/xpm status", "Not connected")
        await settled(inside)
    assert (await installed(inside))[SOUTH] == "Rimu South"


async def forget(inside: Inside, workspace_id: str) -> None:
    async def write() -> None:
        async with inside.made.database.transaction() as tx:
            await tx.execute(sa.text("delete from workspaces where id = :id"), {"id": workspace_id})

    await inside.on_its_loop(write())


async def test_call_of_one_workspace_never_reaches_a_person_of_another(inside: Inside) -> None:
    """The organisation's token finds Sia by her address, but she is not in the workspace the call came for."""
    await add(inside)
    async with inside.visitor(RUBY, NORTH) as ruby:
        added = await phone_systems.add(inside.made.settings, NORTH)
        assert added is not None
        await ruby.post(
            f"{inside.telephone}/sandbox/address", {"url": added.address, "secret": added.secret}
        )
    async with inside.visitor(SIA, SOUTH) as sia, inside.visitor(RON, NORTH) as ron:
        assert (await inside.call("sia@rimu.example.com"))["status"] == 202
        assert (await inside.call("ron@rata.example.com"))["status"] == 202
        await settled(inside)
        outcomes = await inside.rows(
            "select email, outcome, workspace_id from calls order by email"
        )
        assert all(row[2] == NORTH for row in outcomes)
        assert {row[0]: row[1] for row in outcomes}["sia@rimu.example.com"] == UNKNOWN_PERSON
        assert (await sia.see())["messages"] == []
        assert await inside.one("select count(*) from people where slack_user_id = 'W0SIA'") == 0
        del ron


async def test_workspaces_own_installation_goes_before_its_organisations(inside: Inside) -> None:
    await add(inside, NORTH)
    own = inside.slack.teams[NORTH].installation
    await add(inside)
    inside.slack.teams[NORTH].installation = own
    assert own is not None
    token = await inside.on_its_loop(inside.made.services.slack.token(NORTH))
    assert token == own.token
    whole = await inside.on_its_loop(inside.made.services.slack.token(SOUTH))
    assert whole not in (token, None)


async def test_uninstalling_from_the_organisation_removes_every_workspace_of_it_and_no_other(
    inside: Inside,
) -> None:
    await add(inside)
    async with inside.visitor(RUBY, NORTH) as ruby:
        await says(ruby, "/xpm connect", "works once")
        await ruby.do("uninstall")
    for _ in range(200):
        if not await installed(inside):
            break
        await asyncio.sleep(0.02)
    assert await installed(inside) == {}
    assert await inside.one("select removed_at from workspaces where id = 'T0KEA'") is None
    assert await inside.one("select count(*) from workspaces where bot_token is not null") == 1
    await settled(inside)
    # The organisation adds it again: its workspaces are back, with their data.
    await add(inside)
    assert set(await installed(inside)) == {ORG, NORTH, SOUTH}
    assert await inside.one("select count(*) from people where workspace_id = 'T0RATA'") == 1


async def test_organisation_takes_the_app_from_one_workspace_and_gives_it_back(
    inside: Inside,
) -> None:
    await add(inside)
    async with inside.visitor(SIA, SOUTH) as sia, inside.visitor(RON, NORTH) as ron:
        await says(sia, "/xpm status", "Not connected")
        await sia.do("give", is_given=False)
        for _ in range(200):
            if SOUTH not in await installed(inside):
                break
            await asyncio.sleep(0.02)
        assert set(await installed(inside)) == {ORG, NORTH}
        await says(ron, "/xpm status", "Not connected")
        # A click that was under way finds nobody and leaves nothing.
        people = await inside.rows("select * from people")
        inside.slack.teams[SOUTH].installation = inside.slack.organisations[ORG].installation
        assert (await inside.raw("command", team=SOUTH, user=SIA, text="connect"))["status"] == 200
        await settled(inside)
        assert await inside.rows("select * from people") == people
        with pytest.raises(NotThere):
            await sia.until(
                lambda seen: any("works once" in text_of(one) for one in seen["messages"]),
                "link",
                seconds=0.3,
            )
        await sia.do("give")
        for _ in range(200):
            if SOUTH in await installed(inside):
                break
            await asyncio.sleep(0.02)
        await settled(inside)
        assert (await installed(inside))[SOUTH] == "Rimu South"
        await says(sia, "/xpm status", "Not connected")


async def test_one_workspace_of_an_organisation_is_removed_alone(inside: Inside) -> None:
    """Installed in one workspace of an organisation, not in the whole: its own event, its own row."""
    await add(inside, NORTH)
    await add(inside, SOUTH, SIA)
    assert set(await installed(inside)) == {NORTH, SOUTH}
    async with inside.visitor(SIA, SOUTH) as sia:
        await sia.do("uninstall")
    for _ in range(200):
        if SOUTH not in await installed(inside):
            break
        await asyncio.sleep(0.02)
    assert set(await installed(inside)) == {NORTH}


async def test_organisations_token_rotates_for_all_its_workspaces(inside: Inside) -> None:
    inside.slack.manifest = replace(inside.slack.manifest, has_token_rotation=True)
    await add(inside)
    # Tokens of an hour are due at once: each request lends the present one and fetches the next beside.
    async with inside.visitor(RON, NORTH) as ron, inside.visitor(SIA, SOUTH) as sia:
        for _ in range(3):
            await asyncio.gather(
                says(ron, "/xpm connect", "works once"), says(sia, "/xpm connect", "works once")
            )
    rows = await inside.rows(
        "select id, token_version from workspaces where refresh_token is not null"
    )
    assert [row[0] for row in rows] == [ORG]
    assert rows[0][1] > 1
    refused = [one for one in inside.slack.calls if one["error"] == "invalid_refresh_token"]
    assert refused == []
