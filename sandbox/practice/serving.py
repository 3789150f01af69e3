"""Serve a pretend Xero on a free port of loopback, for a test or a benchmark that calls it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

import uvicorn

from sandbox.practice.app import create_practice
from sandbox.practice.settings import PracticeSettings
from sandbox.practice.state import PretendXero


@dataclass(frozen=True, slots=True)
class ServedPractice:
    """A pretend Xero that answers under `url`; `state` is what it holds."""

    url: str
    state: PretendXero


@asynccontextmanager
async def served_practice(
    settings: PracticeSettings, server: Literal["auto", "h11", "httptools"] = "auto"
) -> AsyncIterator[ServedPractice]:
    """Serve on the running loop until the block ends; the address replaces `public_url`."""
    # The protocol is named because asyncio turns Nagle off only where it stands: without it each
    # answer waits 40 ms for the other side's delayed acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = create_practice(replace(settings, public_url=url))
        config = uvicorn.Config(app, http=server, log_config=None, access_log=False, lifespan="on")
        # Started and stopped by hand: uvicorn's own end takes two tenths of a second, and its
        # signal handlers belong to a process that is nothing else.
        config.load()
        running = uvicorn.Server(config)
        running.lifespan = config.lifespan_class(config)
        await running.startup(sockets=[listening])
        try:
            yield ServedPractice(url, app.state.practice)
        finally:
            for open_server in running.servers:
                open_server.close()
            for connection in list(running.server_state.connections):
                connection.shutdown()
            await running.lifespan.shutdown()
            await asyncio.sleep(0.005)  # both sides of each connection close
