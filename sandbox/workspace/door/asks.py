"""How the door reads what it is asked; a wrong ask is a 400 or 404 with `error`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.workspace.model import JsonObject, Person, Team, View
from sandbox.workspace.outgoing.payloads import Container
from sandbox.workspace.state import Workspace


class DoorError(Exception):
    """An ask that makes no sense here."""

    def __init__(self, code: str, status: int = 404) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


async def refuse(_: Request, error: Exception) -> Response:
    """The answer to a DoorError."""
    named = error if isinstance(error, DoorError) else DoorError("internal_error", 500)
    return JSONResponse({"ok": False, "error": named.code}, named.status)


@dataclass
class Ask:
    """One ask of one person, its JSON body read."""

    workspace: Workspace
    body: JsonObject

    @classmethod
    async def read(cls, request: Request) -> Ask:
        """The ask in a request's JSON body."""
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            raise DoorError("invalid_json", 400) from None
        if not isinstance(body, dict):
            raise DoorError("json_not_object", 400)
        return cls(request.app.state.workspace, body)

    @classmethod
    def query(cls, request: Request) -> Ask:
        """The ask in a request's query."""
        return cls(request.app.state.workspace, dict(request.query_params))

    def text(self, name: str, default: str | None = None) -> str:
        """A string that must be there, unless a default is given."""
        value: Any = self.body.get(name, default)
        if not isinstance(value, str):
            raise DoorError(f"missing_{name}", 400)
        return value

    @property
    def team(self) -> Team:
        """The team that is meant."""
        team = self.workspace.teams.get(self.text("team"))
        if team is None:
            raise DoorError("team_not_found")
        return team

    @property
    def person(self) -> Person:
        """The person who does it."""
        person = self.team.people.get(self.text("user"))
        if person is None:
            raise DoorError("user_not_found")
        return person

    @property
    def active_person(self) -> Person:
        """The person who does it, who has not left."""
        person = self.person
        if person.is_deleted:
            raise DoorError("account_inactive", 403)
        return person

    def container(self) -> Container:
        """The message or view that is meant, as this person sees it."""
        given = self.body.get("container")
        if not isinstance(given, dict):
            raise DoorError("missing_container", 400)
        if given.get("type") == "view":
            return Container(view=self.view(given.get("view_id")))
        channel = self.workspace.channel(self.team, str(given.get("channel")), self.person.id)
        if channel is None:
            raise DoorError("channel_not_found")
        message = channel.message(str(given.get("ts")), self.person.id)
        if message is None:
            raise DoorError("message_not_found")
        return Container(channel=channel, message=message)

    def view(self, view_id: Any) -> View:
        """A view of this person's own."""
        view = self.workspace.views.get(str(view_id))
        if view is None or (view.team_id, view.user_id) != (self.team.id, self.person.id):
            raise DoorError("view_not_found")
        return view
