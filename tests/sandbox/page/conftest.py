"""The page in a real Chromium, with the stub behind it."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Error, Page

from sandbox.serving import address, listen, serving
from tests.chromium import OPENING

from .stub import Stub


@pytest_asyncio.fixture(loop_scope="session")
async def stub() -> AsyncIterator[Stub]:
    """A served door; `stub.address` is where."""
    stub = Stub()
    bound = listen()
    stub.address = address(bound)
    async with serving((stub.app, bound)):
        yield stub
        stub.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def window(browser: Browser) -> AsyncIterator[Page]:
    """The one window most tests look through: a new one costs a process, five times what opening the page does."""
    window = await browser.new_page(viewport={"width": 1280, "height": 800})
    window.set_default_timeout(15000)
    window.set_default_navigation_timeout(OPENING)
    yield window
    await window.close()


@pytest_asyncio.fixture(loop_scope="session")
async def opened(window: Page) -> AsyncIterator[Page]:
    """The window with nothing open, an error in a script failing the test.

    No test sees another's page: each stub has a port and so a storage of its own, and the document goes with it.
    """
    errors: list[str] = []

    def note(error: Error) -> None:
        errors.append(str(error))

    window.on("pageerror", note)
    yield window
    window.remove_listener("pageerror", note)
    await window.goto("about:blank")
    await window.context.clear_cookies()
    await window.mouse.move(0, 0)
    assert errors == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(stub: Stub, opened: Page) -> Page:
    """The page opened as Sam in the app's messages."""
    await opened.goto(f"{stub.address}/?team=T0KEA&user=U0SAM")
    await opened.get_by_test_id("composer").wait_for(timeout=OPENING)
    return opened
