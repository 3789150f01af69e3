"""A workspace's link to its practice, once it is made: a valid token for whoever needs one, and disconnecting.

Refreshing is done once for however many ask, in one process by one task and over processes under a lease in the row.
A crash before Xero was asked, or after it answered and before the answer was kept, costs the time the lease has left:
the next one asks with the old refresh token, which Xero takes for 30 minutes more.
Source: https://developer.xero.com/faq/oauth2
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from xpm import places
from xpm.api import Disconnected, Http, Limits, Practice, Priority, TryLater, XeroApp, XpmError
from xpm.clock import Clock
from xpm.store import Database, Transaction, audit
from xpm.store import connections as store
from xpm.store.connections import Connection
from xpm.vault import Sealed, Vault

log = logging.getLogger(__name__)

REFRESH_SECONDS = 30.0
LEASE = timedelta(seconds=90)
"""LEASE exceeds REFRESH_SECONDS and the saving after it, also with clocks some seconds apart."""

IDLE = timedelta(days=30)
"""Xero lets a refresh token die after 60 days unused; half of them leaves a month for trying again."""

_TOKEN_MARGIN = timedelta(minutes=2)
_LOOK_SECONDS = 0.1
_LOOKS = 200

OnChange = Callable[[Transaction, Connection], Awaitable[None]]
"""Takes part in the transaction that changes a connection: what follows from it is enqueued with it."""


class OtherPractice(Exception):
    """The workspace is connected to another practice than the one that is meant."""


async def _nothing(tx: Transaction, connection: Connection) -> None:
    """Nothing follows."""


def _uncounted(_: str) -> None:
    """Nobody counts."""


class Connections:
    """Lends an open `Practice` to whoever needs one, keeps its tokens alive, and disconnects.

    `on_ended` and `on_deleted` say what follows when Xero ends a connection, and when a person deletes it.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        xero: XeroApp,
        http: Http,
        *,
        api_url: str,
        clock: Clock,
        limits: Limits | None = None,
        on_ended: OnChange = _nothing,
        on_deleted: OnChange = _nothing,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        count: Callable[[str], None] = _uncounted,
    ) -> None:
        self._database = database
        self._vault = vault
        self._xero = xero
        self._http = http
        self._api_url = api_url
        self._clock = clock
        self._limits = limits or Limits()
        self._on_ended = on_ended
        self._on_deleted = on_deleted
        self._sleep = sleep
        self._count = count
        self._refreshing: dict[str, asyncio.Task[str]] = {}

    # -- using -----------------------------------------------------------------------------------------------------

    async def of(self, workspace_id: str) -> Connection | None:
        """The workspace's connection; None when nothing is connected. One that Xero ended has `ended_at`."""
        async with self._database.asking() as tx:
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
            sleep=self._sleep,
            count=self._count,
        )
        try:
            async with practice:
                yield practice
        except Disconnected as end:
            await self._ended(connection, end)
            raise

    async def keep_alive(self, workspace_id: str) -> None:
        """Refreshes tokens that nobody uses, before they die, and notices a practice that was taken away meanwhile.

        Raises TryLater when Xero is away. Nothing is raised when the connection turns out to be dead: that is noted.
        """
        connection = await self.of(workspace_id)
        if connection is None or not connection.is_live or not self._is_idle(connection):
            return
        try:
            practices = await self._xero.connections(await self._refreshed(connection))
        except Disconnected as end:
            await self._ended(connection, end)
            return
        if connection.tenant_id not in {one.tenant_id for one in practices}:
            await self._ended(connection, Disconnected("missing from the connections"))

    async def access_token(self, workspace_id: str) -> str:
        """A token that lives, for what is to be asked of Xero itself. Raises Disconnected, TryLater."""
        return await self._access_token(workspace_id)

    def _is_idle(self, connection: Connection) -> bool:
        last = connection.refreshed_at
        return last is None or last <= self._clock() - IDLE

    async def _access_token(self, workspace_id: str, refused: str | None = None) -> str:
        """A token that lives; not the one that Xero `refused`, which somebody else may have replaced by now."""
        connection = await self._usable(workspace_id)
        token = self._open(connection.access_token, places.access_token(workspace_id))
        if token != refused and connection.expires_at - _TOKEN_MARGIN > self._clock():
            return token
        return await self._refreshed(connection)

    async def _refreshed(self, connection: Connection) -> str:
        """The access token after a refresh that everybody in this process shares.

        A task of its own: a caller who gives up must not take the answer along that the others wait for.
        """
        workspace_id = connection.workspace_id
        task = self._refreshing.get(workspace_id)
        if task is None:
            task = asyncio.create_task(self._refresh(connection), name="xpm-refresh")
            self._refreshing[workspace_id] = task
            task.add_done_callback(lambda done: self._forget_task(workspace_id, done))
        return await asyncio.shield(task)

    def _forget_task(self, workspace_id: str, task: asyncio.Task[str]) -> None:
        self._refreshing.pop(workspace_id, None)
        if not task.cancelled():
            # Looked at, so that a failure nobody waited for is not reported as forgotten.
            task.exception()

    async def _refresh(self, before: Connection) -> str:
        """Refreshes, or waits for the process that does; the row decides who it is."""
        lease = secrets.token_hex(16)
        workspace_id = before.workspace_id
        for _ in range(_LOOKS):
            connection = await self._usable(workspace_id)
            if not connection.has_same_tokens_as(before):
                return self._open(connection.access_token, places.access_token(workspace_id))
            now = self._clock()
            async with self._database.transaction() as tx:
                is_ours = await store.claim_refresh(tx, connection, lease, now, now + LEASE)
            if is_ours:
                return await self._ask_and_keep(connection, lease)
            await asyncio.sleep(_LOOK_SECONDS)
        raise TryLater(reason="another process is refreshing the connection")

    async def _ask_and_keep(self, connection: Connection, lease: str) -> str:
        workspace_id = connection.workspace_id
        refresh = self._open(connection.refresh_token, places.refresh_token(workspace_id))
        try:
            try:
                async with asyncio.timeout(REFRESH_SECONDS):
                    tokens = await self._xero.refresh(refresh)
            except TimeoutError:
                raise TryLater(reason="Xero's sign-in is not answering") from None
        except XpmError as error:
            return await self._not_refreshed(connection, lease, error)
        now = self._clock()
        async with self._database.transaction() as tx:
            is_kept = await store.keep_tokens(
                tx,
                connection,
                lease,
                access_token=self._vault.seal(
                    tokens.access_token, places.access_token(workspace_id)
                ),
                refresh_token=self._vault.seal(
                    tokens.refresh_token, places.refresh_token(workspace_id)
                ),
                expires_at=tokens.expires_at,
                refreshed_at=now,
            )
        if is_kept:
            return tokens.access_token
        # We were so slow that another one took over, or somebody disconnected: what stands in the row counts.
        return self._open(
            (await self._usable(workspace_id)).access_token, places.access_token(workspace_id)
        )

    async def _not_refreshed(self, connection: Connection, lease: str, error: XpmError) -> str:
        """Gives the lease back and raises `error`, unless another process has fresh tokens by now."""
        workspace_id = connection.workspace_id
        async with self._database.transaction() as tx:
            await store.release_refresh(tx, connection, lease)
            now = await store.get(tx, workspace_id)
            has_moved_on = now is not None and not now.has_same_tokens_as(connection)
            if not has_moved_on:
                detail = {"why": type(error).__name__, **_evidence(error)}
                await self._note(
                    tx, connection, "tokens.not_refreshed", None, connection.tenant_id, detail
                )
        if has_moved_on and now is not None and now.is_live:
            return self._open(now.access_token, places.access_token(workspace_id))
        raise error

    async def _usable(self, workspace_id: str) -> Connection:
        connection = await self.of(workspace_id)
        if connection is None or not connection.is_live:
            raise Disconnected("XPM is not connected")
        return connection

    def _open(self, sealed: Sealed, bound_to: str) -> str:
        return self._vault.open(sealed, bound_to)

    async def _ended(self, connection: Connection, why: Disconnected) -> None:
        """Notes once that Xero ended this connection, with what follows from it; an old failure ends no new one."""
        async with self._database.transaction() as tx:
            if not await store.end(tx, connection, self._clock(), "xero"):
                return
            await self._note(
                tx, connection, "connection.ended", None, connection.tenant_id, _evidence(why)
            )
            await self._on_ended(tx, connection)
        log.warning("connection.ended", extra={"workspace": connection.workspace_id})

    # -- disconnecting ---------------------------------------------------------------------------------------------

    async def disconnect(self, workspace_id: str, slack_user_id: str | None) -> Connection | None:
        """Deletes the connection at Xero, revokes the grant with its last one, forgets tokens and mirror.

        Returns the connection that was, without its tokens; None when nothing was connected. Ours is forgotten even
        when Xero does not answer: a person who disconnects must be able to rely on it.
        """
        connection = await self.of(workspace_id)
        if connection is None:
            return None
        left = "gone already"
        if connection.is_live:
            left = await self._leave_xero(connection)
        async with self._database.transaction() as tx:
            now = await store.get(tx, workspace_id)
            if now is None or now.connected_at != connection.connected_at:
                return None
            await store.forget(tx, workspace_id)
            await self._note(
                tx,
                connection,
                "connection.deleted",
                slack_user_id,
                connection.tenant_id,
                {"at_xero": left},
            )
            await self._on_deleted(tx, connection)
        log.info("connection.deleted", extra={"workspace": workspace_id})
        return replace(connection, access_token=Sealed(""), refresh_token=Sealed(""))

    async def _leave_xero(self, connection: Connection) -> str:
        """What has become of it at Xero. Revoking ends the person's whole grant, so only its last connection does."""
        workspace_id = connection.workspace_id
        async with self._database.reading() as tx:
            if await store.is_shared(tx, connection):
                # The same person connected this practice to another workspace as well, which must not lose it.
                return "kept for another workspace"
        try:
            token = await self._access_token(workspace_id)
            await self._xero.disconnect(token, connection.id)
            if await self._xero.connections(token):
                return "deleted"
            latest = await self._usable(workspace_id)
            await self._xero.revoke(
                self._open(latest.refresh_token, places.refresh_token(workspace_id))
            )
        except XpmError as error:
            log.warning("connection.left_at_xero", extra={"why": type(error).__name__})
            async with self._database.transaction() as tx:
                await self._note(
                    tx,
                    connection,
                    "connection.left_at_xero",
                    None,
                    connection.tenant_id,
                    {"why": type(error).__name__, **_evidence(error)},
                )
            return "left"
        return "deleted and revoked"

    async def _note(
        self,
        tx: Transaction,
        connection: Connection,
        event: str,
        person: str | None,
        subject: str,
        detail: dict[str, object],
    ) -> None:
        workspace_id = connection.workspace_id
        await audit.note(
            tx, audit.Fact(self._clock(), workspace_id, event, person, subject, detail)
        )


def _evidence(error: XpmError) -> dict[str, object]:
    """What Xero's support desk asks for; no words of an answer, which may name people."""
    found: dict[str, object] = {"status": error.status, "xero": error.correlation_id}
    return {name: value for name, value in found.items() if value is not None}
