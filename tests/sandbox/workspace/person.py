"""A person at the page, and the app's own client, as the tests speak to the workspace."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from sandbox.workspace import Workspace, WorkspaceSettings

from .loopback import PretendApp


class Clock:
    """Real time, moved ahead or stopped by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._stopped_at: float | None = None

    def __call__(self) -> float:
        return (self._stopped_at or time.time()) + self.ahead

    def stop(self) -> None:
        """Stand still, but for what a test adds."""
        self._stopped_at = time.time()


@dataclass
class Sitting:
    """A served workspace with its app; `clock` moves by hand when a test wants it."""

    http: httpx.AsyncClient
    app: PretendApp
    settings: WorkspaceSettings
    live: Workspace
    clock: Clock
    tokens: dict[str, str] = field(default_factory=dict)

    def wait(self, seconds: float) -> None:
        """Let time pass for triggers, hooks and rates."""
        self.clock.ahead += seconds

    async def do(self, what: str, user: str = "U0SAM", team: str = "T0KEA", **body: Any) -> Any:
        """POST to the door as a person."""
        answer = await self.http.post(f"/client/{what}", json={"team": team, "user": user, **body})
        return answer.json()

    async def look(
        self, user: str = "U0SAM", team: str = "T0KEA", conversation: str = "app"
    ) -> dict[str, Any]:
        """What a person sees."""
        answer = await self.http.get(
            "/client/state", params={"team": team, "user": user, "conversation": conversation}
        )
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen

    async def api(self, method: str, team: str = "T0KEA", **arguments: Any) -> dict[str, Any]:
        """Call the Web API as the app of a team."""
        headers = {"authorization": f"Bearer {self.tokens[team]}"}
        answer = await self.http.post(f"/api/{method}", json=arguments, headers=headers)
        body: dict[str, Any] = answer.json()
        return body

    def authorize_query(self, **changes: str) -> dict[str, str]:
        """What the app asks for on the consent page."""
        return {
            "client_id": self.settings.client_id,
            "scope": ",".join(self.settings.manifest["oauth_config"]["scopes"]["bot"]),
            "state": "state-1",
        } | changes

    async def consent(self, person: str, decision: str = "allow", **changes: str) -> httpx.Response:
        """Press Allow or Cancel on the consent page."""
        form = self.authorize_query(**changes) | {"person": person, "decision": decision}
        return await self.http.post("/oauth/v2/authorize", data=form)

    async def code(self, person: str, **changes: str) -> str:
        """A code from the consent page."""
        answer = await self.consent(person, **changes)
        assert answer.status_code == 302, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    async def install(self, person: str = "T0KEA:U0SAM", **changes: str) -> dict[str, Any]:
        """Consent and take the token, as the app does."""
        form = {
            "client_id": self.settings.client_id,
            "client_secret": self.settings.client_secret,
            "code": await self.code(person, **changes),
        }
        body: dict[str, Any] = (await self.http.post("/api/oauth.v2.access", data=form)).json()
        assert body["ok"], body
        self.tokens[body["team"]["id"]] = body["access_token"]
        return body

    async def press(
        self, message: dict[str, Any], channel: str, action_id: str, value: Any = None, **more: Any
    ) -> Any:
        """Use an element of a message by its action_id."""
        for block in message["blocks"]:
            elements = block.get("elements") or [block.get("accessory"), block.get("element")]
            for element in elements:
                if element and element.get("action_id") == action_id:
                    return await self.do(
                        "action",
                        container={"type": "message", "channel": channel, "ts": message["ts"]},
                        block_id=block["block_id"],
                        action_id=action_id,
                        value=value,
                        state=more.pop("state", {}),
                        **more,
                    )
        raise AssertionError(f"no element {action_id}")


def plain(text: str) -> dict[str, Any]:
    """A plain text object."""
    return {"type": "plain_text", "text": text}


def option(text: str, value: str) -> dict[str, Any]:
    """A menu option."""
    return {"text": plain(text), "value": value}


def button(action_id: str = "save", text: str = "Save time", **more: Any) -> dict[str, Any]:
    """A button element."""
    return {"type": "button", "action_id": action_id, "text": plain(text), **more}


def actions(*elements: dict[str, Any], block_id: str = "row") -> dict[str, Any]:
    """An actions block."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def text_input(block_id: str = "note", action_id: str = "note", **element: Any) -> dict[str, Any]:
    """An input block for a line of text."""
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain("Note"),
        "element": {"type": "plain_text_input", "action_id": action_id, **element},
    }


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A modal with a submit button."""
    return {
        "type": "modal",
        "callback_id": "job_id",
        "title": plain("Find a job"),
        "submit": plain("Use this job"),
        "blocks": list(blocks) or [text_input()],
        **more,
    }
