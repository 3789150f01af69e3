"""Consents, tokens and connections, by the rules of Xero's identity service.

Source: https://developer.xero.com/faq/oauth2
"""

import base64
import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.practice.people import Person
from sandbox.practice.settings import PracticeSettings

CODE_LIFE = timedelta(minutes=5)
GRACE = timedelta(minutes=30)
REFRESH_LIFE = timedelta(days=60)


class InvalidGrantError(ValueError):
    """The code or refresh token is used, expired, revoked or somebody else's."""


@dataclass(slots=True)
class Connection:
    """A practice that one person's consent lets the app reach."""

    id: str
    event_id: str
    tenant_id: str
    created: datetime
    updated: datetime


@dataclass(slots=True)
class Family:
    """A line of refresh tokens: each use replaces the last one."""

    current: str
    last_used: datetime
    event_id: str
    nonce: str = ""
    previous: str = ""
    rotated: datetime | None = None


@dataclass(slots=True)
class Grant:
    """What one person has allowed the app: scopes add up over consents."""

    person: Person
    scopes: set[str] = field(default_factory=set)
    families: list[Family] = field(default_factory=list)
    connections: dict[str, Connection] = field(default_factory=dict)
    """By tenant id."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that waits for its code to be redeemed."""

    person: Person
    redirect_uri: str
    scopes: frozenset[str]
    event_id: str
    challenge: str
    nonce: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Bearer:
    """An access token and what it opens."""

    token: str
    grant: Grant
    scopes: frozenset[str]
    event_id: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint hands out; `refresh` is empty without offline_access."""

    access: str
    refresh: str
    identity: str
    scopes: tuple[str, ...]
    seconds: int


class Grants:
    """All grants of the one app, and the tokens that live."""

    def __init__(self, settings: PracticeSettings) -> None:
        """Start with no grant."""
        self._settings = settings
        self._by_person: dict[str, Grant] = {}
        self._codes: dict[str, Consent] = {}
        self._bearers: dict[str, Bearer] = {}
        self._killed: set[str] = set()

    def consent(
        self,
        person: Person,
        *tenants: str,
        scopes: frozenset[str],
        redirect_uri: str,
        challenge: str = "",
        nonce: str = "",
    ) -> str:
        """Record a consent and return its single-use code, which lives five minutes.

        A tenant that is connected already keeps its connection, event id included: only the
        updated time moves. No tenants connect nothing.
        """
        now = self._settings.now()
        event_id, code = str(uuid.uuid4()), _secret()
        grant = self._by_person.setdefault(person.uuid, Grant(person))
        grant.scopes |= scopes
        for tenant_id in filter(None, tenants):
            kept = grant.connections.get(tenant_id)
            if kept is None:
                grant.connections[tenant_id] = Connection(
                    str(uuid.uuid4()), event_id, tenant_id, now, now
                )
            else:
                kept.updated = now
        self._codes[code] = Consent(
            person, redirect_uri, frozenset(scopes), event_id, challenge, nonce, now + CODE_LIFE
        )
        return code

    def redeem(self, code: str, redirect_uri: str, verifier: str) -> Tokens:
        """Exchange a code for tokens; raises InvalidGrantError, and a code works once at most."""
        consent = self._codes.pop(code, None)
        if consent is None or consent.expires <= self._settings.now():
            raise InvalidGrantError("code")
        if consent.redirect_uri != redirect_uri:
            raise InvalidGrantError("redirect_uri")
        if consent.challenge and challenge_of(verifier) != consent.challenge:
            raise InvalidGrantError("code_verifier")
        grant = self._by_person.get(consent.person.uuid)
        if grant is None:
            raise InvalidGrantError("revoked")
        family = Family("", self._settings.now(), consent.event_id, consent.nonce)
        if "offline_access" in grant.scopes:
            family.current = _secret()
            grant.families.append(family)
        return self._issue(grant, family)

    def refresh(self, token: str) -> Tokens:
        """Exchange a refresh token for a new pair; raises InvalidGrantError.

        The token that was replaced last may be tried again for 30 minutes; the pair handed out
        in between then stops counting.
        """
        now = self._settings.now()
        grant, family = self._family(token)
        if now - family.last_used >= REFRESH_LIFE:
            raise InvalidGrantError("unused for 60 days")
        if token == family.current:
            family.previous, family.rotated = token, now
        elif family.rotated is None or now - family.rotated > GRACE:
            raise InvalidGrantError("used")
        family.current, family.last_used = _secret(), now
        return self._issue(grant, family)

    def revoke(self, token: str) -> None:
        """End the whole grant of a refresh token: all its tokens, scopes and connections."""
        try:
            grant, _ = self._family(token)
        except InvalidGrantError:
            return  # RFC 7009: an unknown token is revoked already
        self._end(grant)

    def end_line(self, token: str) -> None:
        """Make one refresh token and its successors worth nothing, as an expired one is."""
        for grant in self._by_person.values():
            grant.families = [f for f in grant.families if token not in (f.current, f.previous)]

    def bearer(self, token: str) -> Bearer | None:
        """Return what a token opens; None when it is unknown, dead or expired."""
        found = self._bearers.get(token)
        if found is None or token in self._killed or found.expires <= self._settings.now():
            return None
        return found

    def expired_at(self, token: str) -> datetime | None:
        """Return when a known token expired; None for one that is unknown or dead."""
        found = self._bearers.get(token)
        return found.expires if found and token not in self._killed else None

    def kill(self, token: str) -> None:
        """Make one access token worth nothing; a refresh gives a new one."""
        self._killed.add(token)

    def disconnect_everywhere(self, tenant_id: str) -> int:
        """Remove a tenant from all grants, as a practice does inside Xero; return how many."""
        found = [g for g in self._by_person.values() if g.connections.pop(tenant_id, None)]
        return len(found)

    def connections(self) -> list[tuple[Person, Connection]]:
        """Return every connection with the person whose consent made it."""
        return [
            (grant.person, connection)
            for grant in self._by_person.values()
            for connection in grant.connections.values()
        ]

    def _family(self, token: str) -> tuple[Grant, Family]:
        for grant in self._by_person.values():
            for family in grant.families:
                if token and token in (family.current, family.previous):
                    return grant, family
        raise InvalidGrantError("unknown")

    def _end(self, grant: Grant) -> None:
        self._by_person.pop(grant.person.uuid, None)
        self._bearers = {t: b for t, b in self._bearers.items() if b.grant is not grant}
        grant.connections.clear()
        grant.families.clear()

    def _issue(self, grant: Grant, family: Family) -> Tokens:
        settings = self._settings
        now = settings.now()
        expires = now + timedelta(seconds=settings.token_seconds)
        scopes = tuple(sorted(grant.scopes))
        common: dict[str, object] = {
            "iss": settings.public_url,
            "sub": grant.person.uuid,
            "xero_userid": grant.person.uuid,
            "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()),
        }
        access = _jwt(
            {
                **common,
                "aud": f"{settings.public_url}/resources",
                "client_id": settings.client_id,
                "authentication_event_id": family.event_id,
                "jti": str(uuid.uuid4()).replace("-", ""),
                "scope": list(scopes),
            }
        )
        identity = ""
        if "openid" in grant.scopes:
            who: dict[str, object] = {"given_name": grant.person.given_name}
            who["family_name"] = grant.person.family_name
            who["email"] = grant.person.email
            extra = {"nonce": family.nonce} if family.nonce else {}
            identity = _jwt({**common, "aud": settings.client_id, **who, **extra})
        self._bearers[access] = Bearer(access, grant, frozenset(scopes), family.event_id, expires)
        return Tokens(access, family.current, identity, scopes, settings.token_seconds)


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier. Source: RFC 7636, section 4.2."""
    return _base64(hashlib.sha256(verifier.encode()).digest())


def _jwt(claims: dict[str, object]) -> str:
    # The signature is chance: whoever holds the token must not rely on its contents anyway.
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join(_base64(part) for part in (*parts, secrets.token_bytes(32)))


def _secret() -> str:
    # Never from the seed: after a reset an old token must not come to life again.
    return _base64(secrets.token_bytes(32))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
