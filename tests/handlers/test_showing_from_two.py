"""Two replicas show one entry at the same moment, and Slack carries out or answers the older one last."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from handlers.notices import SlackNotices
from sandbox.visitor import Json, Visitor
from tests.handlers.inside import (
    JOB,
    Inside,
    block_of,
    chosen,
    newest,
    option,
    settled,
    shows,
    task_of,
)

TEAM = "T0KEA"


def another(inside: Inside) -> SlackNotices:
    """What another process has of its own: its turns; database and Slack are the same."""
    services = inside.made.services
    return SlackNotices(
        services.database,
        services.slack,
        services.people,
        services.clock,
        services.entries,
        services.homes,
    )


def entry_of(message: Json) -> str:
    return block_of(message, JOB).split(":")[1]


async def about(person: Visitor, since: str) -> list[Json]:
    """What the conversation holds that came after then."""
    seen = (await person.see())["messages"]
    return [one for one in seen if one["ts"] > since and not one["ephemeral"]]


async def is_shown_as_it_stands(inside: Inside, entry: str) -> bool:
    (row,) = await inside.rows(
        "select version, shown_version from entries where id = :id", id=entry
    )
    return bool(row[0] == row[1])


@pytest_asyncio.fixture(autouse=True)
async def well(kea: Inside) -> AsyncIterator[None]:
    """Whatever a test broke is whole again before the next."""
    yield
    await kea.no_faults()
    await settled(kea)


async def test_form_that_slack_shows_after_the_saved_message_gives_way_to_it(
    kea: Inside, mia: Visitor
) -> None:
    message = await chosen(mia, await kea.offered(mia))
    entry = entry_of(message)
    await settled(kea)
    # The other replica shows the chosen job; Slack lies down on it for a while and then carries it out.
    await kea.slack_fault("chat.update", "slow", seconds=1.5)
    other = asyncio.create_task(kea.on_its_loop(another(kea).show(TEAM, entry)))
    await asyncio.sleep(0.2)
    await mia.press(message, "Save time", fields={"task": task_of(message)})
    await shows(mia, message, "Tax return 2026 ·", "Undo")
    await other
    await shows(mia, message, "Tax return 2026 ·", "Undo")
    await settled(kea)
    assert await is_shown_as_it_stands(kea, entry)


async def test_update_that_slack_did_not_answer_is_made_good_though_nobody_clicks_again(
    kea: Inside, mia: Visitor
) -> None:
    message = await kea.offered(mia)
    await settled(kea)
    await kea.slack_fault("chat.update", "500", times=1, done=False)
    await mia.choose(message, JOB, await option(mia, message, "J000123", "J000123"))
    await shows(mia, message, "J000123", "Save time", seconds=20)
    await settled(kea)
    assert await is_shown_as_it_stands(kea, entry_of(message))


async def test_call_posted_by_two_is_one_message_in_the_end_whichever_answer_comes_last(
    kea: Inside, mia: Visitor
) -> None:
    before = newest(await mia.see())
    # The workflow's post is in the conversation at once, its answer is not.
    await kea.slack_fault("chat.postMessage", "late", seconds=1.5, done=True)
    first = await kea.offered(mia)
    # Another replica, where somebody clicks, knows no message yet and posts its own.
    entry = entry_of(first)
    await kea.on_its_loop(another(kea).show(TEAM, entry))
    assert len(await about(mia, before)) == 2
    await settled(kea)
    (left,) = await about(mia, before)
    assert left["ts"] == await kea.one("select message_ts from entries where id = :id", id=entry)
    chose = await chosen(mia, left)
    await mia.press(chose, "Save time", fields={"task": task_of(chose)})
    await shows(mia, chose, "Tax return 2026 ·", "Undo")
    await settled(kea)
    assert len(await about(mia, before)) == 1
    assert await is_shown_as_it_stands(kea, entry)
