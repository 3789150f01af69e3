"""The pages and redirects under /connect."""

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from handlers.services import Services
from handlers.signin import pages
from xpm.connections import LINK_LIFE, CannotConnect, Refusal
from xpm.store import workspaces as store

log = logging.getLogger(__name__)

COOKIE = "xpm_connect"
CALLBACK_PATH = "/connect/xero/callback"
DONE_PATH = "/connect/done"

_STATUS = {Refusal.FORGED: 404, Refusal.USED: 410, Refusal.EXPIRED: 410}


def routes(services: Services, *, slack_web_url: str) -> list[Route]:
    """The routes; `slack_web_url` is where "Back to Slack" leads (https://slack.com)."""
    secure = services.public_url.startswith("https://")

    async def back_to_slack(workspace_id: str | None) -> str | None:
        if workspace_id is None:
            return None
        async with services.database.reading() as tx:
            workspace = await store.get(tx, workspace_id)
        if workspace is None:
            return None
        # https://docs.slack.dev/interactivity/deep-linking
        return f"{slack_web_url}/app_redirect?{urlencode({'app': workspace.app_id, 'team': workspace.id})}"

    async def refusal_page(refusal: Refusal, workspace_id: str | None) -> Response:
        slack = await back_to_slack(workspace_id)
        return pages.answer(pages.refused(refusal, slack), _STATUS.get(refusal, 200))

    async def open_link(request: Request) -> Response:
        try:
            opened = await services.connections.open_link(request.path_params["secret"])
        except CannotConnect as error:
            log.info("connect.link_refused", extra={"why": error.refusal.value})
            return await refusal_page(error.refusal, error.workspace_id)
        response = RedirectResponse(opened.consent_url, status_code=303, headers=pages.HEADERS)
        response.set_cookie(
            COOKIE,
            opened.browser,
            max_age=int(LINK_LIFE.total_seconds()),
            path="/connect",
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def callback(request: Request) -> Response:
        query = request.query_params
        where = DONE_PATH
        try:
            await services.connections.finish(
                state=query.get("state", ""),
                browser=request.cookies.get(COOKIE, ""),
                code=None if "error" in query else query.get("code"),
            )
        except CannotConnect as error:
            log.info("connect.refused", extra={"why": error.refusal.value})
            # A wrong state says nothing about the flow of this browser, so it must not show that flow's outcome.
            if error.refusal is Refusal.FORGED:
                where = f"{DONE_PATH}?refused=1"
        return RedirectResponse(where, status_code=303, headers=pages.HEADERS)

    async def done(request: Request) -> Response:
        found = None
        if "refused" not in request.query_params:
            found = await services.connections.outcome_for(request.cookies.get(COOKIE, ""))
        if found is None:
            return await refusal_page(Refusal.FORGED, None)
        link, connection = found
        if link.outcome != "connected" or connection is None:
            return await refusal_page(Refusal(link.outcome or "forged"), link.workspace_id)
        slack = await back_to_slack(link.workspace_id)
        return pages.answer(pages.connected(connection.practice, slack))

    def get(path: str, page: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(path, page, methods=["GET"])

    return [
        get(CALLBACK_PATH, callback),
        get(DONE_PATH, done),
        get("/connect/{secret}", open_link),
    ]
