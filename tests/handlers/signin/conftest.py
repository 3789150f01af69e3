"""Browsers for the sign-in, and pretend providers that behave again when a test ends."""

from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio

from tests.handlers.inside import Inside
from tests.handlers.signin.walk import Browser


@pytest_asyncio.fixture
async def browser(inside: Inside) -> AsyncIterator[Browser]:
    """Somebody's browser; the providers are put back afterwards, keys apart."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Browser(inside, session)
    inside.signing.wrongs.clear()
    inside.signing.faults.clear()


@pytest_asyncio.fixture
async def other(inside: Inside) -> AsyncIterator[Browser]:
    """Somebody else's browser."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Browser(inside, session)
