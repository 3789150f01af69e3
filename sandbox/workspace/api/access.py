"""auth.*, oauth.v2.access, apps.uninstall: how the app comes into a team and leaves it."""

from __future__ import annotations

import base64
import binascii
import secrets

from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.api.method import Asked, Method
from sandbox.workspace.model import Installation, JsonObject, Team
from sandbox.workspace.outgoing.events import tell_uninstalled
from sandbox.workspace.state import Workspace

CODE_SECONDS = 600


async def auth_test(asked: Asked) -> JsonObject:
    """Who the token speaks for."""
    team = asked.team
    return {
        "url": f"{asked.workspace.settings.public_url}/",
        "team": team.name,
        "user": asked.workspace.manifest.bot_name,
        "team_id": team.id,
        "user_id": team.bot_user_id,
        "bot_id": team.bot_id,
        "is_enterprise_install": False,
    }


async def api_test(asked: Asked) -> JsonObject:
    """The arguments again."""
    if error := asked.optional("error"):
        raise SlackError(error)
    return {"args": {k: v for k, v in asked.arguments.items() if k != "token"}}


async def auth_revoke(asked: Asked) -> JsonObject:
    """End the token; the last token of an app takes the app out of the team."""
    if str(asked.arguments.get("test", "")).lower() in ("true", "1"):
        return {"revoked": False}
    remove_app(asked.workspace, asked.team, "revoked")
    return {"revoked": True}


async def apps_uninstall(asked: Asked) -> JsonObject:
    """Take the app out of the team; needs the app's own id and secret."""
    if asked.required("client_id") != asked.workspace.settings.client_id:
        raise SlackError("invalid_client_id")
    if asked.required("client_secret") != asked.workspace.settings.client_secret:
        raise SlackError("bad_client_secret")
    remove_app(asked.workspace, asked.team, "uninstalled")
    return {}


def remove_app(workspace: Workspace, team: Team, state: str) -> None:
    """End the installation, close its views and send app_uninstalled and tokens_revoked."""
    installation = team.installation
    if installation is None:
        return
    installation.state = "revoked" if state == "revoked" else "uninstalled"
    team.installation = None
    for (team_id, _), stack in workspace.stacks.items():
        if team_id == team.id:
            for view in stack:
                workspace.views.pop(view.id, None)
            stack.clear()
    for key in [key for key in workspace.homes if key[0] == team.id]:
        workspace.views.pop(workspace.homes.pop(key).id, None)
    workspace.changed(team.id)
    tell_uninstalled(workspace, team)


def install(
    workspace: Workspace, team: Team, user_id: str, scopes: tuple[str, ...]
) -> Installation:
    """Give the app a new token; one it had before is revoked, scopes it had before stay.

    Scopes add up: https://docs.slack.dev/authentication/installing-with-oauth
    """
    before = team.installation
    if before is not None:
        before.state = "revoked"
        scopes = tuple(dict.fromkeys((*before.scopes, *scopes)))
    installation = Installation(
        team_id=team.id,
        token=f"xoxb-{secrets.randbelow(10**12):012d}-{secrets.token_urlsafe(18)}",
        scopes=scopes,
        bot_user_id=team.bot_user_id,
        bot_id=team.bot_id,
        installed_by=user_id,
    )
    team.installation = installation
    workspace.installations[installation.token] = installation
    workspace.changed(team.id)
    return installation


def exchange(workspace: Workspace, arguments: JsonObject, authorization: str) -> JsonObject:
    """oauth.v2.access: a code from the consent page for a bot token, once.

    The app names itself in the form or by Basic authorization.
    https://docs.slack.dev/reference/methods/oauth.v2.access
    """
    client_id, client_secret = _client(arguments, authorization)
    if client_id != workspace.settings.client_id:
        raise SlackError("invalid_client_id")
    if not secrets.compare_digest(client_secret, workspace.settings.client_secret):
        raise SlackError("bad_client_secret")
    grant = workspace.grants.get(str(arguments.get("code", "")))
    if grant is None:
        raise SlackError("invalid_code")
    if grant.is_used:
        raise SlackError("code_already_used")
    if workspace.clock() - grant.issued_at > CODE_SECONDS:
        raise SlackError("invalid_code")
    if (arguments.get("redirect_uri") or None) != grant.redirect_uri:
        raise SlackError("bad_redirect_uri")
    grant.is_used = True
    team = workspace.teams[grant.team_id]
    installation = install(workspace, team, grant.user_id, grant.scopes)
    return {
        "app_id": workspace.settings.app_id,
        "authed_user": {"id": grant.user_id},
        "scope": ",".join(installation.scopes),
        "token_type": "bot",
        "access_token": installation.token,
        "bot_user_id": installation.bot_user_id,
        "team": {"id": team.id, "name": team.name},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _client(arguments: JsonObject, authorization: str) -> tuple[str, str]:
    if authorization.lower().startswith("basic "):
        try:
            decoded = base64.b64decode(authorization[6:], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise SlackError("invalid_client_id") from None
        client_id, _, client_secret = decoded.partition(":")
        return client_id, client_secret
    return str(arguments.get("client_id", "")), str(arguments.get("client_secret", ""))


ACCESS = {
    "auth.test": Method(auth_test, (), None),
    "api.test": Method(api_test, (), 4),
    "auth.revoke": Method(auth_revoke, (), 3),
    "apps.uninstall": Method(apps_uninstall, (), 1),
}
