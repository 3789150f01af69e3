"""The one browser of a test run: Debian's Chromium, the shell without windows where it is installed.

The shell (package `chromium-headless-shell`) draws and clicks the same for two thirds of the processor time.
"""

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

OPENING = 30_000
"""Milliseconds a page may take to open and draw itself: the first one meets a browser that is still starting."""
NO_CHROMIUM = (
    "NO CHROMIUM FOUND: NOTHING OF THE PAGE WAS CLICKED. "
    "Install one (Debian: apt-get install chromium-headless-shell) and run these tests again."
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where a Chromium is; skips LOUDLY without one."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip(NO_CHROMIUM)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """One Chromium for all that a worker clicks; tests that use it share its loop."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()
