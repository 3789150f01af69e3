"""Serves the pretend servers of one process, each on its own port of loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

Protocol = Literal["auto", "h11", "httptools"]


def listen(port: int = 0) -> socket.socket:
    """A bound socket on loopback; port 0 means any free one. Raises OSError when the port is taken."""
    # The protocol is named because asyncio turns Nagle off only where it stands: without it each answer waits 40 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound


def address(bound: socket.socket) -> str:
    """The address of a bound socket."""
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def serving(
    *servers: tuple[ASGIApp, socket.socket], http: Protocol = "auto"
) -> AsyncIterator[None]:
    """Serves apps on sockets until the block ends."""
    async with AsyncExitStack() as stack:
        for app, bound in servers:
            await stack.enter_async_context(_one(app, bound, http))
        yield


@asynccontextmanager
async def _one(app: ASGIApp, bound: socket.socket, http: Protocol) -> AsyncIterator[None]:
    # As long as those it stands in for keep an idle connection. uvicorn's five seconds are httpx's, and of two who let
    # go in the same instant one has just sent something.
    config = uvicorn.Config(
        app,
        http=http,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_keep_alive=75,
    )
    config.load()
    # Started and stopped by hand: uvicorn's own signal handlers belong to a process that is nothing else.
    running = uvicorn.Server(config)
    running.lifespan = config.lifespan_class(config)
    await running.startup(sockets=[bound])
    try:
        yield
    finally:
        for open_server in running.servers:
            open_server.close()
        for connection in list(running.server_state.connections):
            connection.shutdown()
        await running.lifespan.shutdown()
        bound.close()
        await asyncio.sleep(0.005)
