"""What a Web API method is given, and what is declared about it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.model import Channel, Installation, JsonObject, Team
from sandbox.workspace.state import Workspace


@dataclass
class Asked:
    """One Web API call with its arguments, by an app whose token has been judged."""

    workspace: Workspace
    installation: Installation
    arguments: JsonObject

    @property
    def team(self) -> Team:
        """The team the token belongs to; an organisation's token speaks in the team of what it names."""
        workspace = self.workspace
        if not self.installation.is_whole:
            return workspace.teams[self.installation.team_id]
        teams = [one for one in workspace.teams.values() if one.installation is self.installation]
        if not teams:
            raise SlackError("team_access_not_granted")
        return next((team for team in teams if self._names(team)), teams[0])

    def _names(self, team: Team) -> bool:
        given, workspace = self.arguments, self.workspace
        people = {one.email: one for one in team.people.values()}
        trigger = workspace.triggers.get(str(given.get("trigger_id")))
        view = workspace.views.get(str(given.get("view_id")))
        return (
            str(given.get("channel")) in {*team.channels, *team.people}
            or any(str(given.get(name)) in team.people for name in ("user", "users", "user_id"))
            or str(given.get("email")).lower() in people
            or (trigger is not None and trigger.team_id == team.id)
            or (view is not None and view.team_id == team.id)
        )

    def required(self, name: str) -> str:
        """A string argument that must be there."""
        value = self.arguments.get(name)
        if value is None or value == "":
            raise SlackError(
                "invalid_arguments",
                messages=[f"[ERROR] missing required field: {name}"],
            )
        return str(value)

    def optional(self, name: str) -> str | None:
        """A string argument that may be absent."""
        value = self.arguments.get(name)
        return None if value is None or value == "" else str(value)

    def decoded(self, name: str, error: str) -> Any:
        """An argument that is JSON: an object as it came, or a string of JSON in a form."""
        value = self.arguments.get(name)
        if isinstance(value, str):
            if value == "":
                return None
            try:
                return json.loads(value)
            except ValueError:
                raise SlackError(error) from None
        return value

    def channel(self) -> Channel:
        """The conversation to speak in; a user id is the app's direct message with that person.

        Raises channel_not_found, not_in_channel, messages_tab_disabled.
        """
        given = self.arguments.get("channel")
        if not isinstance(given, str) or not given:
            raise SlackError("channel_not_found")
        if given[0] in "UW":
            person = self.team.people.get(given)
            if person is None or person.is_deleted:
                raise SlackError("channel_not_found")
            channel = self.workspace.app_channel(self.team, given)
        else:
            found = self.team.channels.get(given)
            if found is None:
                raise SlackError("channel_not_found")
            channel = found
        if channel.kind == "app" and not self.workspace.manifest.has_messages_tab:
            raise SlackError("messages_tab_disabled")
        if self.team.bot_user_id not in channel.members:
            raise SlackError("not_in_channel")
        return channel


@dataclass(frozen=True)
class Method:
    """One method: what it does, any one of which scopes it needs, and its rate tier.

    Tier None has its own rule. https://docs.slack.dev/reference/methods
    """

    work: Callable[[Asked], Awaitable[JsonObject]]
    scopes: tuple[str, ...] = ()
    tier: int | None = 4
