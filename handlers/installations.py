"""Slack's installation, kept in the store with its token sealed: install, authorise each request, remove.

Slack's own SQL stores keep tokens in clear and let two callbacks win with one state, so these are ours.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.error import BoltError
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from handlers.slack import Slack, SlackRefused
from handlers.tokens import BotTokens
from xpm import places
from xpm.api import TryLater
from xpm.clock import Clock
from xpm.durable import Durable
from xpm.store import Database, Transaction, audit, installed, ways
from xpm.store import workspaces as store
from xpm.store.workspaces import Workspace
from xpm.vault import Sealed, Vault, fingerprint

log = logging.getLogger(__name__)

STATE_SECONDS = 600

LEARN = "learn_workspaces"
"""The workflow that learns the names of an organisation's workspaces: (its id)."""

_ABOUT_US = frozenset(
    {"app_uninstalled", "tokens_revoked", "team_access_granted", "team_access_revoked"}
)
_AGAIN_AFTER = 60.0

OnInstalled = Callable[[Transaction, Workspace], Awaitable[None]]
"""Takes part in the transaction that keeps an installation, or a workspace met for the first time."""


class InstallStates(AsyncOAuthStateStore):
    """States of Slack's installation: fingerprints only, ten minutes, each works once even for two at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def async_issue(self, *args: Any, **kwargs: Any) -> str:
        """A fresh state."""
        state = secrets.token_urlsafe(32)
        expires_at = self._clock() + timedelta(seconds=STATE_SECONDS)
        async with self._database.transaction() as tx:
            await store.new_install_state(tx, fingerprint(state), expires_at)
        return state

    async def async_consume(self, state: str) -> bool:
        """Whether the state was ours and unused."""
        async with self._database.transaction() as tx:
            return await store.use_install_state(tx, fingerprint(state), self._clock())


class Installations(AsyncInstallationStore):
    """Saves what Slack gives at installation, for a workspace or a whole organisation."""

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, on_installed: OnInstalled
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._on_installed = on_installed

    async def async_save(self, installation: Installation) -> None:
        """Keeps the workspace or organisation with its bot's tokens sealed. Raises BoltError without a bot."""
        is_whole = bool(installation.is_enterprise_install)
        identity = installation.enterprise_id if is_whole else installation.team_id
        name = installation.enterprise_name if is_whole else installation.team_name
        if identity is None or installation.bot_token is None:
            raise BoltError("Slack gave no bot for a workspace or an organisation")
        now = self._clock()
        scopes = installation.bot_scopes or []
        workspace = Workspace(
            id=identity,
            name=name or identity,
            enterprise_id=installation.enterprise_id,
            app_id=installation.app_id or "",
            bot_id=installation.bot_id or "",
            bot_user_id=installation.bot_user_id or "",
            bot_token=self._vault.seal(installation.bot_token, places.bot_token(identity)),
            scopes=scopes if isinstance(scopes, str) else ",".join(scopes),
            installed_by=installation.user_id,
            installed_at=now,
            is_organisation=is_whole,
            refresh_token=self._refresh(installation, identity),
            token_expires_at=_ends(installation),
        )
        async with self._database.transaction() as tx:
            await store.save(tx, workspace)
            fact = audit.Fact(now, identity, "workspace.installed", installation.user_id)
            await audit.note(tx, fact)
            await self._on_installed(tx, workspace)
        log.info("workspace.installed", extra={"workspace": identity})

    def _refresh(self, installation: Installation, identity: str) -> Sealed | None:
        token = installation.bot_refresh_token
        return (
            None if token is None else self._vault.seal(token, places.bot_refresh_token(identity))
        )

    async def async_save_bot(self, bot: Bot) -> None:
        """Not used: `handlers.tokens` rotates, because Bolt's own lets two requests use one refresh token."""
        raise NotImplementedError("tokens are rotated in handlers.tokens")


def _ends(installation: Installation) -> datetime | None:
    at = installation.bot_token_expires_at
    return None if at is None else datetime.fromtimestamp(at).astimezone()


class Authorize(AsyncAuthorize):
    """Knows the bot a request is for, by one indexed read; Bolt's own asks Slack each time.

    The workspace's own installation goes before its organisation's. A token that ends soon is renewed beside, because
    the answer to Slack needs none.
    """

    def __init__(self, database: Database, tokens: BotTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def __call__(
        self,
        *,
        context: Any,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        **_: Any,
    ) -> AuthorizeResult | None:
        """The bot, or None when the app is not installed there, or not any more; puts the person in the context."""
        async with self._database.asking() as asking:
            met = await ways.who(asking, team_id or "", user_id or "")
        if met is None:
            async with self._database.reading() as tx:
                holder = await installed.holder(tx, team_id, enterprise_id)
        else:
            holder = met[0]
        # To an organisation's installation Slack may name the person's workspace elsewhere (`team_of`).
        if met is not None and not context.is_enterprise_install:
            context["person"] = met[1]
        if holder is None:
            return None
        if self._tokens.is_due(holder):
            self._tokens.fetch_soon(holder)
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_user_id=holder.bot_user_id,
            bot_id=holder.bot_id,
            bot_token=self._tokens.open(holder),
        )


def served(organisation: Workspace, team_id: str, name: str, now: datetime) -> Workspace:
    """A workspace that has no token of its own but its organisation's."""
    return Workspace(
        id=team_id,
        name=name,
        enterprise_id=organisation.id,
        app_id=organisation.app_id,
        bot_id=organisation.bot_id,
        bot_user_id=organisation.bot_user_id,
        bot_token=None,
        scopes=organisation.scopes,
        installed_by=organisation.installed_by,
        installed_at=now,
    )


class Organisations:
    """Learns which workspaces an organisation gave the app to, and their names."""

    def __init__(
        self,
        database: Database,
        slack: Slack,
        durable: Durable,
        clock: Clock,
    ) -> None:
        self._database = database
        self._slack = slack
        self._durable = durable
        self._clock = clock

    async def begin(self, tx: Transaction, workspace: Workspace) -> None:
        """Enqueues learning with an organisation's installation; nothing for a single workspace."""
        if workspace.is_organisation:
            key = f"{workspace.id}:{secrets.token_hex(8)}"
            await self._durable.enqueue(tx, LEARN, key, workspace.id)

    async def meet(self, enterprise_id: str, team_id: str) -> bool:
        """Whether an organisation's installation serves a workspace; one we see for the first time is remembered."""
        async with self._database.reading() as tx:
            organisation = await installed.holder(tx, team_id, enterprise_id)
            if organisation is None or await installed.is_known(tx, team_id):
                return organisation is not None
        async with self._database.transaction() as tx:
            now = self._clock()
            if await installed.meet(tx, served(organisation, team_id, team_id, now)):
                fact = audit.Fact(now, team_id, "workspace.met", None, organisation.id)
                await audit.note(tx, fact)
                await self.begin(tx, organisation)
        return True

    async def run(self, enterprise_id: str) -> float | None:
        """The workflow. https://docs.slack.dev/reference/methods/auth.teams.list"""
        try:
            await self._learn(enterprise_id)
        except TryLater as error:
            return error.after or _AGAIN_AFTER
        except SlackRefused as refusal:
            log.warning(
                "workspaces.not_learned",
                extra={"workspace": enterprise_id, "why": refusal.code},
            )
        return None

    async def _learn(self, enterprise_id: str) -> None:
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = await self._slack.call(enterprise_id, "auth.teams.list", limit=100, **more)
            names = {str(one["id"]): str(one["name"]) for one in answer.get("teams") or []}
            await self.granted(enterprise_id, names)
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    async def granted(self, enterprise_id: str, names: dict[str, str]) -> None:
        """The app was given to these workspaces of an organisation: ids and names; one that was removed is back."""
        async with self._database.transaction() as tx:
            organisation = await store.get(tx, enterprise_id)
            if organisation is None or not organisation.is_organisation:
                return
            for team_id, name in names.items():
                await installed.meet(tx, served(organisation, team_id, name, self._clock()))
                if await installed.come_back(tx, enterprise_id, team_id):
                    fact = audit.Fact(self._clock(), team_id, "workspace.back", None, enterprise_id)
                    await audit.note(tx, fact)
                if name != team_id:
                    await installed.rename(tx, team_id, name)


# -- events ----------------------------------------------------------------------------------------------------------


async def removed(ack: Any, body: dict[str, Any], context: Any) -> None:
    """app_uninstalled, and tokens_revoked when the bot's token is among them."""
    event = body.get("event") or {}
    bots = (event.get("tokens") or {}).get("bot")
    if event.get("type") == "app_uninstalled" or bots:
        services = context["services"]
        holder_id = _holder_of(body, context)
        async with services.database.reading() as tx:
            workspace = await store.get(tx, holder_id)
        if workspace is not None and _is_removal(body, workspace):
            await services.leaving.remove(holder_id)
    await ack()


async def access_revoked(ack: Any, body: dict[str, Any], context: Any) -> None:
    """team_access_revoked: the organisation took the app out of some of its workspaces."""
    services, enterprise_id = context["services"], str(context.enterprise_id or "")
    async with services.database.reading() as tx:
        served_ids = [
            one
            for one in _team_ids(body)
            if (workspace := await store.get(tx, one)) is not None
            and workspace.bot_token is None
            and workspace.enterprise_id == enterprise_id
        ]
    await services.leaving.remove(*served_ids)
    await ack()


async def access_granted(ack: Any, body: dict[str, Any], context: Any) -> None:
    """team_access_granted: the organisation gave the app to some of its workspaces."""
    services, enterprise_id = context["services"], str(context.enterprise_id or "")
    await services.organisations.granted(enterprise_id, {one: one for one in _team_ids(body)})
    async with services.database.transaction() as tx:
        organisation = await store.get(tx, enterprise_id)
        if organisation is not None:
            await services.organisations.begin(tx, organisation)
    await ack()


def team_of(context: Any, body: dict[str, Any]) -> str:
    """The workspace a person is in; empty when an event is about a whole organisation.

    To an organisation's installation Slack may say it in other places than Bolt looks: beside an event's
    authorizations, or with the person who uses a modal.
    https://docs.slack.dev/enterprise/organization-ready-apps
    """
    if not context.is_enterprise_install:
        return str(context.team_id or "")
    places_of_it = (
        context.team_id,
        body.get("team_id"),
        _team_in(body, "user"),
        _team_in(body, "view"),
    )
    return next((str(one) for one in places_of_it if one and one != context.enterprise_id), "")


async def is_served(services: Any, context: Any, body: dict[str, Any], workspace_id: str) -> bool:
    """Whether an organisation's installation serves the workspace a request comes from, which is met by it."""
    event = body.get("event") or {}
    if not context.is_enterprise_install or not workspace_id or event.get("type") in _ABOUT_US:
        return True
    is_met: bool = await services.organisations.meet(context.enterprise_id or "", workspace_id)
    return is_met


def _team_in(body: dict[str, Any], part: str) -> str | None:
    inside = body.get(part)
    return inside.get("team_id") if isinstance(inside, dict) else None


def _team_ids(body: dict[str, Any]) -> list[str]:
    event = body.get("event") or {}
    # Slack's reference shows the ids one level deeper than its delivery has them.
    deeper = event.get("event")
    inner = deeper if isinstance(deeper, dict) else {}
    return [str(one) for one in event.get("team_ids") or inner.get("team_ids") or []]


def _holder_of(body: dict[str, Any], context: Any) -> str:
    """Whose installation an event is about: the whole organisation's, or one workspace's."""
    if context.is_enterprise_install:
        return str(context.enterprise_id or "")
    return str(context.team_id or body.get("team_id") or "")


def _is_removal(body: dict[str, Any], workspace: Workspace) -> bool:
    """Whether an event ends this very installation.

    One that comes late may be about an installation before it. And a token that rotates is revoked by being exchanged:
    that must never look like a removal, which Slack tells by app_uninstalled as well.
    """
    at, event = body.get("event_time"), body.get("event") or {}
    if isinstance(at, int) and at < int(workspace.installed_at.timestamp()):
        return False
    return event.get("type") == "app_uninstalled" or workspace.token_expires_at is None
