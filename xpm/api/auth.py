"""Xero's sign-in for an app: consent, tokens that rotate, and which practices they open.

https://developer.xero.com/documentation/guides/oauth2/auth-flow/
"""

import base64
import binascii
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeGuard
from urllib.parse import quote, urlencode

from xpm.api.errors import Disconnected, Rejected, TryLater, Unknown, XpmError
from xpm.api.http import CLICK_SECONDS, Answer, Http, correlation_id, secure_base
from xpm.api.verdict import retry_after

log = logging.getLogger(__name__)

PRACTICE: Final = "PRACTICEMANAGER"
"""tenantType of a practice; other types are not ours and are ignored."""
LOGIN_URL: Final = "https://login.xero.com"
IDENTITY_URL: Final = "https://identity.xero.com"
API_URL: Final = "https://api.xero.com"
ANSWER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a consent or a refresh gives; printing it shows no token."""

    access_token: str = field(repr=False)
    """Lives 30 minutes"""
    refresh_token: str = field(repr=False)
    """Dies after 60 days unused; each refresh replaces it, the previous one works 30 minutes on"""
    expires_at: datetime
    """When the access token ends, aware, UTC"""
    scopes: tuple[str, ...]
    """What the person allowed"""
    auth_event_id: str | None
    """Claim authentication_event_id: finds the practices of this very consent"""


@dataclass(frozen=True, slots=True)
class PracticeConnection:
    """A practice the person's consent opens."""

    id: str
    """id: of the connection, for `XeroApp.disconnect`; not the tenant's"""
    tenant_id: str
    """tenantId"""
    tenant_name: str
    """tenantName"""
    auth_event_id: str | None
    """authEventId"""
    created_at: datetime | None
    """createdDateUtc, aware, UTC"""
    updated_at: datetime | None
    """updatedDateUtc, aware, UTC; a repeated consent bumps it"""


class XeroApp:
    """The app as Xero's identity service knows it; holds no token itself.

    ``now`` gives the aware present. Methods raise Rejected (also for a wrong set-up),
    Disconnected or TryLater; never Unknown, since asking again is safe for all of them.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        scopes: Sequence[str] | str,
        login_url: str = LOGIN_URL,
        identity_url: str = IDENTITY_URL,
        api_url: str = API_URL,
        *,
        http: Http,
        now: Callable[[], datetime],
    ) -> None:
        self.scopes = tuple(scopes.split() if isinstance(scopes, str) else scopes)
        self._client_id = client_id
        self._client_secret = client_secret
        self._login_url = secure_base(login_url)
        self._identity_url = secure_base(identity_url)
        self._api_url = secure_base(api_url)
        self._http = http
        self._now = now

    def __repr__(self) -> str:
        return f"XeroApp({self._identity_url!r})"

    def authorize_url(self, redirect_uri: str, state: str, code_verifier: str | None = None) -> str:
        """Return the address of the consent page; a verifier adds its S256 challenge (PKCE).

        https://developer.xero.com/documentation/guides/oauth2/pkce-flow/
        """
        params = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.scopes),
            "state": state,
        }
        if code_verifier is not None:
            digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
            params["code_challenge"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
            params["code_challenge_method"] = "S256"
        query = urlencode(params, quote_via=quote)
        return f"{self._login_url}/identity/connect/authorize?{query}"

    async def exchange(
        self, code: str, redirect_uri: str, code_verifier: str | None = None
    ) -> Tokens:
        """Return the tokens for a consent's code, which works once and for five minutes.

        Raises Rejected when the code is spent: the person starts again.
        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if code_verifier is not None:
            form["code_verifier"] = code_verifier
        try:
            return await self._tokens(form, None)
        except Disconnected as refused:
            raise Rejected(
                "The sign-in at Xero was used already or took too long",
                status=refused.status,
                correlation_id=refused.correlation_id,
            ) from None

    async def refresh(self, refresh_token: str) -> Tokens:
        """Return a new pair; store it before using it, for the old one dies in 30 minutes.

        Raises Disconnected when Xero ended the grant.
        https://developer.xero.com/faq/oauth2
        """
        return await self._tokens(
            {"grant_type": "refresh_token", "refresh_token": refresh_token}, refresh_token
        )

    async def revoke(self, refresh_token: str) -> None:
        """End the whole grant: every scope and every practice of this person and app.

        A grant that is gone already is fine.
        """
        answer = await self._post("/connect/revocation", {"token": refresh_token})
        if answer.status >= 300:
            error = _oauth_error(answer)
            if error == "invalid_grant" or (answer.status == 400 and error == "invalid_token"):
                return
            raise self._failure(answer, error)

    async def connections(
        self, access_token: str, auth_event_id: str | None = None
    ) -> list[PracticeConnection]:
        """Return the practices this token opens, the latest first; other tenants are left out.

        ``auth_event_id`` narrows it to one consent; a practice connected before keeps its old
        event, so an empty answer is no proof of none.
        https://developer.xero.com/documentation/guides/oauth2/tenants/
        """
        query = f"?{urlencode({'authEventId': auth_event_id})}" if auth_event_id else ""
        answer = await self._send("GET", f"{self._api_url}/connections{query}", access_token)
        if answer.status != 200:
            raise _connection_failure(answer)
        said = _json(answer)
        if not isinstance(said, list):
            raise _unreadable(answer)
        found = [_connection(row) for row in said if isinstance(row, dict)]
        practices = [row for row in found if row is not None]
        return sorted(practices, key=_latest, reverse=True)

    async def disconnect(self, access_token: str, connection_id: str) -> None:
        """Disconnect one practice; one that is gone already is fine."""
        url = f"{self._api_url}/connections/{quote(connection_id, safe='')}"
        answer = await self._send("DELETE", url, access_token)
        if answer.status not in {200, 204, 404}:
            raise _connection_failure(answer)

    async def _tokens(self, form: Mapping[str, str], refresh_token: str | None) -> Tokens:
        asked_at = self._now()
        answer = await self._post("/connect/token", form)
        if answer.status != 200:
            raise self._failure(answer, _oauth_error(answer))
        said = _json(answer)
        if not isinstance(said, dict):
            raise _unreadable(answer)
        access, seconds = said.get("access_token"), said.get("expires_in")
        renewal = said.get("refresh_token") or refresh_token
        if not _is_token(access) or not isinstance(seconds, int) or not 0 < seconds < 10**7:
            raise _unreadable(answer)
        if not _is_token(renewal):
            raise Rejected("Xero gave no refresh token: the scopes must hold offline_access")
        scope = said.get("scope")
        return Tokens(
            access_token=access,
            refresh_token=renewal,
            expires_at=asked_at.astimezone(UTC) + timedelta(seconds=seconds),
            # Left out means as asked. https://www.rfc-editor.org/rfc/rfc6749#section-5.1
            scopes=tuple(scope.split()) if isinstance(scope, str) else self.scopes,
            auth_event_id=_claim(access, "authentication_event_id"),
        )

    def _failure(self, answer: Answer, error: str | None) -> XpmError:
        """Return what a refusal of the identity service means.

        https://www.rfc-editor.org/rfc/rfc6749#section-5.2
        """
        evidence = {"status": answer.status, "correlation": correlation_id(answer.headers)}
        if error == "invalid_grant":
            return Disconnected(
                "Xero ended the connection",
                status=answer.status,
                correlation_id=correlation_id(answer.headers),
            )
        if error in {"invalid_client", "unauthorized_client", "invalid_scope"}:
            log.error("xero.app_misconfigured", extra={"error": error, **evidence})
            reason = (
                "Xero does not allow this app the scopes it asks for"
                if error == "invalid_scope"
                else "Xero does not know this app: its client id or secret is wrong"
            )
            return Rejected(
                reason, status=answer.status, correlation_id=correlation_id(answer.headers)
            )
        return TryLater(
            retry_after(answer.headers),
            "Xero's sign-in is not answering",
            status=answer.status,
            correlation_id=correlation_id(answer.headers),
        )

    async def _post(self, path: str, form: Mapping[str, str]) -> Answer:
        # https://developer.xero.com/documentation/guides/oauth2/auth-flow/#3-exchange-the-code
        pair = f"{self._client_id}:{self._client_secret}"
        basic = base64.b64encode(pair.encode("utf-8")).decode("ascii")
        return await self._safely(
            "POST",
            f"{self._identity_url}{path}",
            {
                "Authorization": f"Basic {basic}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            urlencode(form).encode("ascii"),
        )

    async def _send(self, method: str, url: str, access_token: str) -> Answer:
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        return await self._safely(method, url, headers, None)

    async def _safely(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        """Send; a doubt becomes TryLater, since the previous refresh token works 30 minutes on."""
        try:
            return await self._http.send(
                method,
                url,
                headers=headers,
                content=content,
                read_seconds=CLICK_SECONDS,
                cap=ANSWER_BYTES,
            )
        except Unknown as doubt:
            raise TryLater(
                reason=doubt.reason, status=doubt.status, correlation_id=doubt.correlation_id
            ) from None


def _connection_failure(answer: Answer) -> XpmError:
    correlation = correlation_id(answer.headers)
    if answer.status in {401, 403}:
        return Disconnected(
            "Xero did not accept our access", status=answer.status, correlation_id=correlation
        )
    return TryLater(
        retry_after(answer.headers),
        "Xero is not answering",
        status=answer.status,
        correlation_id=correlation,
    )


def _unreadable(answer: Answer) -> TryLater:
    return TryLater(
        reason="Xero's answer cannot be read",
        status=answer.status,
        correlation_id=correlation_id(answer.headers),
    )


def _json(answer: Answer) -> object:
    try:
        said: object = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return said


def _oauth_error(answer: Answer) -> str | None:
    said = _json(answer)
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, str) else None


def _is_token(value: object) -> TypeGuard[str]:
    """Whether it can stand in a header: a line break in one would be refused, and quoted."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _claim(token: str, name: str) -> str | None:
    """Return a claim of a JWT without verifying it: it came from Xero itself over TLS."""
    try:
        body = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, binascii.Error, RecursionError):
        return None
    value = said.get(name) if isinstance(said, dict) else None
    return value if isinstance(value, str) and value else None


def _connection(row: Mapping[str, object]) -> PracticeConnection | None:
    kind, identity, tenant = row.get("tenantType"), row.get("id"), row.get("tenantId")
    if not isinstance(kind, str) or kind.upper() != PRACTICE:
        return None
    if not isinstance(identity, str) or not isinstance(tenant, str):
        return None
    name, event = row.get("tenantName"), row.get("authEventId")
    return PracticeConnection(
        id=identity,
        tenant_id=tenant,
        tenant_name=name.strip() if isinstance(name, str) else "",
        auth_event_id=event if isinstance(event, str) and event else None,
        created_at=_instant(row.get("createdDateUtc")),
        updated_at=_instant(row.get("updatedDateUtc")),
    )


def _instant(value: object) -> datetime | None:
    """Return a zone-less UTC stamp, with up to seven decimals, as an aware instant."""
    try:
        stamp = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if stamp is None:
        return None
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def _latest(practice: PracticeConnection) -> datetime:
    return practice.updated_at or datetime.min.replace(tzinfo=UTC)
