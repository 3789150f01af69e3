"""The floors: bare Bolt on the same server, framework, driver and database, doing as little as such an app can.

F0 an empty listener · F1 the same plus one indexed read · F2 the same plus one durable commit of one row.
Run as a program: `python -m benchmarks.floors` with the app's settings in the environment.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import settings as app_settings
from xpm.store import Database
from xpm.store import tables as t

F0, F1, F2 = "floor.f0", "floor.f1", "floor.f2"


def create(settings: app_settings.Settings) -> Starlette:
    """Bare Bolt as ASGI, with one action for each floor."""
    database = Database(settings.database_url)

    async def authorize(**_: Any) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id="T0KEA",
            bot_token="xoxb-floor",
            bot_id="B1",
            bot_user_id="U1",
        )

    bolt = AsyncApp(
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        authorize=authorize,
        process_before_response=True,
    )
    count = 0

    async def nothing(ack: Any) -> None:
        await ack()

    async def one_read(ack: Any) -> None:
        async with database.reading() as tx:
            await tx.execute(sa.select(t.workspaces).where(t.workspaces.c.id == "T0KEA"))
        await ack()

    async def one_commit(ack: Any) -> None:
        nonlocal count
        count += 1
        async with database.transaction() as tx:
            await tx.execute(
                sa.update(t.workspaces)
                .where(t.workspaces.c.id == "T0KEA")
                .values(scopes=str(count))
            )
        await ack()

    for action_id, listener in ((F0, nothing), (F1, one_read), (F2, one_commit)):
        bolt.action(action_id)(listener)
    slack = AsyncSlackRequestHandler(bolt)

    async def events(request: Request) -> Response:
        return await slack.handle(request)

    async def healthz(_: Request) -> Response:
        return Response("ok")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await database.close()

    return Starlette(
        routes=[
            Route("/slack/events", events, methods=["POST"]),
            Route("/readyz", healthz),
        ],
        lifespan=lifespan,
    )


if __name__ == "__main__":
    found = app_settings.load()
    uvicorn.run(create(found), host=found.host, port=found.port, log_config=None, access_log=False)
