"""A workspace's link to its practice: connect through Xero's consent, hand out a valid token, disconnect.

A link from Slack is single use, lives ten minutes and is bound to one workspace and person; the state of Xero's
consent is bound to the browser that opened the link. Of links, states and browsers only fingerprints are stored.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from xpm.api import Disconnected, Http, Limits, Practice, Priority, Tokens, XeroApp, XpmError
from xpm.clock import Clock
from xpm.store import Database, Transaction, audit
from xpm.store import connections as store
from xpm.store.connections import Connection, ConnectLink
from xpm.vault import Sealed, Vault, fingerprint

log = logging.getLogger(__name__)

LINK_LIFE = timedelta(minutes=10)
_TOKEN_MARGIN = timedelta(minutes=2)


class Refusal(StrEnum):
    """Why a browser cannot go on connecting; each has its page."""

    USED = "used"
    EXPIRED = "expired"
    FORGED = "forged"
    CANCELLED = "cancelled"
    NO_PRACTICE = "no_practice"
    SEVERAL = "several"
    UNAVAILABLE = "unavailable"
    TAKEN = "taken"


class CannotConnect(Exception):
    """Connecting stops here. `workspace_id` is known unless the link was forged."""

    def __init__(self, refusal: Refusal, workspace_id: str | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.workspace_id = workspace_id


class OtherPractice(Exception):
    """The workspace is connected to another practice than the one that is meant."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened link: where the browser goes next, and the secret it must bring back in a cookie."""

    consent_url: str
    browser: str


class Connections:
    """Connects and disconnects practices, and lends an open `Practice` to whoever needs one."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        xero: XeroApp,
        http: Http,
        *,
        api_url: str,
        redirect_uri: str,
        region: str,
        clock: Clock,
        on_connected: Callable[[Transaction, Connection], Awaitable[None]],
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._xero = xero
        self._http = http
        self._api_url = api_url
        self._redirect_uri = redirect_uri
        self._region = region
        self._clock = clock
        self._on_connected = on_connected
        self._limits = limits or Limits()
        self._refreshing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    # -- connecting ------------------------------------------------------------------------------------------------

    async def new_link(self, workspace_id: str, slack_user_id: str) -> tuple[str, ConnectLink]:
        """A fresh secret for a link, with what is stored of it; the secret itself is never stored."""
        secret = secrets.token_urlsafe(32)
        link = ConnectLink(
            link=fingerprint(secret),
            workspace_id=workspace_id,
            slack_user_id=slack_user_id,
            expires_at=self._clock() + LINK_LIFE,
        )
        async with self._database.transaction() as tx:
            await store.add_link(tx, link)
        return secret, link

    async def open_link(self, secret: str) -> Opened:
        """Opens a link once. Raises CannotConnect when it is used, expired or not ours."""
        state, browser, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        mark, now = fingerprint(secret), self._clock()
        async with self._database.transaction() as tx:
            opened = await store.open_link(
                tx,
                mark,
                now,
                state=fingerprint(state),
                browser=fingerprint(browser),
                verifier=self._vault.seal(verifier, f"connect_links.verifier:{mark}"),
            )
            if opened is None:
                found = await store.link(tx, mark)
                if found is None:
                    raise CannotConnect(Refusal.FORGED)
                used = found.opened_at is not None
                raise CannotConnect(Refusal.USED if used else Refusal.EXPIRED, found.workspace_id)
        url = self._xero.authorize_url(self._redirect_uri, state, verifier)
        return Opened(url, browser)

    async def finish(self, *, state: str, browser: str, code: str | None) -> Connection:
        """Turns Xero's answer into a connection. `code` is None when the person cancelled at Xero.

        Raises CannotConnect: the state is wrong, used, late or from another browser; the person cancelled; no
        practice was allowed, or several; Xero is away; somebody connected another practice meanwhile.
        """
        now = self._clock()
        async with self._database.transaction() as tx:
            link = await store.answer_link(tx, fingerprint(state), fingerprint(browser), now)
        if link is None:
            raise CannotConnect(Refusal.FORGED)
        try:
            connection = await self._consented(link, code)
        except CannotConnect as error:
            async with self._database.transaction() as tx:
                await store.settle_link(tx, link.link, error.refusal.value)
                await self._note(
                    tx,
                    link.workspace_id,
                    "connect.refused",
                    link.slack_user_id,
                    error.refusal.value,
                )
            raise
        async with self._database.transaction() as tx:
            before = await store.get(tx, link.workspace_id)
            if before is not None and before.tenant_id != connection.tenant_id:
                # What was copied from an ended practice is not this one's.
                await store.forget(tx, link.workspace_id)
            await store.save(tx, connection)
            await store.settle_link(tx, link.link, "connected")
            await self._note(
                tx, link.workspace_id, "connection.made", link.slack_user_id, connection.tenant_id
            )
            await self._on_connected(tx, connection)
        log.info("connection.made", extra={"workspace": link.workspace_id})
        return connection

    async def _consented(self, link: ConnectLink, code: str | None) -> Connection:
        if code is None or link.verifier is None:
            raise CannotConnect(Refusal.CANCELLED, link.workspace_id)
        verifier = self._vault.open(link.verifier, f"connect_links.verifier:{link.link}")
        try:
            tokens = await self._xero.exchange(code, self._redirect_uri, verifier)
            practices = await self._xero.connections(tokens.access_token, tokens.auth_event_id)
            if not practices and tokens.auth_event_id is not None:
                # Consenting again to a connected practice keeps the old event id: then the newest change is it.
                practices = (await self._xero.connections(tokens.access_token))[:1]
        except XpmError as error:
            log.warning("connection.not_made", extra={"why": type(error).__name__})
            raise CannotConnect(Refusal.UNAVAILABLE, link.workspace_id) from error
        if not practices:
            raise CannotConnect(Refusal.NO_PRACTICE, link.workspace_id)
        if len(practices) > 1:
            raise CannotConnect(Refusal.SEVERAL, link.workspace_id)
        practice = practices[0]
        async with self._database.reading() as tx:
            before = await store.get(tx, link.workspace_id)
        if (
            before is not None
            and before.ended_at is None
            and before.tenant_id != practice.tenant_id
        ):
            raise CannotConnect(Refusal.TAKEN, link.workspace_id)
        workspace = link.workspace_id
        return Connection(
            workspace_id=workspace,
            id=practice.id,
            tenant_id=practice.tenant_id,
            practice=practice.tenant_name,
            region=self._region,
            connected_by=link.slack_user_id,
            connected_at=self._clock(),
            access_token=self._vault.seal(tokens.access_token, _place("access_token", workspace)),
            refresh_token=self._vault.seal(
                tokens.refresh_token, _place("refresh_token", workspace)
            ),
            expires_at=tokens.expires_at,
        )

    async def outcome_for(self, browser: str) -> tuple[ConnectLink, Connection | None] | None:
        """How the connecting of this browser ended, for the page it is sent to; None for a stranger's browser."""
        async with self._database.reading() as tx:
            link = await store.link_of_browser(tx, fingerprint(browser))
            if link is None or link.outcome is None:
                return None
            return link, await store.get(tx, link.workspace_id)

    # -- using -----------------------------------------------------------------------------------------------------

    async def of(self, workspace_id: str) -> Connection | None:
        """The workspace's connection; None when nothing is connected. One that Xero ended has `ended_at`."""
        async with self._database.reading() as tx:
            return await store.get(tx, workspace_id)

    @asynccontextmanager
    async def practice(
        self,
        workspace_id: str,
        priority: Priority = Priority.CLICK,
        *,
        tenant_id: str | None = None,
    ) -> AsyncIterator[Practice]:
        """The connected practice, ready to be asked. Raises Disconnected when there is none.

        With `tenant_id`, raises OtherPractice when the workspace is connected to another practice by now.

        A Disconnected that the block raises (a dead grant, a practice removed at Xero) is noted on the connection.
        """
        connection = await self.of(workspace_id)
        if connection is None or connection.ended_at is not None:
            raise Disconnected("XPM is not connected")
        if tenant_id is not None and connection.tenant_id != tenant_id:
            raise OtherPractice

        given: str | None = None

        async def access_token(refused: bool) -> str:
            nonlocal given
            given = await self._access_token(workspace_id, given if refused else None)
            return given

        practice = Practice(
            self._http,
            connection.tenant_id,
            access_token,
            api_url=self._api_url,
            limiter=self._limits.of(connection.tenant_id),
            priority=priority,
        )
        try:
            async with practice:
                yield practice
        except Disconnected:
            await self._ended(connection)
            raise

    async def _access_token(self, workspace_id: str, refused: str | None = None) -> str:
        """A token that lives; not the one that Xero `refused`, which somebody else may have replaced by now."""
        before = await self._usable(workspace_id)
        token = self._open(before.access_token, "access_token", workspace_id)
        if token != refused and before.expires_at - _TOKEN_MARGIN > self._clock():
            return token
        async with self._refreshing[workspace_id]:
            connection = await self._usable(workspace_id)
            if connection.access_token.text != before.access_token.text:
                # Somebody refreshed while we waited for the lock.
                return self._open(connection.access_token, "access_token", workspace_id)
            refresh = self._open(connection.refresh_token, "refresh_token", workspace_id)
            tokens = await self._xero.refresh(refresh)
            async with self._database.transaction() as tx:
                await self._keep(tx, workspace_id, tokens)
            return tokens.access_token

    async def _usable(self, workspace_id: str) -> Connection:
        connection = await self.of(workspace_id)
        if connection is None or connection.ended_at is not None:
            raise Disconnected("XPM is not connected")
        return connection

    async def _keep(self, tx: Transaction, workspace_id: str, tokens: Tokens) -> None:
        await store.change(
            tx,
            workspace_id,
            access_token=self._vault.seal(
                tokens.access_token, _place("access_token", workspace_id)
            ),
            refresh_token=self._vault.seal(
                tokens.refresh_token, _place("refresh_token", workspace_id)
            ),
            expires_at=tokens.expires_at,
        )

    def _open(self, sealed: Sealed, column: str, workspace_id: str) -> str:
        return self._vault.open(sealed, _place(column, workspace_id))

    async def _ended(self, connection: Connection) -> None:
        async with self._database.transaction() as tx:
            if not await store.end(tx, connection, self._clock(), "xero"):
                return
            await self._note(
                tx, connection.workspace_id, "connection.ended", None, connection.tenant_id
            )
        log.warning("connection.ended", extra={"workspace": connection.workspace_id})

    # -- disconnecting ---------------------------------------------------------------------------------------------

    async def disconnect(self, workspace_id: str, slack_user_id: str) -> Connection | None:
        """Deletes the connection at Xero, revokes the grant, forgets tokens and mirror; the connection that was.

        Ours is forgotten even when Xero does not answer: a person who disconnects must be able to rely on it. None
        when nothing was connected.
        """
        connection = await self.of(workspace_id)
        if connection is None:
            return None
        if connection.ended_at is None:
            await self._leave_xero(workspace_id, connection)
        async with self._database.transaction() as tx:
            await store.forget(tx, workspace_id)
            await self._note(
                tx, workspace_id, "connection.deleted", slack_user_id, connection.tenant_id
            )
        log.info("connection.deleted", extra={"workspace": workspace_id})
        return replace(connection, access_token=Sealed(""), refresh_token=Sealed(""))

    async def _leave_xero(self, workspace_id: str, connection: Connection) -> None:
        try:
            token = await self._access_token(workspace_id)
            await self._xero.disconnect(token, connection.id)
            latest = await self._usable(workspace_id)
            await self._xero.revoke(self._open(latest.refresh_token, "refresh_token", workspace_id))
        except XpmError as error:
            log.warning("connection.left_at_xero", extra={"why": type(error).__name__})
            async with self._database.transaction() as tx:
                await self._note(
                    tx, workspace_id, "connection.left_at_xero", None, connection.tenant_id
                )

    async def _note(
        self, tx: Transaction, workspace_id: str, event: str, person: str | None, subject: str
    ) -> None:
        await audit.note(tx, audit.Fact(self._clock(), workspace_id, event, person, subject))


def _place(column: str, workspace_id: str) -> str:
    return f"connections.{column}:{workspace_id}"
