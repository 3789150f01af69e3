"""Which doors lead to somebody who waits: work stands back for Slack and phone systems, not for browsers' pages."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.metrics import Measured, Metrics
from xpm.clock import utc_now
from xpm.precedence import Precedence
from xpm.store import Database


@pytest.mark.parametrize(
    ("path", "waits"),
    [
        ("/slack/events", True),
        ("/calls/standard/one", True),
        ("/connect/xero/callback", False),
        ("/metrics", False),
        ("/", False),
    ],
)
async def test_work_stands_back_for_whom_slack_and_phones_answer(
    sqlite_url: str, path: str, *, waits: bool
) -> None:
    precedence, seen = Precedence(), []
    database = Database(sqlite_url)

    async def answer(_: Request) -> Response:
        seen.append(precedence.is_busy)
        return Response("ok")

    app = Measured(Starlette(routes=[Route(path, answer)]), Metrics(database, utc_now), precedence)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://app.example.com"
    ) as client:
        assert (await client.get(path)).text == "ok"
    assert seen == [waits]
    async with asyncio.timeout(5):
        await precedence.stand_back()
    assert not precedence.is_busy
    await database.close()
