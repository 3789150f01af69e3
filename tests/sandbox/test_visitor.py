"""Somebody at the page waits for what is to come without asking all the time."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.visitor import NotThere, Visitor

_SECONDS = 0.6


@pytest.mark.parametrize("said", [b": hello\n\n", b""], ids=["ended after a greeting", "ended"])
async def test_who_waits_at_a_stream_that_ended_looks_seldom(said: bytes) -> None:
    looks = 0

    async def state(_: web.Request) -> web.Response:
        nonlocal looks
        looks += 1
        return web.json_response({"messages": [], "modals": []})

    async def changes(_: web.Request) -> web.Response:
        return web.Response(body=said, content_type="text/event-stream")

    app = web.Application()
    app.router.add_get("/client/state", state)
    app.router.add_get("/client/changes", changes)
    async with (
        TestServer(app) as server,
        Visitor(f"http://127.0.0.1:{server.port}", "U", "T") as sam,
    ):
        with pytest.raises(NotThere):
            await sam.until(lambda _: None, "anything", seconds=_SECONDS)
    assert 2 <= looks <= 10
