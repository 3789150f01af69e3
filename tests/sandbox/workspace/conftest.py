"""A served workspace beside a served pretend app."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from sandbox.serving import serving
from sandbox.workspace import WorkspaceSettings, create_workspace

from .loopback import SIGNING_SECRET, PretendApp, browser, free_socket, manifest
from .person import Clock, Sitting


@pytest_asyncio.fixture
async def bare() -> AsyncIterator[Sitting]:
    """A workspace into which nobody has let the app yet."""
    app = PretendApp()
    app_socket, app_url = free_socket()
    own_socket, own_url = free_socket()
    settings = WorkspaceSettings(
        public_url=own_url,
        app_id="A0XPM",
        client_id="1.2",
        client_secret="a-client-secret",
        signing_secret=SIGNING_SECRET,
        manifest=manifest(app_url),
        addresses={"practice": "http://127.0.0.1:9"},
        answer_seconds=0.4,
        event_retry_delays=(0, 0.01, 0.01),
    )
    clock = Clock()
    asgi = create_workspace(settings, clock=clock)
    async with serving((app.asgi(), app_socket), (asgi, own_socket)), browser(own_url) as client:
        yield Sitting(client, app, settings, asgi.state.workspace, clock)


@pytest_asyncio.fixture
async def slack(bare: Sitting) -> Sitting:
    """A workspace with the app in Kea Accounting."""
    await bare.install()
    return bare
