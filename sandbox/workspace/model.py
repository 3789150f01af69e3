"""What a workspace is made of: people, conversations, messages, views and what the app holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
# What a person has entered: block_id -> action_id -> value object as in `state.values`.
Entered: TypeAlias = dict[str, dict[str, JsonObject]]
FaultKind: TypeAlias = Literal["429", "500", "slow", "late", "cut"]


@dataclass
class Person:
    """A member, guest or former member of one team."""

    id: str
    team_id: str
    name: str
    username: str
    email: str
    is_owner: bool = False
    is_admin: bool = False
    is_guest: bool = False
    is_deleted: bool = False
    is_bot: bool = False
    tz: str = "Pacific/Auckland"

    @property
    def role(self) -> str:
        """owner, member, guest or left: the word the page shows."""
        if self.is_deleted:
            return "left"
        if self.is_guest:
            return "guest"
        return "owner" if self.is_owner or self.is_admin else "member"


@dataclass
class Message:
    """One message of a conversation; `ephemeral_for` names the one person who sees it."""

    ts: str
    channel_id: str
    author_id: str
    author_name: str
    is_app: bool
    text: str
    blocks: list[JsonObject] | None = None
    ephemeral_for: str | None = None
    is_edited: bool = False
    metadata: JsonObject | None = None
    thread_ts: str | None = None
    entered: dict[str, Entered] = field(default_factory=dict)

    def is_visible_to(self, user_id: str) -> bool:
        """Whether this person sees the message at all."""
        return self.ephemeral_for is None or self.ephemeral_for == user_id


@dataclass
class Channel:
    """A conversation: a channel of the team, or the direct message of one person and the app."""

    id: str
    team_id: str
    kind: Literal["channel", "app"]
    name: str
    members: set[str]
    messages: list[Message] = field(default_factory=list)
    read_until: dict[str, str] = field(default_factory=dict)

    def message(self, ts: str, user_id: str | None = None) -> Message | None:
        """The message with this ts; ephemeral ones only for a person who sees them."""
        for message in reversed(self.messages):
            if message.ts == ts and (
                message.ephemeral_for is None or message.ephemeral_for == user_id
            ):
                return message
        return None


@dataclass
class View:
    """A modal or a home tab; `body` is what the app sent, blocks completed with ids."""

    id: str
    team_id: str
    user_id: str
    body: JsonObject
    hash: str
    root_id: str
    previous_id: str | None = None
    entered: Entered = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    is_busy: bool = False

    @property
    def blocks(self) -> list[JsonObject]:
        """The view's blocks, each with a block_id."""
        blocks: list[JsonObject] = self.body["blocks"]
        return blocks


@dataclass
class Installation:
    """The app in one team, or in a whole organisation: its bot token and what the token may do.

    `expires_at` holds when each token ends that Slack rotates; only the newest `token` is good.
    """

    team_id: str  # E… for a whole organisation
    token: str = field(repr=False)
    scopes: tuple[str, ...]
    bot_user_id: str
    bot_id: str
    installed_by: str
    state: Literal["live", "revoked", "uninstalled"] = "live"
    enterprise_id: str | None = None
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole organisation's."""
        return self.team_id == self.enterprise_id


@dataclass
class Team:
    """One workspace of the pretend Slack."""

    id: str
    name: str
    domain: str
    people: dict[str, Person]
    channels: dict[str, Channel]
    app_channels: dict[str, str] = field(default_factory=dict)  # user id -> D…
    installation: Installation | None = None
    enterprise_id: str | None = None

    @property
    def bot_user_id(self) -> str:
        """The app's bot user, the same after every installation."""
        return f"U0BOT{self.id[2:]}"

    @property
    def bot_id(self) -> str:
        """The app's bot, the same after every installation."""
        return f"B0BOT{self.id[2:]}"


@dataclass
class Organisation:
    """Several teams of one firm (Enterprise Grid), with the app given to all of them at once or not."""

    id: str
    name: str
    team_ids: tuple[str, ...]
    installation: Installation | None = None


@dataclass
class Trigger:
    """A trigger_id: the right to open one view, for a few seconds."""

    team_id: str
    user_id: str
    issued_at: float
    is_used: bool = False


@dataclass
class Hook:
    """A response_url: who it speaks to, where, and about which message."""

    team_id: str
    channel_id: str
    user_id: str
    issued_at: float
    message_ts: str | None = None
    uses: int = 0


@dataclass
class Grant:
    """An OAuth code on its way from the consent page to oauth.v2.access."""

    team_id: str
    user_id: str
    scopes: tuple[str, ...]
    redirect_uri: str | None
    issued_at: float
    is_used: bool = False


@dataclass
class Toast:
    """A short sentence at the edge of one person's screen."""

    id: str
    team_id: str
    user_id: str
    text: str


@dataclass
class Fault:
    """A Web API misbehaviour ordered by a test; `method` may be `*`."""

    method: str
    kind: FaultKind
    times: int = 1
    seconds: float = 1.0
    is_done: bool = True  # late and cut: whether the work happens before the answer goes missing; slow does it late


@dataclass(eq=False)
class Watcher:
    """One open page that wants to hear of changes."""

    team_id: str
    user_id: str
    changed: asyncio.Event = field(default_factory=asyncio.Event)
