"""The sandbox's page in a real Chromium, with the app behind it as a process of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ViewportSize, expect

from sandbox import story
from sandbox.story import Stage
from sandbox.visitor import address_of, text_of
from sandbox.world import TEAM, World, world
from tests.browser.desk import Desk, OpenDesk
from tests.chromium import OPENING
from tests.forked import launch
from tests.replicas import Replicas

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}

expect.set_options(timeout=15000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kea(
    chromium: str, tmp_path_factory: pytest.TempPathFactory, replicas: Replicas
) -> AsyncIterator[World]:
    """One world for the whole story. XPM's limit a minute is out of the way: other tests have it."""
    folder, practice = (
        tmp_path_factory.mktemp("world"),
        {"minute_limit": 6000, "day_limit": 100_000},
    )
    async with world(folder, practice=practice, launch=launch(replicas)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def stage(kea: World) -> AsyncIterator[Stage]:
    """What happens outside the browser: calls, XPM's times, a job that completes."""
    async with kea.visitor("U0SAM") as sam, kea.visitor("U0MIA") as mia:
        yield Stage(kea, sam, mia)


@pytest_asyncio.fixture(loop_scope="session")
async def connected(stage: Stage) -> Stage:
    """The world with Kea Accounting connected and downloaded, however the test before left it."""
    if not (await stage.practice())["connections"]:
        before = len((await stage.sam.see())["messages"])
        await stage.sam.type("/xpm connect")
        [link] = await stage.sam.until(lambda seen: seen["messages"][before:], "link to connect")
        _, where, html = await stage.sam.sign_in(address_of(link, "Connect"))
        await stage.sam.fill(where, html, practice=story.KEA, answer="allow")
        await stage.sam.until(
            lambda seen: any("In sync:" in text_of(one) for one in seen["messages"][before:]),
            "end of the download",
        )
    return stage


@pytest_asyncio.fixture(loop_scope="session")
async def unconnected(stage: Stage) -> Stage:
    """The world with nothing connected, however the test before left it."""
    if (await stage.practice())["connections"]:
        await stage.sam.type("/xpm disconnect")
        await stage.sam.submit(await stage.sam.modal("Disconnect Kea Accounting?"))
        await stage.sam.do("close", view_id=(await stage.sam.modal("Disconnected from"))["id"])
    return stage


@pytest_asyncio.fixture(loop_scope="session")
async def sit_down(browser: Browser, kea: World) -> AsyncIterator[OpenDesk]:
    """Opens the page as somebody; an error in one of its scripts fails the test."""
    desks: list[Desk] = []

    async def sit(person: str = "U0MIA", *, is_phone: bool = False) -> Desk:
        context = await browser.new_context(
            viewport=PHONE if is_phone else DESK,
            device_scale_factor=2 if is_phone else 1,
            has_touch=is_phone,
            is_mobile=is_phone,
            locale="en-NZ",
        )
        context.set_default_timeout(15000)
        context.set_default_navigation_timeout(OPENING)
        page = await context.new_page()
        desk = Desk(page)
        page.on("pageerror", lambda error: desk.errors.append(str(error)))
        desks.append(desk)
        # A test that failed may have left a modal open.
        async with kea.visitor(person) as visitor:
            for modal in reversed((await visitor.see())["modals"]):
                await visitor.do("close", view_id=modal["id"])
        await page.goto(f"{kea.page}/?team={TEAM}&user={person}")
        await page.get_by_test_id("composer").wait_for(timeout=OPENING)
        return desk

    yield sit
    for desk in desks:
        await desk.page.context.close()
    assert [error for desk in desks for error in desk.errors] == []
