"""Google, Microsoft and Apple: where to send a browser, and how to turn its code into proven claims.

OpenID Connect's code flow with PKCE, state and nonce, over our own HTTP client; signatures are checked by joserfc
with the provider's keys and RS256 alone, so that neither `none` nor a symmetric algorithm can pass.
"""

import asyncio
import base64
import datetime as dt
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from handlers.signin import identity
from handlers.signin.identity import Doubt, Identity, NotProven
from xpm.api import Http, XpmError
from xpm.clock import Clock

log = logging.getLogger(__name__)

_ALGORITHMS = ["RS256"]
_KEEP_SECONDS = 3600.0
_APPLE_SECRET_LIFE = dt.timedelta(minutes=5)
_NOT_US = frozenset({"invalid_client", "unauthorized_client"})
# What a token endpoint may say, RFC 6749 section 5.2: anything else is not ours to write into a log.
_REASONS = _NOT_US | {
    "invalid_request",
    "invalid_grant",
    "unsupported_grant_type",
    "invalid_scope",
    "temporarily_unavailable",
}

Judge = Callable[[Mapping[str, Any]], Identity]


@dataclass(frozen=True, slots=True)
class Provider:
    """One way to sign in. `secret` makes the client's secret anew for each use, because Apple's is a signed token."""

    name: str
    label: str
    client_id: str
    discovery_url: str
    scope: str
    secret: Callable[[dt.datetime], str] = field(repr=False)
    judge: Judge = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def posts_its_answer(self) -> bool:
        """Whether its page posts the code to us instead of sending the browser with it."""
        return self.parameters.get("response_mode") == "form_post"


def google(client_id: str, client_secret: str, issuer: str) -> Provider:
    """Sign in with Google; `issuer` is https://accounts.google.com."""
    return Provider(
        name="google",
        label="Google",
        client_id=client_id,
        discovery_url=f"{issuer}/.well-known/openid-configuration",
        scope="openid email",
        secret=lambda _: client_secret,
        judge=lambda claims: identity.google(claims, issuer),
        parameters={"prompt": "select_account"},
    )


def microsoft(client_id: str, client_secret: str, authority: str) -> Provider:
    """Sign in with a Microsoft work account; `authority` is https://login.microsoftonline.com.

    The tenant `organizations` leaves personal accounts out:
    https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
    """
    return Provider(
        name="microsoft",
        label="Microsoft",
        client_id=client_id,
        discovery_url=f"{authority}/organizations/v2.0/.well-known/openid-configuration",
        scope="openid email profile",
        secret=lambda _: client_secret,
        judge=lambda claims: identity.microsoft(claims, authority),
        parameters={"prompt": "select_account"},
    )


def apple(client_id: str, team_id: str, key_id: str, private_key: str, issuer: str) -> Provider:
    """Sign in with Apple; `client_id` is the services id, `issuer` https://appleid.apple.com.

    Asking for an e-mail makes Apple answer by a form that its page posts:
    https://developer.apple.com/documentation/signinwithapplerestapi/request_an_authorization_to_the_sign_in_with_apple_server
    """
    key = ECKey.import_key(private_key)

    def secret(now: dt.datetime) -> str:
        # https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
        header = {"alg": "ES256", "kid": key_id}
        claims = {
            "iss": team_id,
            "iat": int(now.timestamp()),
            "exp": int((now + _APPLE_SECRET_LIFE).timestamp()),
            "aud": issuer,
            "sub": client_id,
        }
        return jwt.encode(header, claims, key, algorithms=["ES256"])

    return Provider(
        name="apple",
        label="Apple",
        client_id=client_id,
        discovery_url=f"{issuer}/.well-known/openid-configuration",
        scope="openid email",
        secret=secret,
        judge=lambda claims: identity.apple(claims, issuer),
        parameters={"response_mode": "form_post"},
    )


@dataclass(frozen=True, slots=True)
class _Metadata:
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    read_at: float


class SignIn:
    """Carries the code flow for the providers that have credentials; keeps their metadata and keys for an hour."""

    def __init__(
        self,
        http: Http,
        providers: Mapping[str, Provider],
        clock: Clock,
        *,
        patience_seconds: float = 10.0,
    ) -> None:
        self._http = http
        self.providers = dict(providers)
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._metadata: dict[str, _Metadata] = {}
        self._keys: dict[str, tuple[KeySet, float]] = {}
        self._turn = asyncio.Lock()

    async def authorize_url(
        self, provider: Provider, *, redirect_uri: str, state: str, nonce: str, verifier: str
    ) -> str:
        """Where the browser signs in. Raises NotProven(UNAVAILABLE) when the provider does not answer."""
        metadata = await self._metadata_of(provider)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": provider.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **provider.parameters,
        }
        return f"{metadata.authorization_endpoint}?{urlencode(query)}"

    async def identity(
        self, provider: Provider, *, code: str, redirect_uri: str, nonce: str, verifier: str
    ) -> Identity:
        """Who signed in, proven. Raises NotProven."""
        metadata = await self._metadata_of(provider)
        answer = await self._redeem(provider, metadata, code, redirect_uri, verifier)
        if (why := answer.get("error")) is not None:
            known = why if isinstance(why, str) and why in _REASONS else "other"
            log.warning("signin.provider_refused", extra={"why": f"{provider.name}:{known}"})
            raise NotProven(Doubt.UNPROVEN)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotProven(Doubt.UNPROVEN)
        claims = await self._proven(provider, metadata, token)
        identity.check_token(claims, client_id=provider.client_id, nonce=nonce, now=self._clock())
        return provider.judge(claims)

    async def knows_us(self, provider: Provider, redirect_uri: str) -> bool:
        """Whether the provider takes our id and secret. Raises NotProven(UNAVAILABLE).

        The code is one that never was: a provider looks at who asks before it looks at the code.
        """
        metadata = await self._metadata_of(provider)
        verifier = hashlib.sha256(b"xpm-slack-doctor").hexdigest()
        answer = await self._redeem(provider, metadata, "xpm-slack-doctor", redirect_uri, verifier)
        return answer.get("error") not in _NOT_US

    async def _redeem(
        self,
        provider: Provider,
        metadata: _Metadata,
        code: str,
        redirect_uri: str,
        verifier: str,
    ) -> dict[str, Any]:
        """What the token endpoint says, an `error` included. Raises NotProven(UNAVAILABLE)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": provider.client_id,
            "client_secret": provider.secret(self._clock()),
            "code_verifier": verifier,
        }
        return await self._json(
            "POST",
            metadata.token_endpoint,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode(form).encode(),
        )

    async def _proven(
        self, provider: Provider, metadata: _Metadata, token: str
    ) -> Mapping[str, Any]:
        keys = await self._keys_of(provider, metadata)
        try:
            return jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError):
            pass
        # The key may be newer than what we keep: look once more, and only once.
        keys = await self._keys_of(provider, metadata, anew=True)
        try:
            return jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError):
            raise NotProven(Doubt.UNPROVEN) from None

    async def _metadata_of(self, provider: Provider) -> _Metadata:
        found = self._metadata.get(provider.name)
        if found is not None and time.monotonic() - found.read_at < _KEEP_SECONDS:
            return found
        said = await self._json("GET", provider.discovery_url)
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        addresses = [said.get(name) for name in names]
        # A provider on https never sends us, or a browser, to a plain address.
        scheme = provider.discovery_url.partition("://")[0]
        if not all(
            isinstance(one, str) and one.startswith((f"{scheme}://", "https://"))
            for one in addresses
        ):
            raise NotProven(Doubt.UNAVAILABLE)
        authorization, token, keys = map(str, addresses)
        found = _Metadata(authorization, token, keys, time.monotonic())
        self._metadata[provider.name] = found
        return found

    async def _keys_of(
        self, provider: Provider, metadata: _Metadata, *, anew: bool = False
    ) -> KeySet:
        async with self._turn:
            found = self._keys.get(provider.name)
            if not anew and found is not None and time.monotonic() - found[1] < _KEEP_SECONDS:
                return found[0]
            said = await self._json("GET", metadata.jwks_uri)
            found_keys = said.get("keys")
            if not isinstance(found_keys, list):
                raise NotProven(Doubt.UNAVAILABLE)
            # Ours are signed by RSA alone: a key of another kind is none, whatever a token asks for.
            rsa = [one for one in found_keys if isinstance(one, dict) and one.get("kty") == "RSA"]
            try:
                keys = KeySet.import_key_set({"keys": rsa})
            except (JoseError, KeyError, TypeError, ValueError):
                raise NotProven(Doubt.UNAVAILABLE) from None
            self._keys[provider.name] = (keys, time.monotonic())
            return keys

    async def _json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> dict[str, Any]:
        try:
            answer = await self._http.send(
                method,
                url,
                headers=headers,
                content=content,
                read_seconds=self._patience_seconds,
                cap=1_000_000,
            )
        except XpmError:
            raise NotProven(Doubt.UNAVAILABLE) from None
        if answer.status >= 500 or answer.status == 429:
            raise NotProven(Doubt.UNAVAILABLE)
        try:
            said = json.loads(answer.content)
        except (ValueError, RecursionError):
            raise NotProven(Doubt.UNAVAILABLE) from None
        is_refusal = isinstance(said, dict) and "error" in said
        if not isinstance(said, dict) or (answer.status != 200 and not is_refusal):
            raise NotProven(Doubt.UNAVAILABLE)
        return said
