"""Taking the app out: everything stops at once, the data goes after a grace, and coming back within it is easy."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.handlers.inside import KEA, TUI, Inside, install, link, running, settled
from xpm.store import tables as t

TEAM = "T0KEA"


async def rows_of(inside: Inside) -> dict[str, int]:
    """How many rows of every table of the database, the engine's included, tell of Kea's team."""

    async def read() -> dict[str, int]:
        async with inside.made.database.reading() as tx:
            names = (
                await tx.execute(
                    sa.text("select name from sqlite_master where type = 'table' order by name")
                )
            ).scalars()
            found = {}
            for name in list(names):
                rows = (await tx.execute(sa.text(f'select * from "{name}"'))).all()  # noqa: S608
                found[name] = sum(any(TEAM in str(value) for value in row) for row in rows)
            return found

    return await inside.on_its_loop(read())


async def gone(inside: Inside) -> None:
    for _ in range(200):
        if await inside.one("select count(*) from workspaces where removed_at is null") == 0:
            break
        await asyncio.sleep(0.02)
    await settled(inside)


async def later(inside: Inside, days: float) -> None:
    """Moves the removal into the past and lets the clock tick."""

    async def move() -> None:
        async with inside.made.database.transaction() as tx:
            rows = (await tx.execute(sa.select(t.workspaces.c.id, t.workspaces.c.removed_at))).all()
            for row in rows:
                if row.removed_at is not None:
                    past = row.removed_at - dt.timedelta(days=days)
                    await tx.execute(
                        sa.update(t.workspaces)
                        .where(t.workspaces.c.id == row.id)
                        .values(removed_at=past)
                    )
        await inside.made.services.leaving.erase_due()

    await inside.on_its_loop(move())


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Inside]:
    with running(tmp_path) as made:
        yield made


async def test_removal_stops_everything_at_once_and_erases_after_the_grace(fresh: Inside) -> None:
    inside = fresh
    await inside.connect()
    async with inside.visitor("U0MIA") as mia, inside.visitor("U0SAM") as sam:
        await mia.do("home", tab="home")
        await inside.offered(mia)
        await sam.type("/xpm connect")
        assert (await rows_of(inside))["entries"] == 1
        await sam.do("uninstall")
        await gone(inside)
    # At once: no token of Slack or Xero, no mirror, no link; XPM is left at Xero.
    assert inside.xero.grants.connections() == []
    row = (await inside.rows("select bot_token, refresh_token, removed_at from workspaces"))[0]
    assert row[:2] == (None, None)
    assert row[2] is not None
    found = await rows_of(inside)
    for name in ("connections", "connect_links", "clients", "contacts", "jobs", "staff"):
        assert found[name] == 0, name
    assert found["entries"] == found["phone_systems"] == 1
    calls = len(inside.slack.calls)
    assert (await inside.call("mia@example.com", "+64215550123"))["status"] == 404
    assert (await inside.raw("command", text="status"))["status"] == 200
    async with inside.visitor("U0SAM") as sam:
        await sam.message("This app is not in this workspace any more", "add it again")
    await settled(inside)
    assert len(inside.slack.calls) == calls, "something was sent to a workspace that is gone"
    # Within the grace nothing is erased, after it everything but the audit.
    await later(inside, 2.9)
    assert (await rows_of(inside))["entries"] == 1
    await later(inside, 0.2)
    left = {name for name, count in (await rows_of(inside)).items() if count}
    assert left == {"audit"}
    events = [row[0] for row in await inside.rows("select event from audit order by id")]
    assert events[-1] == "workspace.erased"
    assert events.count("workspace.removed") == 1
    assert "connection.deleted" in events
    # A second tick, of another replica perhaps, notes nothing more.
    await later(inside, 1)
    assert events == [row[0] for row in await inside.rows("select event from audit order by id")]


async def test_who_comes_back_within_the_grace_finds_the_data_but_not_the_connection(
    fresh: Inside,
) -> None:
    inside = fresh
    await inside.connect()
    async with inside.visitor("U0MIA") as mia, inside.visitor("U0SAM") as sam:
        await inside.offered(mia)
        await sam.do("uninstall")
        await gone(inside)
        await later(inside, 1)
        await install(inside)
        assert await inside.one("select count(*) from entries") == 1
        assert await inside.one("select count(*) from phone_systems") == 2
        assert await inside.one("select count(*) from connections") == 0
        await sam.type("/xpm status")
        await sam.message("Not connected")
        await later(inside, 9)
        assert await inside.one("select count(*) from entries") == 1
        await inside.connect()
        await inside.offered(mia)


async def test_event_that_comes_late_does_not_remove_a_reinstalled_app(fresh: Inside) -> None:
    inside = fresh
    old = {"event_time": int(dt.datetime.now(dt.UTC).timestamp()) - 60}
    event = {"type": "app_uninstalled"}
    assert (await inside.raw("event", event=event, payload=old))["status"] == 200
    revoked = {"type": "tokens_revoked", "tokens": {"bot": ["U0BOTKEA"]}}
    assert (await inside.raw("event", event=revoked, payload=old))["status"] == 200
    assert await inside.one("select count(*) from workspaces where removed_at is null") == 1


async def test_revoked_token_without_an_event_is_noticed_at_the_next_call(fresh: Inside) -> None:
    inside = fresh
    installation = inside.slack.teams[TEAM].installation
    assert installation is not None
    installation.state = "uninstalled"
    async with inside.visitor("U0SAM") as sam:
        await sam.type("/xpm disconnect")
    await gone(inside)
    assert await inside.one("select count(*) from workspaces where removed_at is null") == 0


async def test_consent_that_is_answered_after_the_removal_connects_nothing(fresh: Inside) -> None:
    inside = fresh
    async with inside.visitor("U0SAM") as sam:
        url = await link(sam)
        await sam.do("uninstall")
        await gone(inside)
        status, _, page = await sam.open(url)
    assert status == 404
    assert "does not work" in page
    assert await inside.one("select count(*) from connections") == 0


async def test_removal_while_xero_answers_connects_nothing(fresh: Inside) -> None:
    inside = fresh
    async with inside.visitor("U0SAM") as sam, inside.visitor("U0SAM") as admin:
        _, where, html = await sam.sign_in(await link(sam))
        await inside.fault("late", "connect/token", seconds=1.5)
        finishing = asyncio.create_task(sam.fill(where, html, practice=KEA, answer="allow"))
        await asyncio.sleep(0.5)
        await admin.do("uninstall")
        await gone(inside)
        status, _, page = await finishing
    assert status == 404
    assert "does not work" in page
    assert await inside.one("select count(*) from connections") == 0
    # What was allowed at Xero meanwhile is given back: nobody could ever do so later.
    assert inside.xero.grants.connections() == []
    assert not any(grant.families for grant in inside.xero.grants._by_person.values())


async def test_removal_while_the_person_is_asked_which_practice_gives_the_grant_back(
    fresh: Inside,
) -> None:
    inside = fresh
    async with inside.visitor("U0SAM") as sam, inside.visitor("U0SAM") as admin:
        _, where, html = await sam.sign_in(await link(sam))
        _, where, html = await sam.fill(where, html, practice=[KEA, TUI], answer="allow")
        assert "Which practice?" in html
        await admin.do("uninstall")
        await gone(inside)
        assert inside.xero.grants.connections() == []
        assert not any(grant.families for grant in inside.xero.grants._by_person.values())
        assert await inside.one("select count(*) from connect_links") == 0
        status, _, html = await sam.fill(where, html, practice=KEA)
    assert status == 404
    assert "does not work" in html
    assert await inside.one("select count(*) from connections") == 0


async def test_removal_while_xero_is_away_forgets_the_consent_all_the_same(fresh: Inside) -> None:
    inside = fresh
    async with inside.visitor("U0SAM") as sam:
        _, where, html = await sam.sign_in(await link(sam))
        await sam.fill(where, html, practice=[KEA, TUI], answer="allow")
        await inside.fault("503", "*", times=-1)
        await sam.do("uninstall")
        await gone(inside)
    await inside.no_faults()
    assert await inside.one("select count(*) from connect_links") == 0
