"""The page in a real Chromium, with the stub behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from sandbox.serving import address, listen, serving

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
    bound = listen()
    stub.address = address(bound)
    async with serving((stub.app, bound)):
        yield stub
        stub.close()


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
