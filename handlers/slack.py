"""Slack's Web API for work outside a request: one call, its errors in our words."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from handlers.messages.kit import Message
from handlers.tokens import BotTokens, SlackApp
from xpm.api import TryLater
from xpm.clock import Clock, utc_now
from xpm.store import Database
from xpm.vault import Vault

log = logging.getLogger(__name__)

_TOKEN_TRIES = 3
_SECONDS = 10
_MENDED_AFTER = 300.0

# The app is not there any more. https://docs.slack.dev/reference/methods/chat.postMessage#errors
_GONE = frozenset({"account_inactive", "token_revoked"})
# A token that was exchanged for the next one meanwhile may be refused like one that never was.
_TOKEN_REFUSED = _GONE | {"invalid_auth", "token_expired"}

OnGone = Callable[[str], Awaitable[None]]
"""What follows when Slack says that the app is not in a workspace or organisation any more."""


async def _nothing(holder_id: str) -> None:
    """Nothing follows."""


class SlackRefused(Exception):
    """Slack said no; `code` is its word, such as message_not_found. The same call will be refused again."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Slack:
    """Calls Slack as the app's bot in a workspace, over one shared connection pool.

    `api_url` ends in a slash (https://slack.com/api/); `hooks_url` is the only place an answer to a response_url goes.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        api_url: str,
        hooks_url: str,
        app: SlackApp,
        clock: Clock = utc_now,
        on_gone: OnGone = _nothing,
    ) -> None:
        self._on_gone = on_gone
        self._hooks = urlsplit(hooks_url)
        # The library's default also repeats a post after a reset, when the first may have arrived: the same message
        # twice. Only what Slack certainly refused is repeated. https://docs.slack.dev/apis/web-api/rate-limits
        self.client = AsyncWebClient(
            base_url=api_url,
            timeout=_SECONDS,
            retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=2)],
        )
        self.tokens = BotTokens(database, vault, self.client, app, clock)

    async def start(self) -> None:
        """Opens the shared session; without one the library opens a connection for each call."""
        self.client.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))

    async def stop(self) -> None:
        """Closes the shared session, after the last answer with a token in it."""
        await self.tokens.finish()
        if self.client.session is not None:
            await self.client.session.close()

    async def token(self, workspace_id: str) -> str | None:
        """The bot's token in a workspace, or None when the app is not installed there. Raises TryLater."""
        return await self.tokens.of(workspace_id)

    async def call(self, workspace_id: str, method: str, **arguments: Any) -> dict[str, Any]:
        """Calls a method. Raises SlackRefused when Slack says no, TryLater when it does not answer or asks to wait.

        A token that was exchanged while we spoke is no reason to refuse: the call is made anew with the next.
        """
        token = await self.token(workspace_id)
        if token is None:
            holder = await self.tokens.holder(workspace_id)
            if holder is not None and self.tokens.is_lost(holder):
                # Nothing is given up: whatever is to be said is said once an admin has added the app again.
                raise TryLater(_MENDED_AFTER, "Slack gives no new token")
            raise SlackRefused("not_installed")
        for _ in range(_TOKEN_TRIES):
            try:
                return await self._call(token, method, arguments)
            except SlackRefused as refusal:
                if refusal.code not in _TOKEN_REFUSED:
                    raise
                following = await self.tokens.settled(workspace_id)
                if following is None or following == token:
                    await self._maybe_gone(workspace_id, token, refusal.code)
                    raise
                token = following
        raise TryLater(None, "Slack's token was exchanged again and again")

    async def _maybe_gone(self, workspace_id: str, token: str, code: str) -> None:
        """Tells who must know that the app is gone, when what Slack says proves it.

        A token that Slack rotates is revoked by being exchanged as well, and an answer that was lost then must never
        look like a removal: for those only the account's end counts, and Slack's event.
        """
        holder = await self.tokens.holder(workspace_id)
        if holder is None or self.tokens.open(holder) != token or code not in _GONE:
            return
        if code == "token_revoked" and holder.token_expires_at is not None:
            return
        log.warning("slack.gone", extra={"workspace": holder.id, "why": code})
        await self._on_gone(holder.id)

    async def _call(self, token: str, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self.client.api_call(
                method,
                json=arguments,
                headers={"Authorization": f"Bearer {token}"},
            )
        except SlackApiError as error:
            code = (
                str(error.response.get("error", "unknown"))
                if hasattr(error.response, "get")
                else "unknown"
            )
            if code == "ratelimited" or getattr(error.response, "status_code", 200) >= 500:
                raise TryLater(_retry_after(error), "Slack asks to be called later") from None
            raise SlackRefused(code) from None
        except (TimeoutError, SlackClientError, aiohttp.ClientError, OSError) as error:
            raise TryLater(None, f"Slack does not answer ({type(error).__name__})") from None
        found: dict[str, Any] = answer.data if isinstance(answer.data, dict) else {}
        return found

    async def respond(self, response_url: str, message: Message) -> None:
        """Answers an interaction, to the person alone. Raises as `call` does; goes nowhere but to Slack's hooks."""
        target = urlsplit(response_url)
        if (target.scheme, target.netloc) != (self._hooks.scheme, self._hooks.netloc):
            raise SlackRefused("foreign_response_url")
        body = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": message.text,
            "blocks": message.blocks,
        }
        if self.client.session is None:
            raise TryLater(None, "Slack's session is closed")
        try:
            async with self.client.session.post(
                response_url, json=body, allow_redirects=False
            ) as answer:
                if answer.status >= 500 or answer.status == 429:
                    raise TryLater(None, "Slack asks to be called later")
                if answer.status >= 300:
                    raise SlackRefused(f"response_url_{answer.status}")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise TryLater(None, f"Slack does not answer ({type(error).__name__})") from None


def _retry_after(error: SlackApiError) -> float | None:
    headers = getattr(error.response, "headers", {}) or {}
    said = headers.get("Retry-After") or headers.get("retry-after")
    return float(said) if said and str(said).isdigit() else None
