"""auth.*, oauth.v2.access, apps.uninstall: how the app comes into a team and leaves it."""

from __future__ import annotations

import base64
import binascii
import secrets

from sandbox.workspace.api.errors import SlackError
from sandbox.workspace.api.method import Asked, Method
from sandbox.workspace.model import Installation, JsonObject, Team
from sandbox.workspace.outgoing.events import tell_access, tell_uninstalled
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
        "is_enterprise_install": asked.installation.is_whole,
        "enterprise_id": asked.installation.enterprise_id,
    }


async def auth_teams_list(asked: Asked) -> JsonObject:
    """The teams a token is good for. https://docs.slack.dev/reference/methods/auth.teams.list"""
    teams = [
        team for team in asked.workspace.teams.values() if team.installation is asked.installation
    ]
    shown = [{"id": team.id, "name": team.name} for team in teams]
    return {"teams": shown, "response_metadata": {"next_cursor": ""}}


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
    """End the installation, close its views and send app_uninstalled and tokens_revoked.

    An organisation's installation ends in all its teams.
    """
    installation = team.installation
    if installation is None:
        return
    installation.state = "revoked" if state == "revoked" else "uninstalled"
    organisation = workspace.organisation(team)
    if installation.is_whole and organisation is not None:
        organisation.installation = None
        for team_id in organisation.team_ids:
            _take_out(workspace, workspace.teams[team_id])
    else:
        _take_out(workspace, team)
    tell_uninstalled(workspace, team, installation)


def take_from(workspace: Workspace, team: Team) -> None:
    """An organisation takes the app out of one of its teams and keeps it in the others."""
    tell_access(workspace, team, "team_access_revoked")
    _take_out(workspace, team)


def give_to(workspace: Workspace, team: Team) -> None:
    """An organisation gives the app to one of its teams again."""
    organisation = workspace.organisation(team)
    if organisation is not None and organisation.installation is not None:
        team.installation = organisation.installation
        tell_access(workspace, team, "team_access_granted")


def _take_out(workspace: Workspace, team: Team) -> None:
    team.installation = None
    for (team_id, _), stack in workspace.stacks.items():
        if team_id == team.id:
            for view in stack:
                workspace.views.pop(view.id, None)
            stack.clear()
    for key in [key for key in workspace.homes if key[0] == team.id]:
        workspace.views.pop(workspace.homes.pop(key).id, None)
    workspace.changed(team.id)


def install(
    workspace: Workspace, team_id: str, user_id: str, scopes: tuple[str, ...]
) -> Installation:
    """Give the app a new token for a team or a whole organisation; one it had before is revoked, scopes stay.

    Scopes add up: https://docs.slack.dev/authentication/installing-with-oauth
    """
    organisation = workspace.organisations.get(team_id)
    ids = organisation.team_ids if organisation else (team_id,)
    teams = [workspace.teams[one] for one in ids]
    before = organisation.installation if organisation else teams[0].installation
    if before is not None:
        before.state = "revoked"
        scopes = tuple(dict.fromkeys((*before.scopes, *scopes)))
    installation = Installation(
        team_id=team_id,
        token="",
        scopes=scopes,
        bot_user_id=teams[0].bot_user_id,
        bot_id=teams[0].bot_id,
        installed_by=user_id,
        enterprise_id=organisation.id if organisation else teams[0].enterprise_id,
    )
    give_token(workspace, installation)
    if organisation:
        organisation.installation = installation
    for team in teams:
        team.installation = installation
        workspace.changed(team.id)
    return installation


def give_token(workspace: Workspace, installation: Installation) -> None:
    """The next token; with rotation it ends, and what fetches the one after it works once.

    https://docs.slack.dev/authentication/using-token-rotation
    """
    rotates = workspace.manifest.has_token_rotation
    head = "xoxe.xoxb-1-" if rotates else "xoxb-"
    installation.token = f"{head}{secrets.randbelow(10**12):012d}-{secrets.token_urlsafe(18)}"
    workspace.installations[installation.token] = installation
    if rotates:
        installation.refresh_token = f"xoxe-1-{secrets.token_urlsafe(24)}"
        installation.expires_at = workspace.clock() + workspace.settings.token_seconds


def exchange(workspace: Workspace, arguments: JsonObject, authorization: str) -> JsonObject:
    """oauth.v2.access: a code from the consent page, or a refresh token, for a bot token, once.

    The app names itself in the form or by Basic authorization.
    https://docs.slack.dev/reference/methods/oauth.v2.access
    """
    client_id, client_secret = _client(arguments, authorization)
    if client_id != workspace.settings.client_id:
        raise SlackError("invalid_client_id")
    if not secrets.compare_digest(client_secret, workspace.settings.client_secret):
        raise SlackError("bad_client_secret")
    if arguments.get("grant_type") == "refresh_token":
        return _refreshed(workspace, str(arguments.get("refresh_token", "")))
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
    return _token_body(workspace, install(workspace, grant.team_id, grant.user_id, grant.scopes))


def _refreshed(workspace: Workspace, refresh_token: str) -> JsonObject:
    """The strictest reading: both old tokens end at once."""
    for found in workspace.installations.values():
        if refresh_token and found.refresh_token == refresh_token and found.state == "live":
            give_token(workspace, found)
            return _token_body(workspace, found)
    raise SlackError("invalid_refresh_token")


def _token_body(workspace: Workspace, installation: Installation) -> JsonObject:
    team = workspace.teams.get(installation.team_id)
    organisation = workspace.organisations.get(installation.enterprise_id or "")
    body: JsonObject = {
        "app_id": workspace.settings.app_id,
        "authed_user": {"id": installation.installed_by},
        "scope": ",".join(installation.scopes),
        "token_type": "bot",
        "access_token": installation.token,
        "bot_user_id": installation.bot_user_id,
        "team": {"id": team.id, "name": team.name} if team is not None else None,
        "enterprise": (
            {"id": organisation.id, "name": organisation.name} if organisation else None
        ),
        "is_enterprise_install": installation.is_whole,
    }
    if installation.refresh_token is not None:
        body["refresh_token"] = installation.refresh_token
        body["expires_in"] = int(workspace.settings.token_seconds)
    return body


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
    "auth.teams.list": Method(auth_teams_list, (), 2),
    "api.test": Method(api_test, (), 4),
    "auth.revoke": Method(auth_revoke, (), 3),
    "apps.uninstall": Method(apps_uninstall, (), 1),
}
