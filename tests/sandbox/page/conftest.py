"""The page in a real Chromium, with the stub behind it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from .stub import Stub

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]


@pytest_asyncio.fixture(loop_scope="session")
async def stub() -> AsyncIterator[Stub]:
    """A served door; `stub.address` is where."""
    stub = Stub()
    server = uvicorn.Server(uvicorn.Config(stub.app, port=0, log_level="warning"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn offers no event for it
        await asyncio.sleep(0.01)
    stub.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield stub
    stub.close()
    server.should_exit = True
    await running


@pytest.fixture(scope="session")
def chromium() -> Path:
    if not CHROMIUM.exists():
        pytest.skip("needs /usr/bin/chromium")
    return CHROMIUM


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """One Chromium for all tests of the page; its tests share its loop."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, stub: Stub) -> AsyncIterator[Page]:
    """The page opened as Sam in the app's messages; an error in a script fails the test."""
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(5000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"{stub.address}/?team=T0KEA&user=U0SAM")
    await page.get_by_test_id("composer").wait_for()
    yield page
    await page.close()
    assert errors == []
