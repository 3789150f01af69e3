"""The live workspace: everything the pretend Slack remembers, in memory, on one event loop."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

from sandbox.workspace.blockkit.blocks import complete_blocks
from sandbox.workspace.blockkit.values import keep_entered
from sandbox.workspace.model import (
    Channel,
    Fault,
    Grant,
    Hook,
    Installation,
    JsonObject,
    Message,
    Organisation,
    Person,
    Team,
    Toast,
    Trigger,
    View,
    Watcher,
)
from sandbox.workspace.rates import Rates
from sandbox.workspace.seed import seed_organisation, seed_teams
from sandbox.workspace.settings import Manifest, WorkspaceSettings


class Workspace:
    """Both teams, the app's place in them, and who is watching; `clock` gives Unix seconds."""

    def __init__(self, settings: WorkspaceSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.manifest = Manifest.read(settings.manifest)
        self.clock = clock
        self.log = logging.getLogger("sandbox.workspace")
        self.teams: dict[str, Team] = seed_teams()
        self.organisations: dict[str, Organisation] = {}
        if settings.has_organisation:
            organisation, teams = seed_organisation()
            self.organisations[organisation.id] = organisation
            self.teams |= teams
        self.installations: dict[str, Installation] = {}  # by token, dead ones too
        self.triggers: dict[str, Trigger] = {}
        self.hooks: dict[str, Hook] = {}
        self.grants: dict[str, Grant] = {}
        self.views: dict[str, View] = {}
        self.stacks: dict[tuple[str, str], list[View]] = {}
        self.homes: dict[tuple[str, str], View] = {}
        self.toasts: list[Toast] = []
        self.calls: deque[JsonObject] = deque(maxlen=10_000)
        self.refusals: deque[JsonObject] = deque(maxlen=1_000)
        self.faults: list[Fault] = []
        self.rates = Rates(clock, settings.has_rate_limits)
        self._watchers: set[Watcher] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_micros = 0
        self._session: aiohttp.ClientSession | None = None
        self._is_stopped = False

    # -- life -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the one HTTP session that speaks to the app."""
        self._session = aiohttp.ClientSession()

    async def close(self) -> None:
        """Stop re-deliveries and streams, and close the session."""
        self.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def stop(self) -> None:
        """End every stream of changes, so that a server can shut down without waiting."""
        self._is_stopped = True
        for watcher in self._watchers:
            watcher.changed.set()

    @property
    def is_stopped(self) -> bool:
        """Whether streams should end."""
        return self._is_stopped

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session opened by the app's lifespan."""
        if self._session is None:
            raise RuntimeError("the workspace has not been started")
        return self._session

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something after the answer; held on to until it ends or the workspace closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- who sees what --------------------------------------------------------------------

    def watch(self, team_id: str, user_id: str) -> Watcher:
        """Begin to hear of changes."""
        watcher = Watcher(team_id, user_id)
        self._watchers.add(watcher)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Stop to hear of changes."""
        self._watchers.discard(watcher)

    def changed(self, team_id: str, user_id: str | None = None) -> None:
        """Tell the open pages of one person, or of the whole team, to look again."""
        for watcher in self._watchers:
            if watcher.team_id == team_id and user_id in (None, watcher.user_id):
                watcher.changed.set()

    def toast(self, team_id: str, user_id: str, text: str) -> None:
        """Show one person a short sentence until they dismiss it."""
        self.toasts.append(Toast(new_id("t"), team_id, user_id, text))
        self.changed(team_id, user_id)

    def refuse(self, what: str, why: JsonObject) -> None:
        """Note loudly that the app sent something Slack would not take."""
        self.log.error("the pretend Slack refused %s: %s", what, why)
        self.refusals.append({"what": what, "why": why})

    # -- looking up -----------------------------------------------------------------------

    def organisation(self, team: Team) -> Organisation | None:
        """The organisation a team belongs to."""
        return self.organisations.get(team.enterprise_id or "")

    def given_whole(self, team: Team) -> Organisation | None:
        """The organisation that gave the app to all its teams, this one among them."""
        found = self.organisation(team)
        is_whole = team.installation is not None and team.installation.is_whole
        return found if is_whole else None

    def team_of(self, user_id: str) -> Team | None:
        """The team a person belongs to."""
        return next((team for team in self.teams.values() if user_id in team.people), None)

    def person(self, team_id: str, user_id: str) -> Person | None:
        """One person of one team."""
        team = self.teams.get(team_id)
        return team.people.get(user_id) if team else None

    def channel(self, team: Team, conversation: str, user_id: str) -> Channel | None:
        """A conversation as a page names it: `app` is the app's direct message, made on demand."""
        if conversation == "app":
            return self.app_channel(team, user_id)
        channel = team.channels.get(conversation)
        return channel if channel and user_id in channel.members else None

    def app_channel(self, team: Team, user_id: str) -> Channel:
        """The direct message of a person and the app; opened when it is not there yet."""
        channel_id = team.app_channels.get(user_id)
        if channel_id is None:
            channel_id = f"D0{user_id[2:]}"
            team.app_channels[user_id] = channel_id
            members = {user_id, team.bot_user_id}
            team.channels[channel_id] = Channel(
                channel_id, team.id, "app", self.manifest.bot_name, members
            )
            self.changed(team.id, user_id)
        return team.channels[channel_id]

    def stack(self, team_id: str, user_id: str) -> list[View]:
        """The modals a person has open, the one on top last."""
        return self.stacks.setdefault((team_id, user_id), [])

    # -- making ---------------------------------------------------------------------------

    def now_ts(self) -> str:
        """A message ts: seconds and microseconds, never the same twice."""
        micros = max(int(self.clock() * 1_000_000), self._last_micros + 1)
        self._last_micros = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"

    def new_trigger(self, team_id: str, user_id: str) -> str:
        """A trigger_id, good for one view within the next seconds."""
        head = self.now_ts()
        trigger_id = f"{head}.{secrets.token_hex(16)}"
        self.triggers[trigger_id] = Trigger(team_id, user_id, self.clock())
        forget_oldest(self.triggers)
        return trigger_id

    def new_hook(
        self, team_id: str, channel_id: str, user_id: str, message_ts: str | None = None
    ) -> str:
        """A response_url: 5 uses within 30 minutes."""
        hook_id = f"{team_id}/{secrets.token_hex(12)}"
        self.hooks[hook_id] = Hook(team_id, channel_id, user_id, self.clock(), message_ts)
        forget_oldest(self.hooks)
        return f"{self.settings.public_url}/hooks/{hook_id}"

    def say(
        self,
        channel: Channel,
        *,
        text: str,
        blocks: list[JsonObject] | None,
        ephemeral_for: str | None = None,
        author: Person | None = None,
        is_slackbot: bool = False,
        metadata: JsonObject | None = None,
        thread_ts: str | None = None,
    ) -> Message:
        """Put a message into a conversation: by a person, by Slackbot, else by the app."""
        team = self.teams[channel.team_id]
        if is_slackbot:
            author_id, name = "USLACKBOT", "Slackbot"
        elif author is not None:
            author_id, name = author.id, author.name
        else:
            author_id, name = team.bot_user_id, self.manifest.bot_name
        message = Message(
            ts=self.now_ts(),
            channel_id=channel.id,
            author_id=author_id,
            author_name=name,
            is_app=author is None and not is_slackbot,
            text=text,
            blocks=complete_blocks(blocks, block_id) if blocks is not None else None,
            ephemeral_for=ephemeral_for,
            metadata=metadata,
            thread_ts=thread_ts,
        )
        channel.messages.append(message)
        self.changed(team.id, ephemeral_for)
        return message

    def rewrite(
        self, channel: Channel, message: Message, text: str, blocks: list[JsonObject] | None
    ) -> None:
        """Give a message new text and blocks; what people entered stays where ids stay."""
        # Slack marks "(edited)" on a changed text, not on changed blocks.
        message.is_edited = message.is_edited or (blocks is None and text != message.text)
        message.text = text
        message.blocks = complete_blocks(blocks, block_id) if blocks is not None else None
        for user_id, entered in message.entered.items():
            message.entered[user_id] = keep_entered(entered, message.blocks)
        self.changed(channel.team_id, message.ephemeral_for)

    def erase(self, channel: Channel, message: Message) -> None:
        """Take a message away for everybody."""
        channel.messages.remove(message)
        self.changed(channel.team_id, message.ephemeral_for)


def forget_oldest(kept: dict[str, Any], most: int = 10_000) -> None:
    """Keep a long-running workspace small: what was made first goes first."""
    while len(kept) > most:
        del kept[next(iter(kept))]


def new_id(prefix: str) -> str:
    """An id in Slack's manner: a letter and ten capitals or digits."""
    return f"{prefix}0{secrets.token_hex(5).upper()}"


def block_id() -> str:
    """What Slack writes where an app gave no block_id or action_id."""
    return secrets.token_urlsafe(4)[:5]
