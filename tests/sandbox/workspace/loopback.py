"""Servers on loopback, and the pretend app that a pretend Slack speaks to."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SIGNING_SECRET = "a-signing-secret-of-the-sandbox"


def free_socket() -> tuple[socket.socket, str]:
    """A listening socket on loopback and its address."""
    # The protocol is named, or asyncio leaves Nagle on and each answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


def browser(base_url: str) -> httpx.AsyncClient:
    """A client for plain HTTP on loopback; loading a trust store would only take time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(base_url=base_url, verify=context, trust_env=False)


@dataclass
class Delivery:
    """One request the app received; `content` is the form, the payload or the event envelope."""

    path: str
    headers: dict[str, str]
    raw: bytes
    content: dict[str, Any]
    is_signed: bool


Reply = Callable[[Delivery], Awaitable[Response]]


@dataclass
class PretendApp:
    """Records what arrives; `replies` by path or by interaction type say what to answer."""

    deliveries: list[Delivery] = field(default_factory=list)
    replies: dict[str, Reply] = field(default_factory=dict)

    def asgi(self) -> Starlette:
        """The app as a server."""
        return Starlette(routes=[Route("/slack/{kind}", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        raw = await request.body()
        kind = request.path_params["kind"]
        if request.headers["content-type"] == "application/json":
            content = json.loads(raw)
        else:
            content = dict(parse_qsl(raw.decode(), keep_blank_values=True))
            if "payload" in content:
                content = json.loads(content["payload"])
        verifier = SignatureVerifier(SIGNING_SECRET)
        try:
            is_signed = verifier.is_valid_request(raw, dict(request.headers))
        except ValueError:
            is_signed = False
        delivery = Delivery(kind, dict(request.headers), raw, content, is_signed)
        self.deliveries.append(delivery)
        if not is_signed:
            return Response(status_code=401)
        reply = self.replies.get(str(content.get("type"))) or self.replies.get(kind)
        return await reply(delivery) if reply else Response()

    def answers(self, name: str, body: Any = None, status: int = 200, after: float = 0) -> None:
        """Answer this path or interaction type so from now on."""

        async def reply(_: Delivery) -> Response:
            await asyncio.sleep(after)
            return Response(status_code=status) if body is None else JSONResponse(body, status)

        self.replies[name] = reply

    @property
    def last(self) -> dict[str, Any]:
        """The content of the newest delivery."""
        return self.deliveries[-1].content

    def events(self) -> list[dict[str, Any]]:
        """The events received, in order, envelopes off."""
        return [one.content["event"] for one in self.deliveries if one.path == "events"]


def manifest(app_url: str) -> dict[str, Any]:
    """A small app's manifest with real addresses."""
    return {
        "display_information": {"name": "xpm-slack"},
        "features": {
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
            "bot_user": {"display_name": "xpm-slack"},
            "slash_commands": [
                {"command": "/xpm", "url": f"{app_url}/slack/command", "description": "XPM"}
            ],
        },
        "oauth_config": {
            "redirect_urls": [f"{app_url}/slack/oauth_redirect"],
            "scopes": {
                "bot": ["commands", "chat:write", "im:write", "users:read", "users:read.email"]
            },
        },
        "settings": {
            "event_subscriptions": {
                "request_url": f"{app_url}/slack/events",
                "bot_events": ["app_home_opened", "app_uninstalled", "tokens_revoked"],
            },
            "interactivity": {
                "is_enabled": True,
                "request_url": f"{app_url}/slack/interactive",
                "message_menu_options_url": f"{app_url}/slack/options",
            },
        },
    }
