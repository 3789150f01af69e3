"""Links that lead from Slack to a connection: each step is taken once, even by two at the same moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from xpm.store import tables as t
from xpm.store.database import Transaction
from xpm.vault import Sealed

REMOVED = "removed"
"""How a link ended whose workspace took the app away while its consent was under way."""


@dataclass(frozen=True, slots=True)
class ConnectLink:
    """One way from Slack through a sign-in to Xero's consent: single use, ten minutes, for one person and browser.

    Links, states and browsers are fingerprints. `signed_in_as` is provider and subject, once proven.
    """

    link: str
    workspace_id: str
    slack_user_id: str
    expires_at: datetime
    opened_at: datetime | None = None
    browser: str | None = None
    signin_state: str | None = None
    signin_provider: str | None = None
    signin_verifier: Sealed | None = None
    signin_code: Sealed | None = None
    signed_in_as: str | None = None
    state: str | None = None
    verifier: Sealed | None = None
    consented: Sealed | None = None
    answered_at: datetime | None = None
    outcome: str | None = None


async def add(tx: Transaction, link: ConnectLink) -> None:
    """Remembers a new link."""
    values = {column.name: getattr(link, column.name) for column in t.connect_links.columns}
    await tx.execute(sa.insert(t.connect_links).values(values))


async def get(tx: Transaction, fingerprint: str) -> ConnectLink | None:
    """The link with this fingerprint, in whatever condition."""
    return await _one(tx, sa.select(t.connect_links).where(t.connect_links.c.link == fingerprint))


async def open_once(
    tx: Transaction, fingerprint: str, browser: str, now: datetime
) -> ConnectLink | None:
    """Opens an unused young link for a browser; None for any other, also for the second of two at the same moment."""
    c = t.connect_links.c
    return await _change(
        tx,
        c.link == fingerprint,
        c.opened_at.is_(None),
        c.expires_at > now,
        opened_at=now,
        browser=browser,
    )


async def of_browser(tx: Transaction, browser: str) -> ConnectLink | None:
    """The link that this browser opened last."""
    c = t.connect_links.c
    return await _one(
        tx,
        sa.select(t.connect_links)
        .where(c.browser == browser)
        .order_by(c.opened_at.desc())
        .limit(1),
    )


async def begin_sign_in(
    tx: Transaction, browser: str, now: datetime, *, provider: str, state: str, verifier: Sealed
) -> ConnectLink | None:
    """Notes that the browser of an open link goes to a provider; choosing another one replaces it."""
    return await _change(
        tx,
        *_is_open(browser, now),
        signin_provider=provider,
        signin_state=state,
        signin_verifier=verifier,
        signin_code=None,
        signed_in_as=None,
    )


async def keep_code(
    tx: Transaction, state: str, provider: str, code: Sealed, now: datetime
) -> bool:
    """Keeps what a provider posted from its own page, where our cookie does not travel, for the browser's next step."""
    c = t.connect_links.c
    kept = await _change(
        tx,
        c.signin_state == state,
        c.signin_provider == provider,
        c.signin_code.is_(None),
        c.expires_at > now,
        signin_code=code,
    )
    return kept is not None


async def take_sign_in(
    tx: Transaction, browser: str, state: str, provider: str, now: datetime
) -> ConnectLink | None:
    """Takes a provider's answer once, in the browser that went there; the link as it was before, with its secrets."""
    c = t.connect_links.c
    conditions = (*_is_open(browser, now), c.signin_state == state, c.signin_provider == provider)
    before = await _one(tx, sa.select(t.connect_links).where(*conditions).with_for_update())
    if before is None:
        return None
    taken = await _change(
        tx, *conditions, signin_state=None, signin_verifier=None, signin_code=None
    )
    return before if taken is not None else None


async def signed_in(
    tx: Transaction, browser: str, now: datetime, *, identity: str, state: str, verifier: Sealed
) -> ConnectLink | None:
    """Notes who signed in, and the state with which the browser goes on to Xero."""
    return await _change(
        tx, *_is_open(browser, now), signed_in_as=identity, state=state, verifier=verifier
    )


async def answer(tx: Transaction, state: str, browser: str, now: datetime) -> ConnectLink | None:
    """Takes Xero's answer once, from the browser that signed in; None for any other."""
    c = t.connect_links.c
    return await _change(
        tx, *_is_open(browser, now), c.state == state, c.signed_in_as.is_not(None), answered_at=now
    )


async def keep_consent(tx: Transaction, fingerprint: str, consented: Sealed) -> bool:
    """Keeps what Xero gave while the link has no end; False when it has one, or is gone with its workspace."""
    c = t.connect_links.c
    kept = await _change(tx, c.link == fingerprint, c.outcome.is_(None), consented=consented)
    return kept is not None


async def settle(tx: Transaction, fingerprint: str, outcome: str) -> bool:
    """Notes once how a link ended, for the page that the browser is sent to.

    False when it has ended already or is gone with its workspace. What Xero gave stays until it is forgotten.
    """
    c = t.connect_links.c
    ended = await _change(
        tx,
        c.link == fingerprint,
        c.outcome.is_(None),
        outcome=outcome,
        verifier=None,
        signin_verifier=None,
        signin_code=None,
    )
    return ended is not None


async def narrow_consent(tx: Transaction, fingerprint: str, rest: Sealed | None) -> None:
    """Puts what is still to be left at Xero in the place of what Xero gave."""
    await _change(tx, t.connect_links.c.link == fingerprint, consented=rest)


async def with_consent(tx: Transaction) -> list[ConnectLink]:
    """The links that hold anything Xero gave; of all workspaces, for the clock and for what two of them share."""
    rows = await tx.execute(
        sa.select(t.connect_links).where(t.connect_links.c.consented.is_not(None))
    )
    return [ConnectLink(**row._mapping) for row in rows]


async def forget_consent(tx: Transaction, fingerprint: str) -> bool:
    """Forgets what Xero gave, and the link itself when its workspace is gone; False when it was forgotten already."""
    c = t.connect_links.c
    forgotten = await _change(tx, c.link == fingerprint, c.consented.is_not(None), consented=None)
    if forgotten is not None and forgotten.outcome == REMOVED:
        await tx.execute(sa.delete(t.connect_links).where(c.link == fingerprint))
    return forgotten is not None


async def purge(tx: Transaction, before: datetime) -> None:
    """Forgets links that expired before a time."""
    await tx.execute(sa.delete(t.connect_links).where(t.connect_links.c.expires_at < before))


def _is_open(browser: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    c = t.connect_links.c
    return (c.browser == browser, c.answered_at.is_(None), c.outcome.is_(None), c.expires_at > now)


async def _one(tx: Transaction, statement: sa.Select[Any]) -> ConnectLink | None:
    row = (await tx.execute(statement)).first()
    return None if row is None else ConnectLink(**row._mapping)


async def _change(
    tx: Transaction, *conditions: sa.ColumnElement[bool], **values: Any
) -> ConnectLink | None:
    statement = sa.update(t.connect_links).where(*conditions).values(**values)
    row = (await tx.execute(statement.returning(*t.connect_links.columns))).first()
    return None if row is None else ConnectLink(**row._mapping)
