"""The one place that joins the workspace's parts into a server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from sandbox.workspace.api.http import answer_api
from sandbox.workspace.consent import show_consent, take_consent
from sandbox.workspace.door.asks import DoorError, refuse
from sandbox.workspace.door.routes import door_routes
from sandbox.workspace.hooks import answer_hook
from sandbox.workspace.settings import WorkspaceSettings
from sandbox.workspace.state import Workspace

PAGE = Path(__file__).parent / "page"
_NO_STORE = {"cache-control": "no-store"}


class _FreshFiles(StaticFiles):
    """Static files that a browser never keeps, so that an edited page is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file with Cache-Control: no-store."""
        response = await super().get_response(path, scope)
        response.headers.update(_NO_STORE)
        return response


async def show_page(_: Request) -> Response:
    """The page a newcomer clicks."""
    index = PAGE / "index.html"
    if not index.is_file():
        return PlainTextResponse("The page is not here.", 404, _NO_STORE)
    return FileResponse(index, headers=_NO_STORE)


async def app_redirect(request: Request) -> Response:
    """Slack's link into an app: the page, with the app's direct message open.

    https://docs.slack.dev/interactivity/deep-linking#app_redirect
    """
    team = request.query_params.get("team", "T0KEA")
    return RedirectResponse(f"/?{urlencode({'team': team, 'conversation': 'app'})}", 302)


async def archive(request: Request) -> Response:
    """A permalink: the page, with the message's conversation open."""
    workspace: Workspace = request.app.state.workspace
    channel_id = str(request.path_params["channel"])
    for team in workspace.teams.values():
        if (channel := team.channels.get(channel_id)) is not None:
            conversation = "app" if channel.kind == "app" else channel.id
            place = urlencode({"team": team.id, "conversation": conversation})
            return RedirectResponse(f"/?{place}", 302)
    return PlainTextResponse("No such message.", 404)


def create_workspace(
    settings: WorkspaceSettings, clock: Callable[[], float] = time.time
) -> Starlette:
    """A pretend Slack as an ASGI app; `app.state.workspace` is the live state.

    Open pages keep a stream: call `app.state.workspace.stop()` before the server shuts down,
    or give the server a short graceful time.
    """
    workspace = Workspace(settings, clock)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await workspace.start()
        try:
            yield
        finally:
            await workspace.close()

    app = Starlette(
        routes=[
            Route("/", show_page),
            Mount("/page", _FreshFiles(directory=PAGE, check_dir=False)),
            Route("/api/{method}", answer_api, methods=["GET", "POST"]),
            Route("/hooks/{team}/{hook}", answer_hook, methods=["POST"]),
            Route("/oauth/v2/authorize", show_consent, methods=["GET"]),
            Route("/oauth/v2/authorize", take_consent, methods=["POST"]),
            Route("/app_redirect", app_redirect),
            Route("/archives/{channel}/{message}", archive),
            *door_routes(),
        ],
        exception_handlers={DoorError: refuse},
        lifespan=lifespan,
    )
    app.state.workspace = workspace
    return app
