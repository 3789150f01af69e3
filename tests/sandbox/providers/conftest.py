"""Pretend providers on loopback, and an app that signs people in as strictly as it should."""

import base64
import hashlib
import html
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from sandbox.providers import (
    AppleApp,
    PretendProviders,
    ProviderSettings,
    SecretApp,
    served_providers,
)
from tests.made_once import rsa_keys

NAMES = ("google", "microsoft", "apple")
BACK = {name: f"http://127.0.0.1:9/signin/{name}" for name in NAMES}
SCOPES = {
    "google": "openid email profile",
    "microsoft": "openid email profile",
    "apple": "openid email name",
}
DISCOVERY = {
    "google": "/google/.well-known/openid-configuration",
    "microsoft": "/microsoft/organizations/v2.0/.well-known/openid-configuration",
    "apple": "/apple/.well-known/openid-configuration",
}
VERIFIER = "a-verifier-of-at-least-forty-three-characters-x"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())[:43].decode()


@dataclass
class Clock:
    """A clock that tests move."""

    moment: datetime = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment it stands at."""
        return self.moment

    def move(self, **by: float) -> None:
        """Goes forward."""
        self.moment += timedelta(**by)

    def seconds(self) -> int:
        """Seconds since 1970."""
        return int(self.moment.timestamp())


@dataclass
class App:
    """An app that the three know, as they see it."""

    http: httpx.AsyncClient
    state: PretendProviders
    clock: Clock
    team_key: ECKey
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def discover(self, provider: str) -> dict[str, Any]:
        """The discovery document, read once."""
        if provider not in self.found:
            self.found[provider] = (await self.http.get(DISCOVERY[provider])).json()
        return self.found[provider]

    async def ask(self, provider: str, **changed: str) -> httpx.Response:
        """Opens the consent page; an empty text leaves a parameter out."""
        query = {
            "client_id": f"app-at-{provider}",
            "redirect_uri": BACK[provider],
            "response_type": "code",
            "response_mode": "form_post" if provider == "apple" else "",
            "scope": SCOPES[provider],
            "state": "s t&1",
            "nonce": "n-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changed,
        }
        address = (await self.discover(provider))["authorization_endpoint"]
        return await self.http.get(address, params={k: v for k, v in query.items() if v})

    async def choose(self, page: httpx.Response, person: str = "sam") -> httpx.Response:
        """Presses a person's button, or Cancel."""
        assert page.status_code == 200, page.text
        action = re.search(r'action="([^"]+)"', page.text)
        form = re.search(r'name="form" value="([^"]+)"', page.text)
        assert action is not None
        assert form is not None
        pressed = {"answer": "cancel"} if person == "cancel" else {"person": person}
        return await self.http.post(action[1], data={"form": form[1], **pressed})

    async def answer(self, provider: str, person: str = "sam", **changed: str) -> dict[str, str]:
        """What comes back to the app."""
        return told(await self.choose(await self.ask(provider, **changed), person))

    async def redeem(self, provider: str, code: str, **changed: str) -> httpx.Response:
        """Exchanges a code; an empty text leaves a parameter out."""
        secret = self.apple_secret() if provider == "apple" else f"secret-at-{provider}"
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK[provider],
            "client_id": f"app-at-{provider}",
            "client_secret": secret,
            "code_verifier": VERIFIER,
            **changed,
        }
        address = (await self.discover(provider))["token_endpoint"]
        return await self.http.post(address, data={k: v for k, v in sent.items() if v})

    async def token(self, provider: str, person: str = "sam", **changed: str) -> str:
        """The id token of a whole sign-in."""
        code = (await self.answer(provider, person, **changed))["code"]
        answer = await self.redeem(provider, code)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id_token"])

    async def claims(self, provider: str, person: str = "sam", **changed: str) -> dict[str, Any]:
        """The claims of a whole sign-in, verified."""
        return await self.verified(provider, await self.token(provider, person, **changed))

    async def verified(self, provider: str, token: str) -> dict[str, Any]:
        """The claims of a token that is right in everything. Raises ValueError."""
        found = await self.discover(provider)
        keys = KeySet.import_key_set((await self.http.get(found["jwks_uri"])).json())
        claims = jwt.decode(token, keys, ["RS256"]).claims
        issuer = found["issuer"].replace("{tenantid}", claims.get("tid", ""))
        now = self.clock.seconds()
        right = {
            "iss": claims.get("iss") == issuer,
            "aud": claims.get("aud") == f"app-at-{provider}",
            "nonce": claims.get("nonce") == "n-1",
            "sub": bool(claims.get("sub")),
            "exp": claims["exp"] > now,
            "iat": claims["iat"] <= now,
        }
        if wrong := [name for name, is_right in right.items() if not is_right]:
            raise ValueError(", ".join(wrong))
        return claims

    def apple_secret(self, **changed: Any) -> str:
        """A client secret that Apple takes; `kid` and `key` may be changed like any claim."""
        now = self.clock.seconds()
        base = str(self.http.base_url).rstrip("/")
        claims = {
            "iss": "TEAM000001",
            "iat": now,
            "exp": now + 300,
            "aud": f"{base}/apple",
            "sub": "app-at-apple",
            **changed,
        }
        header = {"alg": "ES256", "kid": claims.pop("kid", "KEY0000001")}
        return jwt.encode(header, claims, claims.pop("key", self.team_key), ["ES256"])

    async def door(self, path: str, **body: Any) -> Any:
        """Asks something at the door."""
        answer = await self.http.post(f"/sandbox/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()


def told(answer: httpx.Response) -> dict[str, str]:
    """What an answer tells the app, by redirect or by form."""
    if answer.status_code == 302:
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert answer.status_code == 200, answer.text
    assert "document.forms[0].submit()" in answer.text, answer.text
    fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text)
    return {name: html.unescape(value) for name, value in fields}


@dataclass(frozen=True)
class Settings:
    """Settings with a clock that stands, and the private half of the team's key."""

    made: ProviderSettings
    clock: Clock
    team_key: ECKey


def at_another_address(made: ProviderSettings, back: str) -> ProviderSettings:
    """The settings of an app that every provider sends back to one address."""
    return replace(
        made,
        google=replace(made.google, redirect_uris=(back,)),
        microsoft=replace(made.microsoft, redirect_uris=(back,)),
        apple=replace(made.apple, redirect_uris=(back,)),
    )


@pytest.fixture
def settings() -> Settings:
    """Settings of an app that all three know."""
    clock, team_key = Clock(), ECKey.generate_key("P-256")
    google, microsoft = (
        SecretApp(
            client_id=f"app-at-{name}",
            client_secret=f"secret-at-{name}",
            redirect_uris=(BACK[name],),
        )
        for name in ("google", "microsoft")
    )
    apple = AppleApp(
        team_id="TEAM000001",
        services_id="app-at-apple",
        key_id="KEY0000001",
        public_key=team_key.as_pem(private=False).decode(),
        redirect_uris=(BACK["apple"],),
    )
    made = ProviderSettings(
        public_url="",
        google=google,
        microsoft=microsoft,
        apple=apple,
        now=clock.now,
        new_key=rsa_keys(),
    )
    return Settings(made, clock, team_key)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    """An app at pretend providers of its own."""
    # An empty TLS context: nothing here speaks TLS, and loading certificates is slow.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with (
        served_providers(settings.made) as served,
        httpx.AsyncClient(base_url=served.url, timeout=10, trust_env=False, verify=tls) as client,
    ):
        yield App(client, served.state, settings.clock, settings.team_key)
