"""From a link in Slack through a sign-in to Xero's consent: each step is taken once, by one person, in one browser.

A link is single use, lives ten minutes and is bound to one workspace and person. Opening it binds the browser, whose
sign-in at Google, Microsoft or Apple must come before Xero's consent. When that covers several practices the person
says which one is meant. Of links, states and browsers only fingerprints are stored; verifiers, codes and what Xero gave
are sealed and forgotten when they have served.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from xpm import places
from xpm.api import PracticeConnection, Tokens, XeroApp, XpmError
from xpm.clock import Clock
from xpm.consented import Consented, covered
from xpm.store import Database, Transaction, audit, links, workspaces
from xpm.store import connections as store
from xpm.store.connections import Connection
from xpm.store.links import ConnectLink
from xpm.store.workspaces import Person
from xpm.vault import Vault, fingerprint
from xpm.withdrawing import EXPIRED, Withdrawing

log = logging.getLogger(__name__)

LINK_LIFE = timedelta(minutes=10)
CONNECTED = "connected"


class Refusal(StrEnum):
    """Why a browser cannot go on connecting; each has its page."""

    USED = "used"
    EXPIRED = EXPIRED
    FORGED = "forged"
    CANCELLED = "cancelled"
    NO_PRACTICE = "no_practice"
    DECLINED = "declined"
    NOT_OFFERED = "not_offered"
    UNAVAILABLE = "unavailable"
    TAKEN = "taken"


class CannotConnect(Exception):
    """Connecting stops here. `workspace_id` is known unless the link was forged."""

    def __init__(self, refusal: Refusal, workspace_id: str | None = None) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
        self.workspace_id = workspace_id


@dataclass(frozen=True, slots=True)
class SignInSecrets:
    """What a browser takes to a provider, or brings back: hidden from logs."""

    state: str
    verifier: str

    def __repr__(self) -> str:
        return "SignInSecrets(…)"

    @property
    def nonce(self) -> str:
        """What the provider must repeat in its token; tells nothing of the verifier it is made from."""
        return fingerprint(f"nonce:{self.verifier}")


@dataclass(frozen=True, slots=True)
class Answered:
    """A provider's answer, taken: whose link it is, what was taken along, and a code that came by form."""

    link: ConnectLink
    secrets: SignInSecrets
    code: str | None

    def __repr__(self) -> str:
        return "Answered(…)"


@dataclass(frozen=True, slots=True)
class Question:
    """Which practice? `proof` must come back with the answer: it is made from the browser's own secret."""

    link: ConnectLink
    practices: tuple[PracticeConnection, ...]
    proof: str

    def __repr__(self) -> str:
        return "Question(…)"


class Connecting:
    """Carries a person's browser from the link to the connection."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        xero: XeroApp,
        withdrawing: Withdrawing,
        *,
        redirect_uri: str,
        region: str,
        clock: Clock,
        on_connected: Callable[[Transaction, Connection], Awaitable[None]],
    ) -> None:
        self._database = database
        self._vault = vault
        self._xero = xero
        self._withdrawing = withdrawing
        self._redirect_uri = redirect_uri
        self._region = region
        self._clock = clock
        self._on_connected = on_connected

    # -- the link --------------------------------------------------------------------------------------------------

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
            await links.add(tx, link)
        return secret, link

    async def open_link(self, secret: str) -> str:
        """Opens a link once and gives the secret its browser keeps. Raises CannotConnect: used, expired, forged."""
        browser, mark = secrets.token_urlsafe(32), fingerprint(secret)
        async with self._database.transaction() as tx:
            opened = await links.open_once(tx, mark, fingerprint(browser), self._clock())
            found = opened or await links.get(tx, mark)
            refusal = None
            if opened is None and found is not None:
                refusal = Refusal.USED if found.opened_at is not None else Refusal.EXPIRED
                await self._note(tx, found, "link.refused", refusal.value)
        if found is None:
            raise CannotConnect(Refusal.FORGED)
        if refusal is not None:
            raise CannotConnect(refusal, found.workspace_id)
        return browser

    async def link_of(self, browser: str) -> ConnectLink:
        """The link this browser is on its way with. Raises CannotConnect when there is none that is still good."""
        async with self._database.reading() as tx:
            link = await links.of_browser(tx, fingerprint(browser))
        if link is None:
            raise CannotConnect(Refusal.FORGED)
        if link.answered_at is not None or link.outcome is not None:
            raise CannotConnect(Refusal.USED, link.workspace_id)
        if link.expires_at <= self._clock():
            raise CannotConnect(Refusal.EXPIRED, link.workspace_id)
        return link

    # -- the sign-in -----------------------------------------------------------------------------------------------

    async def begin_sign_in(self, browser: str, provider: str) -> SignInSecrets:
        """What the browser takes to a provider; going to another one afterwards replaces it. Raises CannotConnect."""
        link = await self.link_of(browser)
        taken = SignInSecrets(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        async with self._database.transaction() as tx:
            kept = await links.begin_sign_in(
                tx,
                fingerprint(browser),
                self._clock(),
                provider=provider,
                state=fingerprint(taken.state),
                verifier=self._vault.seal(taken.verifier, places.signin_verifier(link.link)),
            )
        if kept is None:
            raise CannotConnect(Refusal.EXPIRED, link.workspace_id)
        return taken

    async def keep_code(self, state: str, provider: str, code: str) -> bool:
        """Keeps a code that a provider posted without our cookie; only the browser that went there can use it."""
        mark = fingerprint(state)
        sealed = self._vault.seal(code, places.signin_code(mark))
        async with self._database.transaction() as tx:
            return await links.keep_code(tx, mark, provider, sealed, self._clock())

    async def take_sign_in(self, browser: str, provider: str, state: str) -> Answered:
        """Takes a provider's answer once. Raises CannotConnect: wrong, used or late state, or another browser."""
        mark = fingerprint(state)
        async with self._database.transaction() as tx:
            link = await links.take_sign_in(tx, fingerprint(browser), mark, provider, self._clock())
        if link is None or link.signin_verifier is None:
            raise CannotConnect(Refusal.FORGED)
        verifier = self._vault.open(link.signin_verifier, places.signin_verifier(link.link))
        code = None
        if link.signin_code is not None:
            code = self._vault.open(link.signin_code, places.signin_code(mark))
        return Answered(link, SignInSecrets(state, verifier), code)

    async def signed_in(self, browser: str, identity: str) -> str:
        """Notes who signed in (provider and subject) and gives the address of Xero's consent. Raises CannotConnect."""
        link = await self.link_of(browser)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        async with self._database.transaction() as tx:
            kept = await links.signed_in(
                tx,
                fingerprint(browser),
                self._clock(),
                identity=identity,
                state=fingerprint(state),
                verifier=self._vault.seal(verifier, places.verifier(link.link)),
            )
            if kept is None:
                raise CannotConnect(Refusal.EXPIRED, link.workspace_id)
            await self._note(tx, link, "signin.proven", identity.partition(":")[0])
        return self._xero.authorize_url(self._redirect_uri, state, verifier)

    async def refuse(self, link: ConnectLink, why: str) -> None:
        """Notes that a sign-in was not good enough; the person may try another one while the link lives."""
        async with self._database.transaction() as tx:
            await self._note(tx, link, "signin.refused", why)

    # -- the consent -----------------------------------------------------------------------------------------------

    async def finish(self, *, state: str, browser: str, code: str | None) -> Connection | None:
        """Turns Xero's answer into a connection, or gives None when the person has to say which practice is meant.

        `code` is None when the person cancelled at Xero. Raises CannotConnect: the state is wrong, used, late or from
        another browser; nobody signed in before; the person cancelled; no practice was allowed; Xero is away; another
        practice is connected by now.
        """
        async with self._database.transaction() as tx:
            link = await links.answer(tx, fingerprint(state), fingerprint(browser), self._clock())
        if link is None:
            raise CannotConnect(Refusal.FORGED)
        consented = None
        try:
            tokens = await self._exchange(link, code)
            event = tokens.auth_event_id
            consented = Consented(tokens, events=(event,) if event else ())
            # Before anything else: whatever happens to this process, somebody gives back what nobody uses.
            await self._keep(link, consented)
            listed = await self._listed(link, tokens)
            practices = covered(listed, event, link.opened_at)
            if len(practices) == 1:
                return await self._connect(link, consented, practices[0])
            await self._ask(link, replace(consented, practices=practices), listed)
        except CannotConnect as error:
            await self._refuse(link, error.refusal, consented)
            raise
        return None

    async def _exchange(self, link: ConnectLink, code: str | None) -> Tokens:
        if code is None or link.verifier is None:
            raise CannotConnect(Refusal.CANCELLED, link.workspace_id)
        verifier = self._vault.open(link.verifier, places.verifier(link.link))
        try:
            return await self._xero.exchange(code, self._redirect_uri, verifier)
        except XpmError as error:
            log.warning("connection.not_made", extra={"why": type(error).__name__})
            raise CannotConnect(Refusal.UNAVAILABLE, link.workspace_id) from error

    async def _listed(self, link: ConnectLink, tokens: Tokens) -> list[PracticeConnection]:
        try:
            listed = await self._xero.connections(tokens.access_token)
        except XpmError as error:
            log.warning("connection.not_made", extra={"why": type(error).__name__})
            raise CannotConnect(Refusal.UNAVAILABLE, link.workspace_id) from error
        if not listed:
            raise CannotConnect(Refusal.NO_PRACTICE, link.workspace_id)
        return listed

    async def _ask(
        self, link: ConnectLink, consented: Consented, listed: list[PracticeConnection]
    ) -> None:
        """Keeps the question, in the place of those that the same person left open: one answer settles all of them."""
        earlier = await self._withdrawing.superseded(link, listed)
        events = {*consented.events, *(event for _, one in earlier for event in one.events)}
        consented = replace(consented, events=tuple(sorted(events)))
        made = tuple(filter(consented.has_made, listed))
        await self._keep(link, replace(consented, made=made), [other for other, _ in earlier])

    async def _keep(
        self, link: ConnectLink, consented: Consented, instead_of: Sequence[ConnectLink] = ()
    ) -> None:
        sealed = self._withdrawing.seal(link, consented)
        async with self._database.transaction() as tx:
            if not await links.keep_consent(tx, link.link, sealed):
                # The workspace removed the app meanwhile, and its links with it.
                raise CannotConnect(Refusal.FORGED)
            for other in instead_of:
                if await links.settle(tx, other.link, Refusal.USED.value):
                    await links.narrow_consent(tx, other.link, None)
            if consented.practices:
                await self._note(tx, link, "practice.asked", str(len(consented.practices)))

    async def _refuse(
        self, link: ConnectLink, refusal: Refusal, consented: Consented | None
    ) -> None:
        """Ends the link, and gives back what Xero gave, unless a second click finds that the first one connected."""
        async with self._database.transaction() as tx:
            await links.settle(tx, link.link, refusal.value)
            now = await links.get(tx, link.link)
            if now is not None and now.outcome == CONNECTED:
                return
            await self._note(tx, link, "connect.refused", refusal.value)
        if consented is not None:
            await self._withdrawing.withdraw(link, consented)

    # -- which practice --------------------------------------------------------------------------------------------

    async def question(self, browser: str) -> Question:
        """The practices this browser's person has to choose from. Raises CannotConnect: USED when that is done."""
        question, _ = await self._asked(browser)
        return question

    async def choose(self, browser: str, proof: str, tenant_id: str) -> Connection:
        """Connects the practice that the person chose. Raises CannotConnect; after NOT_OFFERED they may choose again.

        Only what this very consent made for the other practices is deleted at Xero: nothing that was there before.
        """
        question, consented = await self._asked(browser, proof)
        link, practice = question.link, consented.by_tenant(tenant_id)
        if practice is None:
            async with self._database.transaction() as tx:
                await self._note(tx, link, "practice.refused", Refusal.NOT_OFFERED.value)
            raise CannotConnect(Refusal.NOT_OFFERED, link.workspace_id)
        try:
            return await self._connect(link, consented, practice)
        except CannotConnect as error:
            await self._refuse(link, error.refusal, consented)
            raise

    async def decline(self, browser: str, proof: str) -> None:
        """The person wants none of them: what was allowed at Xero is given back. Raises CannotConnect."""
        question, consented = await self._asked(browser, proof)
        await self._refuse(question.link, Refusal.DECLINED, consented)

    async def _asked(self, browser: str, proof: str | None = None) -> tuple[Question, Consented]:
        """What waits for this browser's answer. Without the right `proof`, where one is asked for, it is forged."""
        async with self._database.reading() as tx:
            link = await links.of_browser(tx, fingerprint(browser))
        if link is None or link.answered_at is None:
            raise CannotConnect(Refusal.FORGED)
        expected = fingerprint(f"choice:{link.link}:{browser}")
        if proof is not None and not secrets.compare_digest(proof.encode(), expected.encode()):
            raise CannotConnect(Refusal.FORGED)
        if link.outcome is not None:
            raise CannotConnect(Refusal.USED, link.workspace_id)
        consented = self._withdrawing.open(link)
        if link.expires_at <= self._clock():
            await self._refuse(link, Refusal.EXPIRED, consented)
            raise CannotConnect(Refusal.EXPIRED, link.workspace_id)
        if consented is None or not consented.practices:
            # Xero's answer is being carried through just now, or the process died over it.
            raise CannotConnect(Refusal.UNAVAILABLE, link.workspace_id)
        return Question(link, consented.practices, expected), consented

    async def _connect(
        self, link: ConnectLink, consented: Consented, practice: PracticeConnection
    ) -> Connection:
        workspace_id, tokens = link.workspace_id, consented.tokens
        if tokens is None:
            raise CannotConnect(Refusal.FORGED, workspace_id)
        rest = consented.without(practice)
        connection = Connection(
            workspace_id=workspace_id,
            id=practice.id,
            tenant_id=practice.tenant_id,
            practice=practice.tenant_name,
            region=self._region,
            connected_by=link.slack_user_id,
            connected_at=self._clock(),
            access_token=self._vault.seal(tokens.access_token, places.access_token(workspace_id)),
            refresh_token=self._vault.seal(
                tokens.refresh_token, places.refresh_token(workspace_id)
            ),
            expires_at=tokens.expires_at,
            refreshed_at=self._clock(),
        )
        async with self._database.transaction() as tx:
            await store.take_turn(tx, workspace_id)
            if not await links.settle(tx, link.link, CONNECTED):
                # Another click has ended it, or the workspace removed the app meanwhile, and its links with it.
                raise CannotConnect(Refusal.USED, workspace_id)
            before = await store.get(tx, workspace_id)
            person = await workspaces.person(tx, workspace_id, link.slack_user_id)
            if before is not None and not _may_replace(before, practice, person):
                raise CannotConnect(Refusal.TAKEN, workspace_id)
            if before is not None and before.tenant_id != connection.tenant_id:
                # What was copied from an ended practice is not this one's.
                await store.forget(tx, workspace_id)
            elif before is not None:
                # The region was read from this very practice's numbers, or set by somebody.
                connection = replace(connection, region=before.region)
            await store.save(tx, connection)
            kept = None if rest is None else self._withdrawing.seal(link, rest)
            await links.narrow_consent(tx, link.link, kept)
            await self._note(tx, link, "connection.made", connection.tenant_id)
            await self._on_connected(tx, connection)
        log.info("connection.made", extra={"workspace": workspace_id})
        if rest is not None:
            await self._withdrawing.leave_rest(link, rest, tokens.access_token)
        return connection

    async def outcome_for(self, browser: str) -> tuple[ConnectLink, Connection | None] | None:
        """How the connecting of this browser ended, for the page it is sent to; None for a stranger's browser."""
        async with self._database.reading() as tx:
            link = await links.of_browser(tx, fingerprint(browser))
            if link is None or link.outcome is None:
                return None
            return link, await store.get(tx, link.workspace_id)

    async def _note(self, tx: Transaction, link: ConnectLink, event: str, subject: str) -> None:
        who = link.slack_user_id
        fact = audit.Fact(self._clock(), link.workspace_id, event, who, subject)
        await audit.note(tx, fact)


def _may_replace(before: Connection, practice: PracticeConnection, person: Person) -> bool:
    """Whether this person may put a connection in the place of this one.

    Anybody may mend one that Xero ended; another practice is for whoever connected and for admins; and while one is
    connected its own person may consent again to the same practice.
    """
    is_theirs = person.is_admin or before.connected_by == person.slack_user_id
    if before.tenant_id == practice.tenant_id:
        return is_theirs or not before.is_live
    return is_theirs and not before.is_live
