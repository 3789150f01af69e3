"""Slack's installation, kept in the store with its token sealed: install, authorise each request, remove.

Slack's own SQL stores keep tokens in clear and let two callbacks win with one state, so these are ours.
"""

import logging
import secrets
from datetime import timedelta
from typing import Any

from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from xpm.clock import Clock
from xpm.store import Database, audit
from xpm.store import workspaces as store
from xpm.store.workspaces import Workspace
from xpm.vault import Vault, fingerprint

log = logging.getLogger(__name__)

STATE_SECONDS = 600


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
    """Saves what Slack gives at installation."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def async_save(self, installation: Installation) -> None:
        """Keeps the workspace with its bot's token sealed."""
        workspace_id, token = installation.team_id, installation.bot_token
        if workspace_id is None or token is None:
            raise ValueError("only an installation with a bot in one workspace is supported")
        scopes = installation.bot_scopes or []
        workspace = Workspace(
            id=workspace_id,
            name=installation.team_name or workspace_id,
            enterprise_id=installation.enterprise_id,
            app_id=installation.app_id or "",
            bot_id=installation.bot_id or "",
            bot_user_id=installation.bot_user_id or "",
            bot_token=self._vault.seal(token, f"workspaces.bot_token:{workspace_id}"),
            scopes=scopes if isinstance(scopes, str) else ",".join(scopes),
            installed_by=installation.user_id,
            installed_at=self._clock(),
        )
        async with self._database.transaction() as tx:
            await store.save(tx, workspace)
            await audit.note(
                tx,
                audit.Fact(
                    self._clock(), workspace_id, "workspace.installed", installation.user_id
                ),
            )

    async def async_save_bot(self, bot: Bot) -> None:
        """Not used: token rotation is off in the manifest."""
        raise NotImplementedError("token rotation is not enabled in manifest.yml")

    async def async_delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Forgets a workspace that uninstalled the app."""
        if team_id is not None:
            await forget(self._database, self._clock, team_id)


class Authorize(AsyncAuthorize):
    """Knows the bot of the workspace a request comes from, by one indexed read; Bolt's own asks Slack each time."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def __call__(
        self,
        *,
        context: Any,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        **_: Any,
    ) -> AuthorizeResult | None:
        """The bot, or None when the app is not installed there."""
        if team_id is None:
            return None
        async with self._database.reading() as tx:
            workspace = await store.get(tx, team_id)
        if workspace is None:
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_user_id=workspace.bot_user_id,
            bot_id=workspace.bot_id,
            bot_token=self._vault.open(workspace.bot_token, f"workspaces.bot_token:{team_id}"),
        )


async def forget(database: Database, clock: Clock, workspace_id: str) -> None:
    """Erases a workspace's data; the audit log stays."""
    async with database.transaction() as tx:
        await store.forget(tx, workspace_id)
        await audit.note(tx, audit.Fact(clock(), workspace_id, "workspace.removed"))
    log.info("workspace.removed", extra={"workspace": workspace_id})


async def removed(ack: Any, body: dict[str, Any], context: Any) -> None:
    """app_uninstalled, and tokens_revoked when the bot's token is among them."""
    event = body.get("event") or {}
    bots = (event.get("tokens") or {}).get("bot")
    if event.get("type") == "app_uninstalled" or bots:
        services = context["services"]
        await forget(services.database, services.clock, str(body.get("team_id") or context.team_id))
    await ack()
