"""Gives back at Xero what a consent allowed and nobody chose: connections it made, and the grant with the last of them.

It is done at once where the consent ends, and by the clock for what a crash or an unanswered question left behind.
Tokens are forgotten even when Xero does not answer, as with disconnecting.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from xpm import places
from xpm.api import Disconnected, PracticeConnection, Tokens, XeroApp, XpmError
from xpm.clock import Clock
from xpm.consented import Consented
from xpm.store import Database, audit, links
from xpm.store import connections as store
from xpm.store.links import ConnectLink
from xpm.vault import CannotOpen, Sealed, Vault

log = logging.getLogger(__name__)

EXPIRED = "expired"
_UNDER_WAY = timedelta(minutes=1)
"""An answer taken in the link's last second is still being carried through: so long it is left alone."""
_TRY_FOR = timedelta(hours=1)


class Withdrawing:
    """Withdraws consents. `lend` gives a live access token of a workspace's connection."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        xero: XeroApp,
        clock: Clock,
        lend: Callable[[str], Awaitable[str]],
    ) -> None:
        self._database = database
        self._vault = vault
        self._xero = xero
        self._clock = clock
        self._lend = lend

    def seal(self, link: ConnectLink, consented: Consented) -> Sealed:
        """The consent as it stands on its link's row, and opens there alone."""
        return self._vault.seal(consented.to_text(), places.consented(link.link))

    def open(self, link: ConnectLink) -> Consented | None:
        """What stands on the link's row; None when nothing does, or when it was sealed with a key that is gone."""
        if link.consented is None:
            return None
        try:
            return Consented.from_text(
                self._vault.open(link.consented, places.consented(link.link))
            )
        except CannotOpen:
            log.warning("consent.does_not_open", extra={"workspace": link.workspace_id})
            return None

    async def withdraw(self, link: ConnectLink, consented: Consented) -> None:
        """Ends a consent of which nothing was connected, and forgets it, also when Xero does not answer."""
        left = "nothing"
        if consented.tokens is not None:
            try:
                left = await self._end(link, consented, consented.tokens)
            except XpmError as error:
                log.warning("consent.left_at_xero", extra={"why": type(error).__name__})
                left = "left"
        await self._forget(link, "consent.withdrawn", left)

    async def superseded(
        self, link: ConnectLink, listed: Sequence[PracticeConnection]
    ) -> list[tuple[ConnectLink, Consented]]:
        """The same person's earlier questions, still open, about connections that the new tokens open as well."""
        events = {one.auth_event_id for one in listed}
        found = []
        async with self._database.reading() as tx:
            others = await links.with_consent(tx)
        for other in others:
            is_theirs = (other.workspace_id, other.slack_user_id) == (
                link.workspace_id,
                link.slack_user_id,
            )
            if is_theirs and other.link != link.link and other.outcome is None:
                consented = self.open(other)
                if consented is not None and events & set(consented.events):
                    found.append((other, consented))
        return found

    async def leave_rest(self, link: ConnectLink, rest: Consented, token: str | None) -> None:
        """Deletes at Xero what the consent made besides the practice that was chosen; the clock tries for an hour."""
        left = "deleted"
        try:
            token = token or await self._lend(link.workspace_id)
            await self._delete(link, token, rest.made)
        except XpmError as error:
            log.warning("consent.left_at_xero", extra={"why": type(error).__name__})
            is_hopeless = isinstance(error, Disconnected)
            if not is_hopeless and self._clock() < link.expires_at + _TRY_FOR:
                return
            left = "left"
        await self._forget(link, "consent.narrowed", left)

    async def tidy(self) -> None:
        """Ends what was never answered in time, and what a crash cut short. A tick of the clock, on any replica."""
        now = self._clock()
        async with self._database.reading() as tx:
            found = await links.with_consent(tx)
        for link in found:
            if link.outcome is not None or await self._expire(link, now):
                await self._finish(link)

    async def of_removed(self, workspace_id: str) -> None:
        """Ends what a workspace had under way when it removed the app."""
        async with self._database.reading() as tx:
            found = await links.with_consent(tx)
        for link in found:
            if link.workspace_id == workspace_id and link.outcome == links.REMOVED:
                await self._finish(link)

    async def _expire(self, link: ConnectLink, now: datetime) -> bool:
        """Whether the question is over for want of an answer, and it was for us to say so."""
        if link.expires_at > now - _UNDER_WAY:
            return False
        async with self._database.transaction() as tx:
            if not await links.settle(tx, link.link, EXPIRED):
                return False
            who = link.slack_user_id
            await audit.note(
                tx, audit.Fact(now, link.workspace_id, "connect.refused", who, EXPIRED)
            )
        return True

    async def _finish(self, link: ConnectLink) -> None:
        consented = self.open(link)
        if consented is None:
            await self._forget(link, "consent.withdrawn", "left")
        elif consented.tokens is None:
            await self.leave_rest(link, consented, None)
        else:
            await self.withdraw(link, consented)

    async def _end(self, link: ConnectLink, consented: Consented, tokens: Tokens) -> str:
        if tokens.expires_at <= self._clock():
            tokens = await self._xero.refresh(tokens.refresh_token)
        listed = await self._xero.connections(tokens.access_token)
        await self._delete(link, tokens.access_token, filter(consented.has_made, listed))
        if await self._xero.connections(tokens.access_token):
            # Revoking would end the person's whole grant, and with it what other workspaces stand on.
            return "deleted"
        await self._xero.revoke(tokens.refresh_token)
        return "deleted and revoked"

    async def _delete(
        self, link: ConnectLink, token: str, practices: Iterable[PracticeConnection]
    ) -> None:
        for practice in practices:
            if not await self._is_wanted(link, practice.id):
                await self._xero.disconnect(token, practice.id)

    async def _is_wanted(self, link: ConnectLink, connection_id: str) -> bool:
        """Whether any workspace stands on this connection, or a later consent of the same person may choose it yet."""
        now = self._clock()
        async with self._database.reading() as tx:
            if await store.is_used(tx, connection_id):
                return True
            others = await links.with_consent(tx)
        for other in others:
            if other.link == link.link or other.outcome is not None or other.expires_at <= now:
                continue
            consented = self.open(other)
            if consented and any(one.id == connection_id for one in consented.practices):
                return True
        return False

    async def _forget(self, link: ConnectLink, event: str, left: str) -> None:
        async with self._database.transaction() as tx:
            if await links.forget_consent(tx, link.link):
                who = link.slack_user_id
                fact = audit.Fact(self._clock(), link.workspace_id, event, who, left)
                await audit.note(tx, fact)
