"""The page on the real pretend workspace, practice and telephone, with an app of twenty lines."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.practice import PracticeSettings, create_practice
from sandbox.telephone import TelephoneSettings, create_telephone
from sandbox.workspace import WorkspaceSettings, create_workspace

from . import scenes

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SCOPES = ["commands", "chat:write", "im:write"]
SECRET = "whsec_YSBzZWNyZXQgZm9yIHRlc3RzLCAzMiBieXRlcyBsb25n"


def listening() -> tuple[socket.socket, str]:
    """Return a bound socket and the address it will answer at."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound, f"http://127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def served(app: Any, bound: socket.socket) -> AsyncIterator[None]:
    """Serve an app on a bound socket."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await running


@dataclass
class SmallApp:
    """Asks after a call, lists one job, and says what was saved."""

    workspace: str
    token: str = ""

    def asgi(self) -> Starlette:
        routes = [
            Route("/calls", self.call, methods=["POST"]),
            Route("/options", self.options, methods=["POST"]),
            Route("/slack", self.slack, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def api(self, method: str, **arguments: Any) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.workspace) as client:
            headers = {"authorization": f"Bearer {self.token}"}
            answer = await client.post(f"/api/{method}", json=arguments, headers=headers)
        body: dict[str, Any] = answer.json()
        assert body["ok"], body
        return body

    async def call(self, _request: Request) -> Response:
        await self.api("chat.postMessage", channel="U0SAM", text="Call", blocks=scenes.chosen())
        return Response(status_code=202)

    async def options(self, _request: Request) -> Response:
        return JSONResponse({"options": [scenes.option("J000123 Tax return 2026", "J000123")]})

    async def slack(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        payload = json.loads(form.get("payload", ["{}"])[0])
        for action in payload.get("actions", []):
            place = {"channel": payload["channel"]["id"], "ts": payload["message"]["ts"]}
            if action["action_id"] == "save":
                values = payload["state"]["values"]
                minutes = values["minutes"]["minutes"]["value"]
                job = values["job"]["choose_job"]["selected_option"]["value"]
                await self.api("chat.update", **place, text=f"{minutes} min on {job}")
            elif action["action_id"] == "job_id":
                view = scenes.job_modal()["view"]
                await self.api("views.open", trigger_id=payload["trigger_id"], view=view)
        if payload.get("type") == "view_submission":
            errors = {"id": "No job J000999 in Kea Accounting."}
            return JSONResponse({"response_action": "errors", "errors": errors})
        return Response()


def manifest(app: str) -> dict[str, Any]:
    """Return the small app's manifest."""
    return {
        "display_information": {"name": "xpm-slack"},
        "features": {
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
            "bot_user": {"display_name": "xpm-slack"},
        },
        "oauth_config": {"redirect_urls": [f"{app}/done"], "scopes": {"bot": SCOPES}},
        "settings": {
            "interactivity": {
                "is_enabled": True,
                "request_url": f"{app}/slack",
                "message_menu_options_url": f"{app}/options",
            },
        },
    }


async def install(workspace: str) -> str:
    """Return the token of an installation in Kea Accounting."""
    asked = {"client_id": "1.2", "scope": ",".join(SCOPES), "state": "s"}
    async with httpx.AsyncClient(base_url=workspace) as client:
        form = asked | {"person": "T0KEA:U0SAM", "decision": "allow"}
        answer = await client.post("/oauth/v2/authorize", data=form)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        granted = await client.post(
            "/api/oauth.v2.access", data={"client_id": "1.2", "client_secret": "s", "code": code}
        )
    token: str = granted.json()["access_token"]
    return token


@pytest_asyncio.fixture(loop_scope="session")
async def workspace() -> AsyncIterator[str]:
    """The address of a workspace with everything joined and the app installed."""
    sockets = {name: listening() for name in ("app", "workspace", "practice", "telephone")}
    at = {name: url for name, (_, url) in sockets.items()}
    small = SmallApp(at["workspace"])
    slack = create_workspace(
        WorkspaceSettings(
            public_url=at["workspace"],
            app_id="A0XPM",
            client_id="1.2",
            client_secret="s",
            signing_secret="signing",
            manifest=manifest(at["app"]),
            addresses={name: at[name] for name in ("practice", "telephone")},
        )
    )
    practice = create_practice(
        PracticeSettings(
            client_id="c", client_secret="s", redirect_uris=(), public_url=at["practice"]
        )
    )
    telephone = create_telephone(TelephoneSettings(url=f"{at['app']}/calls", secret=SECRET))
    apps = {
        "app": small.asgi(),
        "workspace": slack,
        "practice": practice,
        "telephone": telephone,
    }
    async with AsyncExitStack() as stack:
        for name, app in apps.items():
            await stack.enter_async_context(served(app, sockets[name][0]))
        small.token = await install(at["workspace"])
        yield at["workspace"]
        slack.state.workspace.stop()


async def test_a_call_becomes_a_saved_time_in_two_clicks(browser: Browser, workspace: str) -> None:
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(8000)
    await page.goto(f"{workspace}/?team=T0KEA&user=U0SAM")
    caller = "Kea Ltd|Ana Example|021 555 0123"
    await page.get_by_test_id("call-with").select_option(caller)
    await page.get_by_test_id("end-call").click()
    await page.get_by_role("combobox", name="Choose a job").click()
    await page.get_by_test_id("menu").get_by_role("option", name="J000123").click()

    await page.get_by_role("button", name="Enter job ID").click()
    dialog = page.get_by_role("dialog", name="Find a job by ID")
    await dialog.get_by_label("Job ID").fill("J000999")
    await dialog.get_by_role("button", name="Use this job").click()
    await expect(dialog.get_by_role("alert")).to_have_text("No job J000999 in Kea Accounting.")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)

    await page.get_by_role("button", name="Save time").click()
    await expect(page.get_by_text("12 min on J000123")).to_be_visible()
    await expect(page.get_by_text("(edited)")).to_be_visible()
    await page.close()


async def test_a_removal_of_the_app_shows_at_once(browser: Browser, workspace: str) -> None:
    page = await browser.new_page()
    page.set_default_timeout(8000)
    await page.goto(f"{workspace}/?team=T0KEA&user=U0MIA&conversation=app")
    await expect(page.get_by_role("heading", name="xpm-slack")).to_be_visible()
    async with httpx.AsyncClient(base_url=workspace) as client:
        await client.post("/client/uninstall", json={"team": "T0KEA", "user": "U0SAM"})
    notice = page.get_by_text("xpm-slack is not installed in Kea Accounting.")
    await expect(notice).to_be_visible()
    await page.close()
