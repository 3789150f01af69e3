"""A stand-in for the workspace's door: it shows what a test puts down and notes what the page sends."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

PAGE = Path(__file__).parents[3] / "sandbox" / "workspace" / "page"

Json = dict[str, Any]

PEOPLE: list[Json] = [
    {
        "team_id": "T0KEA",
        "team_name": "Kea Accounting",
        "user_id": f"U0{name.split()[0].upper()}",
        "name": name,
        "email": f"{name.split()[0].lower()}@example.com",
        "role": role,
    }
    for name, role in (
        ("Sam Rivers", "owner"),
        ("Mia Chen", "member"),
        ("Tom Patel", "member"),
        ("Gus Guest", "guest"),
    )
]


def first_state() -> Json:
    """Return a workspace in which nothing has happened yet."""
    return {
        "team": {"id": "T0KEA", "name": "Kea Accounting"},
        "me": {"id": "U0SAM", "name": "Sam Rivers", "tz": "Pacific/Auckland"},
        "app": {"id": "A0XPM", "name": "xpm-slack", "installed": True, "dm": "D0SAM"},
        "conversations": [
            {"id": "C0GENERAL", "kind": "channel", "name": "general", "unread": 0},
            {"id": "D0SAM", "kind": "app", "name": "xpm-slack", "unread": 1},
        ],
        "conversation": {"id": "D0SAM", "kind": "app", "name": "xpm-slack"},
        "messages": [],
        "home": None,
        "modals": [],
        "toasts": [],
    }


def message(ts: str, blocks: list[Json] | None = None, **more: Any) -> Json:
    """Return a message of the app as the door shows it."""
    return {
        "ts": ts,
        "time": "2026-11-23T01:17:00Z",
        "author": "xpm-slack",
        "is_app": True,
        "text": "",
        "blocks": blocks,
        "ephemeral": False,
        "edited": False,
        "state": {},
        **more,
    }


class Stub:
    """The door's other side: `state` is shown to everybody, `sent` lists (path, body) in order."""

    def __init__(self) -> None:
        self.address = ""
        self.state = first_state()
        self.sent: list[tuple[str, Json]] = []
        self.options: Json = {"options": []}
        self.options_wait = 0.0
        self.addresses: dict[str, str] = {}
        self.practice: Json = {}
        self.changed = asyncio.Event()
        self.is_closing = False
        self.app = Starlette(
            routes=[
                Route("/", self.index),
                Route("/client/people", self.people),
                Route("/client/addresses", self.where),
                Route("/client/state", self.show),
                Route("/client/changes", self.changes),
                Route("/client/{what}", self.take, methods=["POST"]),
                Route("/sandbox/state", self.show_practice),
                Route("/sandbox/{what:path}", self.take, methods=["POST", "DELETE"]),
                Route("/calls", self.take, methods=["POST"]),
                Mount("/page", StaticFiles(directory=PAGE)),
            ]
        )

    def tell(self) -> None:
        """Say on every open stream that something has changed."""
        before, self.changed = self.changed, asyncio.Event()
        before.set()

    def close(self) -> None:
        """End the open streams, so that the server can stop."""
        self.is_closing = True
        self.tell()

    def bodies(self, path: str) -> list[Json]:
        """Return what was sent to a path, oldest first."""
        return [body for where, body in self.sent if where == path]

    async def index(self, _request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def people(self, _request: Request) -> Response:
        return JSONResponse({"people": PEOPLE})

    async def where(self, _request: Request) -> Response:
        return JSONResponse(self.addresses)

    async def show(self, request: Request) -> Response:
        state = dict(self.state)
        wanted = request.query_params["conversation"]
        state["conversation"] = next(
            (one for one in state["conversations"] if wanted in (one["id"], one["kind"])),
            {"id": "app", "kind": "app", "name": "xpm-slack"},
        )
        if state["conversation"]["kind"] == "channel":
            state["messages"] = []
        return JSONResponse(state)

    async def show_practice(self, _request: Request) -> Response:
        return JSONResponse(self.practice)

    async def changes(self, _request: Request) -> Response:
        return StreamingResponse(self.stream(), media_type="text/event-stream")

    async def stream(self) -> AsyncIterator[str]:
        yield ": hello\n\n"
        while not self.is_closing:
            await self.changed.wait()
            yield "data: changed\n\n"

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.sent.append((request.url.path, json.loads(body) if body else {}))
        if request.url.path == "/client/options":
            await asyncio.sleep(self.options_wait)
            return JSONResponse(self.options)
        return JSONResponse({"ok": True, "status": 200})
