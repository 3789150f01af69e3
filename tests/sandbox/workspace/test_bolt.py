"""The real Bolt takes what the pretend Slack sends, and its client what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.serving import serving
from sandbox.workspace import WorkspaceSettings, create_workspace

from .loopback import SIGNING_SECRET, PretendApp, browser, free_socket, manifest
from .person import Clock, Sitting, modal, option


@pytest_asyncio.fixture
async def bolt() -> AsyncIterator[tuple[Sitting, AsyncWebClient, list[Any]]]:
    """A Bolt app beside a workspace, what its listeners saw, and a client with its token."""
    app_socket, app_url = free_socket()
    own_socket, own_url = free_socket()
    settings = WorkspaceSettings(
        public_url=own_url,
        app_id="A0XPM",
        client_id="1.2",
        client_secret="s",
        signing_secret=SIGNING_SECRET,
        manifest=manifest(app_url),
    )
    workspace = create_workspace(settings)
    seen: list[Any] = []
    client = AsyncWebClient(base_url=f"{own_url}/api/")
    bolt_app = _bolt_app(client, workspace, seen)
    handler = AsyncSlackRequestHandler(bolt_app)

    async def receive(request: Request) -> Response:
        return await handler.handle(request)

    asgi = Starlette(routes=[Route("/slack/{kind}", receive, methods=["POST"])])
    async with (
        serving((asgi, app_socket), (workspace, own_socket)),
        browser(own_url) as http,
    ):
        sitting = Sitting(http, PretendApp(), settings, workspace.state.workspace, Clock())
        token = (await sitting.install())["access_token"]
        yield sitting, AsyncWebClient(token, base_url=f"{own_url}/api/"), seen


def _bolt_app(client: AsyncWebClient, workspace: Starlette, seen: list[Any]) -> AsyncApp:
    async def authorize(team_id: str | None) -> Any:
        from slack_bolt.authorization import AuthorizeResult

        installation = workspace.state.workspace.teams[team_id].installation
        return AuthorizeResult(
            enterprise_id=None,
            team_id=team_id,
            bot_token=installation.token,
            bot_user_id=installation.bot_user_id,
            bot_id=installation.bot_id,
        )

    app = AsyncApp(
        signing_secret=SIGNING_SECRET,
        client=client,
        authorize=authorize,
        process_before_response=True,
    )

    @app.command("/xpm")
    async def _command(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=modal())
        await ack()

    @app.view("job_id")
    async def _view(ack: AsyncAck, view: dict[str, Any]) -> None:
        seen.append(view["state"]["values"])
        await ack(response_action="errors", errors={"note": "No job J000999."})

    @app.action("job")
    async def _action(ack: AsyncAck, action: dict[str, Any], respond: Any) -> None:
        await ack()
        seen.append(action)
        await respond("Chosen")

    @app.options("job")
    async def _options(ack: AsyncAck, payload: dict[str, Any]) -> None:
        await ack(options=[option(f"Tax {payload['value']}", "j1")])

    @app.event("app_home_opened")
    async def _home(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": []})

    return app


async def test_bolt_opens_a_modal_and_answers_its_submission(
    bolt: tuple[Sitting, AsyncWebClient, list[Any]],
) -> None:
    slack, _, seen = bolt
    assert await slack.do("command", conversation="C0GENERAL", text="/xpm") == {"ok": True}
    [shown] = (await slack.look())["modals"]
    answer = await slack.do("submit", view_id=shown["id"], state={"note": {"note": "J000999"}})
    assert answer["errors"] == {"note": "No job J000999."}
    assert seen == [{"note": {"note": {"type": "plain_text_input", "value": "J000999"}}}]


async def test_bolt_fills_a_menu_and_takes_the_choice(
    bolt: tuple[Sitting, AsyncWebClient, list[Any]],
) -> None:
    slack, client, seen = bolt
    menu = {"type": "external_select", "action_id": "job", "min_query_length": 0}
    block = {"type": "actions", "block_id": "row", "elements": [menu]}
    posted = await client.chat_postMessage(channel="U0SAM", text="Call", blocks=[block])
    place = {"type": "message", "channel": posted["channel"], "ts": posted["ts"]}
    ask: dict[str, Any] = {"container": place, "block_id": "row", "action_id": "job"}
    given = await slack.do("options", **ask, value="re")
    [chosen] = given["options"]
    assert chosen["text"]["text"] == "Tax re"
    assert (await slack.do("action", **ask, value=chosen, state={}))["ok"]
    assert seen[0]["selected_option"] == chosen
    texts = [(one["text"], one["ephemeral"]) for one in (await slack.look())["messages"]]
    assert texts == [("Call", False), ("Chosen", True)]


async def test_the_sdk_speaks_every_method_the_app_needs(
    bolt: tuple[Sitting, AsyncWebClient, list[Any]],
) -> None:
    _, client, _ = bolt
    assert (await client.auth_test())["team_id"] == "T0KEA"
    assert (await client.api_test())["ok"]
    person = await client.users_lookupByEmail(email="mia@example.com")
    assert (await client.users_info(user=person["user"]["id"]))["user"]["tz"] == "Pacific/Auckland"
    dm = (await client.conversations_open(users="U0MIA"))["channel"]["id"]
    posted = await client.chat_postMessage(channel=dm, text="Hi")
    await client.chat_update(channel=dm, ts=posted["ts"], text="Hello")
    await client.chat_postEphemeral(channel=dm, user="U0MIA", text="Psst")
    assert (await client.chat_getPermalink(channel=dm, message_ts=posted["ts"]))["permalink"]
    await client.chat_delete(channel=dm, ts=posted["ts"])
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.team_info()
    await client.apps_uninstall(client_id="1.2", client_secret="s")
    with pytest.raises(SlackApiError, match="account_inactive"):
        await client.auth_test()
