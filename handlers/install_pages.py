"""The end of adding the app to Slack, as pages of ours: no code or state in a page, an address or a log."""

import logging
from typing import Any
from urllib.parse import urlencode

import aiohttp
from slack_bolt.oauth.async_callback_options import (
    AsyncCallbackOptions,
    AsyncFailureArgs,
    AsyncSuccessArgs,
)
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.oauth.installation_store import Installation

from handlers.signin import pages
from handlers.signin.pages import Page

log = logging.getLogger(__name__)

_CANCELLED = "access_denied"
_AGAIN = "Nothing was changed. Try again; if it fails once more, ask whoever runs this app."

_FAILED: dict[str, tuple[str, tuple[str, ...]]] = {
    _CANCELLED: ("Not added to Slack", ("You did not allow it. Nothing was changed.",)),
    "invalid_browser": (
        "This page was begun in another browser",
        ("Adding the app begins and ends in one browser, with cookies on. Nothing was changed.",),
    ),
    "invalid_state": (
        "This page has expired",
        ("It works once and for ten minutes. Nothing was changed.",),
    ),
}


def added(name: str, is_organisation: bool, slack: str) -> Page:
    """The app is there, and what comes next."""
    if is_organisation:
        lines: tuple[str, ...] = (
            "The app can now be given to the organisation’s workspaces: in Slack’s admin pages, under the app’s name.",
            "In each workspace somebody types /xpm connect to connect its practice.",
        )
    else:
        lines = ("In Slack, type /xpm connect to connect your practice in Xero Practice Manager.",)
    return Page(f"Added to {name}", lines, (("Open Slack", slack),), is_good=True)


def failed(reason: str, install_path: str) -> Page:
    """Why the app was not added, and the way to try again."""
    title, lines = _FAILED.get(reason, ("Slack did not add the app", (_AGAIN,)))
    return Page(title, lines, (("Try again", install_path),))


class InstallFlow(AsyncOAuthFlow):
    """Bolt's flow, but for its pages, and for the code that it writes into the log when Slack refuses it."""

    async def run_installation(self, code: str) -> Installation | None:
        """Exchanges the code; None when Slack refuses it or does not answer."""
        try:
            answer = await self.client.oauth_v2_access(
                code=code,
                client_id=self.settings.client_id,
                client_secret=self.settings.client_secret,
                redirect_uri=self.settings.redirect_uri,
            )
            token = answer.get("access_token")
            who: Any = await self.client.auth_test(token=token) if token else {}
        except SlackApiError as error:
            code_word = error.response.get("error") if hasattr(error.response, "get") else "error"
            log.warning("install.refused", extra={"why": str(code_word)})
            return None
        except (TimeoutError, SlackClientError, aiohttp.ClientError, OSError) as error:
            log.warning("install.refused", extra={"why": type(error).__name__})
            return None
        return _installation(answer, who)

    @classmethod
    def options(cls, slack_web_url: str, install_path: str) -> AsyncCallbackOptions:
        """Our pages in the place of Bolt's."""

        async def success(args: AsyncSuccessArgs) -> BoltResponse:
            one = args.installation
            is_whole = bool(one.is_enterprise_install)
            name = (one.enterprise_name if is_whole else one.team_name) or "Slack"
            there = {"app": one.app_id or ""} | ({} if is_whole else {"team": one.team_id or ""})
            slack = f"{slack_web_url}/app_redirect?{urlencode(there)}"
            return _respond(added(name, is_whole, slack), 200, args.settings)

        async def failure(args: AsyncFailureArgs) -> BoltResponse:
            log.warning("install.failed", extra={"why": args.reason[:40]})
            page = failed(args.reason, install_path)
            return _respond(page, args.suggested_status_code, args.settings)

        return AsyncCallbackOptions(success, failure)

    async def handle_callback(self, request: AsyncBoltRequest) -> BoltResponse:
        """Bolt's way; anything unexpected ends in a page as well."""
        try:
            return await super().handle_callback(request)
        except Exception as error:
            log.exception("install.failed", extra={"why": type(error).__name__})
            return _respond(failed("error", self.install_path), 500, self.settings)


def _installation(answer: Any, who: Any) -> Installation:
    """As Bolt reads it, without users' tokens, which we never ask for."""
    team, organisation = answer.get("team") or {}, answer.get("enterprise") or {}
    return Installation(
        app_id=answer.get("app_id"),
        enterprise_id=organisation.get("id"),
        enterprise_name=organisation.get("name"),
        team_id=team.get("id"),
        team_name=team.get("name"),
        bot_token=answer.get("access_token"),
        bot_id=who.get("bot_id"),
        bot_user_id=answer.get("bot_user_id"),
        bot_scopes=answer.get("scope"),
        bot_refresh_token=answer.get("refresh_token"),
        bot_token_expires_in=answer.get("expires_in"),
        user_id=(answer.get("authed_user") or {}).get("id") or "",
        is_enterprise_install=bool(answer.get("is_enterprise_install")),
        token_type=answer.get("token_type"),
    )


def _respond(page: Page, status: int, settings: Any) -> BoltResponse:
    shown = pages.answer(page, status)
    headers: dict[str, Any] = dict(shown.headers.items())
    headers.pop("content-length", None)
    headers["set-cookie"] = settings.state_utils.build_set_cookie_for_deletion()
    return BoltResponse(status=status, body=bytes(shown.body).decode(), headers=headers)
