"""The bot's tokens: whose speaks where, and the next one fetched in time where Slack lets them expire.

With rotation a token lives twelve hours, and what fetches the next one works once:
https://docs.slack.dev/authentication/using-token-rotation
Fetching is done once for however many ask: in one process by one task, over processes under a claim in the row. Nobody
waits for it while the present token lives, and nothing on the way to an ack does.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from xpm import places
from xpm.api import TryLater
from xpm.clock import Clock
from xpm.store import Database, audit, installed
from xpm.store.workspaces import Workspace
from xpm.vault import Vault

log = logging.getLogger(__name__)

EARLY = timedelta(hours=2)
"""The next token is fetched so long before this one ends, so that an hour without Slack costs nothing."""

FETCH_SECONDS = 20.0
CLAIM = timedelta(seconds=45)
"""CLAIM exceeds FETCH_SECONDS and the saving after it, also with clocks some seconds apart."""

_MARGIN = timedelta(seconds=30)
_AGAIN_AFTER = timedelta(seconds=10)
_LOOK_SECONDS = 0.1
_LOOKS = 300
# The grant itself is dead: asking again cannot help, only adding the app again.
_DEAD = frozenset({"invalid_refresh_token", "invalid_grant", "token_revoked", "account_inactive"})


@dataclass(frozen=True, slots=True)
class SlackApp:
    """Who we are when we ask Slack for the next token; `install_url` is where an admin adds the app again."""

    client_id: str
    client_secret: str
    install_url: str = ""


class BotTokens:
    """Lends the bot's token of a workspace."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        client: AsyncWebClient,
        app: SlackApp,
        clock: Clock,
    ) -> None:
        self._database = database
        self._vault = vault
        self._client = client
        self._app = app
        self._clock = clock
        self._fetching: dict[str, asyncio.Task[bool]] = {}

    async def of(self, workspace_id: str) -> str | None:
        """A token that lives; None where the app is not, not any more, or where Slack gives no next token.

        Raises TryLater when the token has ended and Slack does not answer.
        """
        has_asked = False
        for _ in range(_LOOKS):
            holder = await self.holder(workspace_id)
            if holder is None:
                return None
            if self.is_due(holder):
                self.fetch_soon(holder)
            if self._lives(holder):
                return self.open(holder)
            if has_asked and holder.refresh_token is not None:
                break
            task = self._fetching.get(holder.id)
            if task is not None:
                # Shielded: a caller who gives up must not take along what the others wait for.
                has_asked = await asyncio.shield(task)
            elif holder.refresh_token is None:
                return None
            else:
                # Another process fetches it, or Slack has just refused to be asked again so soon.
                await asyncio.sleep(_LOOK_SECONDS)
        raise TryLater(_AGAIN_AFTER.total_seconds(), "Slack gives no new token")

    async def settled(self, workspace_id: str) -> str | None:
        """The token once no exchange is under way: Slack may refuse the old one before the next is in the row."""
        for _ in range(_LOOKS):
            holder = await self.holder(workspace_id)
            if holder is None:
                return None
            until = holder.rotating_until
            if until is None or until <= self._clock():
                break
            await asyncio.sleep(_LOOK_SECONDS)
        return await self.of(workspace_id)

    async def holder(self, workspace_id: str) -> Workspace | None:
        """Whose token speaks in a workspace: its own installation, or its organisation's."""
        async with self._database.reading() as tx:
            return await installed.holder(tx, workspace_id)

    def open(self, holder: Workspace) -> str | None:
        """The token as it stands."""
        sealed = holder.bot_token
        return None if sealed is None else self._vault.open(sealed, places.bot_token(holder.id))

    def is_due(self, holder: Workspace) -> bool:
        """Whether the next token is to be fetched, and nobody does."""
        now = self._clock()
        return (
            holder.refresh_token is not None
            and holder.token_expires_at is not None
            and holder.token_expires_at - EARLY <= now
            and (holder.rotating_until is None or holder.rotating_until <= now)
        )

    def _lives(self, holder: Workspace) -> bool:
        end = holder.token_expires_at
        return end is None or end - _MARGIN > self._clock()

    def is_lost(self, holder: Workspace) -> bool:
        """Whether Slack gives no next token though the present one ends: only adding the app again helps."""
        return holder.refresh_token is None and holder.token_expires_at is not None

    def fetch_soon(self, holder: Workspace) -> None:
        """Fetches the next token beside what is going on; once, however often it is asked for."""
        if holder.id not in self._fetching:
            task = asyncio.create_task(self._fetch(holder), name="slack-token")
            self._fetching[holder.id] = task
            task.add_done_callback(lambda _: self._fetching.pop(holder.id, None))

    async def finish(self) -> None:
        """Waits for what is being fetched, so that no answer is lost at the end of the process."""
        if self._fetching:
            await asyncio.wait(self._fetching.values(), timeout=FETCH_SECONDS)

    async def _fetch(self, holder: Workspace) -> bool:
        """Claims, asks, keeps; never raises. Whether it was ours to ask. What goes wrong is tried again later."""
        try:
            now = self._clock()
            async with self._database.transaction() as tx:
                if not await installed.claim_rotation(tx, holder, now, now + CLAIM):
                    return False
            await self._ask(holder)
        except Exception:
            # The last resort of a task of its own: the trace is kept, the token in the row is still the old one.
            log.exception("slack.token_not_kept", extra={"workspace": holder.id})
        return True

    async def _ask(self, holder: Workspace) -> None:
        if holder.refresh_token is None:
            return
        refresh = self._vault.open(holder.refresh_token, places.bot_refresh_token(holder.id))
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                answer = await self._client.oauth_v2_access(
                    client_id=self._app.client_id,
                    client_secret=self._app.client_secret,
                    grant_type="refresh_token",
                    refresh_token=refresh,
                )
            token, following = str(answer["access_token"]), str(answer["refresh_token"])
            seconds = int(answer["expires_in"])
        except SlackApiError as error:
            code = str(error.response.get("error")) if hasattr(error.response, "get") else ""
            if code in _DEAD:
                await self._note_dead(holder, code)
            else:
                await self._wait_a_little(holder, code or "error")
        except (TimeoutError, SlackClientError, aiohttp.ClientError, OSError, KeyError) as error:
            # The answer may have been lost on its way. Whether Slack takes the old refresh token once more is not
            # known (docs/unverified.md): if it does, nothing is lost; if not, _note_dead says so.
            await self._wait_a_little(holder, type(error).__name__)
        else:
            await self._keep(holder, token, following, self._clock() + timedelta(seconds=seconds))

    async def _keep(
        self, holder: Workspace, token: str, refresh: str, expires_at: datetime
    ) -> None:
        async with self._database.transaction() as tx:
            is_kept = await installed.rotated(
                tx,
                holder,
                self._vault.seal(token, places.bot_token(holder.id)),
                self._vault.seal(refresh, places.bot_refresh_token(holder.id)),
                expires_at,
            )
            if is_kept:
                fact = audit.Fact(self._clock(), holder.id, "workspace.token_rotated")
                await audit.note(tx, fact)
        log.info("slack.token_rotated", extra={"workspace": holder.id})

    async def _wait_a_little(self, holder: Workspace, why: str) -> None:
        log.warning("slack.token_waits", extra={"workspace": holder.id, "why": why})
        async with self._database.transaction() as tx:
            until = self._clock() + _AGAIN_AFTER
            await installed.change_token(tx, holder, rotating_until=until)

    async def _note_dead(self, holder: Workspace, why: str) -> None:
        """Stops asking, and says so once. The present token is used to its end; then the app must be added again.

        No data is touched, and what is to be said in Slack waits for the new token.
        """
        async with self._database.transaction() as tx:
            if not await installed.change_token(
                tx, holder, refresh_token=None, rotating_until=None
            ):
                return
            fact = audit.Fact(
                self._clock(), holder.id, "workspace.token_refused", detail={"why": why}
            )
            await audit.note(tx, fact)
        todo = f"an admin of the workspace adds the app again: {self._app.install_url}"
        log.error("slack.token_dead", extra={"workspace": holder.id, "why": why, "todo": todo})
