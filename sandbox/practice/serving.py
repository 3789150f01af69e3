"""Serve a pretend Xero on a free port of loopback, for a test or a benchmark that calls it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sandbox.practice.app import create_practice
from sandbox.practice.settings import PracticeSettings
from sandbox.practice.state import PretendXero
from sandbox.serving import Protocol, address, listen, serving


@dataclass(frozen=True, slots=True)
class ServedPractice:
    """A pretend Xero that answers under `url`; `state` is what it holds."""

    url: str
    state: PretendXero


@asynccontextmanager
async def served_practice(
    settings: PracticeSettings, server: Protocol = "auto"
) -> AsyncIterator[ServedPractice]:
    """Serve on the running loop until the block ends; the address replaces `public_url`."""
    bound = listen()
    url = address(bound)
    app = create_practice(replace(settings, public_url=url))
    async with serving((app, bound), http=server):
        yield ServedPractice(url, app.state.practice)
