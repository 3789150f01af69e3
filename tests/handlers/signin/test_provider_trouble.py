"""A provider that is down, slow or talks nonsense proves nobody, and is said to be away; new keys are found."""

import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers.signin import providers
from handlers.signin.identity import Doubt, Identity, NotProven
from handlers.signin.providers import Provider, SignIn
from sandbox.providers import PretendProviders, served_providers
from sandbox.serving import address, listen, serving
from sandbox.world import app_settings, provider_settings
from tests.handlers.inside import Inside
from tests.handlers.signin.walk import PROVIDERS, Browser, door
from tests.made_once import rsa_keys
from xpm.api import Http

VERIFIER = "v" * 43
NONCE = "n" * 43
STATE = "a state"
APP = "http://127.0.0.1:9"
KEYS = {
    "google": "/oauth2/v3/certs",
    "microsoft": "/discovery/v2.0/keys",
    "apple": "/auth/keys",
}
BACK = f"{APP}/connect/sign-in/{{}}/callback"


@dataclass
class Hand:
    """A clock turned by hand."""

    moment: datetime = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The moment it stands at."""
        return self.moment


@dataclass
class Three:
    """Our side and theirs, with a clock between them."""

    http: Http
    browser: httpx.AsyncClient
    state: PretendProviders
    clock: Hand
    known: Mapping[str, Provider]
    signing: SignIn

    def fresh(self, *, patience_seconds: float = 10.0) -> SignIn:
        """Our side with nothing remembered."""
        return SignIn(self.http, self.known, self.clock, patience_seconds=patience_seconds)

    async def code(self, name: str, person: str = "sam", signing: SignIn | None = None) -> str:
        """Signs in at a provider; the code."""
        url = await (signing or self.signing).authorize_url(
            self.known[name],
            redirect_uri=BACK.format(name),
            state=STATE,
            nonce=NONCE,
            verifier=VERIFIER,
        )
        page = await self.browser.get(url)
        action = re.search(r'action="([^"]+)"', page.text)
        form = re.search(r'name="form" value="([^"]+)"', page.text)
        assert action is not None, page.text
        assert form is not None
        answer = await self.browser.post(
            urljoin(url, action[1]), data={"form": form[1], "person": person}
        )
        if "location" in answer.headers:
            return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
        found = re.search(r'name="code" value="([^"]+)"', answer.text)
        assert found is not None, answer.text
        return found[1]

    async def identity(
        self,
        name: str,
        code: str,
        signing: SignIn | None = None,
        changed: Mapping[str, str] = MappingProxyType({}),
    ) -> Identity:
        """Who the code proves, with what was taken to the provider or with something changed."""
        asked = {"nonce": NONCE, "verifier": VERIFIER, "redirect_uri": BACK.format(name), **changed}
        return await (signing or self.signing).identity(self.known[name], code=code, **asked)

    async def doubt(self, name: str, code: str, signing: SignIn | None = None) -> Doubt:
        """Why the code proves nobody."""
        with pytest.raises(NotProven) as caught:
            await self.identity(name, code, signing)
        return caught.value.doubt

    async def fail(self, name: str, where: str, kind: str, seconds: float = 5.0) -> None:
        """Makes a provider misbehave, until cleared."""
        asked = {"provider": name, "where": where, "kind": kind, "times": -1, "seconds": seconds}
        answer = await self.browser.post("/sandbox/fail", json=asked)
        assert answer.is_success, answer.text

    def asked(self, path: str) -> int:
        """How often an address was asked."""
        return sum(one.path.endswith(path) for one in self.state.log)


@pytest.fixture
async def three(tmp_path: Any) -> AsyncIterator[Three]:
    """The three of this test's own."""
    clock = Hand()
    names = dict.fromkeys(("page", "practice", "telephone", "providers"), "http://127.0.0.1:9")
    environment = app_settings({"app": APP, **names}, tmp_path)
    made = replace(
        provider_settings({"app": APP, "providers": ""}, environment),
        now=clock,
        new_key=rsa_keys(),
    )
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with (
        served_providers(made) as served,
        httpx.AsyncClient(base_url=served.url, trust_env=False, verify=no_tls) as browser,
        Http(transport=httpx.AsyncHTTPTransport(verify=no_tls)) as http,
    ):
        given = {name.removeprefix("XPM_SLACK_"): value for name, value in environment.items()}
        known = {
            "google": providers.google(
                given["GOOGLE_CLIENT_ID"], given["GOOGLE_CLIENT_SECRET"], f"{served.url}/google"
            ),
            "microsoft": providers.microsoft(
                given["MICROSOFT_CLIENT_ID"],
                given["MICROSOFT_CLIENT_SECRET"],
                f"{served.url}/microsoft",
            ),
            "apple": providers.apple(
                given["APPLE_CLIENT_ID"],
                given["APPLE_TEAM_ID"],
                given["APPLE_KEY_ID"],
                given["APPLE_PRIVATE_KEY"],
                f"{served.url}/apple",
            ),
        }
        yield Three(http, browser, served.state, clock, known, SignIn(http, known, clock))


@pytest.mark.parametrize("name", PROVIDERS)
async def test_somebody_who_signs_in_is_who_they_are(three: Three, name: str) -> None:
    found = await three.identity(name, await three.code(name))
    assert (found.provider, found.email) == (name, "sam@example.com")
    if name == "microsoft":
        # An address may pass to somebody else; tenant and object do not.
        assert re.fullmatch(r"7a1c5e30-0000-4000-8000-00000000a001:[0-9a-f-]{36}", found.subject)
    again = await three.identity(name, await three.code(name))
    assert again == found


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("where", ["discovery", "jwks", "token"])
@pytest.mark.parametrize("kind", ["500", "cut", "garbage", "slow"])
async def test_a_provider_in_trouble_is_said_to_be_away_and_comes_back(
    three: Three, name: str, where: str, kind: str
) -> None:
    code = await three.code(name)
    signing = three.fresh(patience_seconds=0.15)
    await three.fail(name, where, kind, seconds=1.0)
    assert await three.doubt(name, code, signing) is Doubt.UNAVAILABLE
    if where == "discovery":
        with pytest.raises(NotProven) as caught:
            await three.code(name, signing=signing)
        assert caught.value.doubt is Doubt.UNAVAILABLE
    await three.browser.delete("/sandbox/fail")
    found = await three.identity(name, await three.code(name), signing)
    assert found.email == "sam@example.com"


@pytest.mark.parametrize("name", PROVIDERS)
async def test_new_keys_are_found_at_once_and_old_ones_kept_for_an_hour(
    three: Three, name: str
) -> None:
    keys_path = KEYS[name]
    for _ in range(3):
        await three.identity(name, await three.code(name))
    assert three.asked(keys_path) == 1
    assert (await three.browser.post("/sandbox/rotate_keys", json={})).is_success
    assert (await three.identity(name, await three.code(name))).email == "sam@example.com"
    assert three.asked(keys_path) == 2


async def test_a_wrong_signature_makes_us_look_for_keys_once_and_not_again(three: Three) -> None:
    await three.identity("google", await three.code("google"))
    before = three.asked("/oauth2/v3/certs")
    wrong = {"provider": "google", "what": "key"}
    await three.browser.post("/sandbox/wrong", json=wrong)
    assert await three.doubt("google", await three.code("google")) is Doubt.UNPROVEN
    assert three.asked("/oauth2/v3/certs") == before + 1


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_code_is_worth_nothing_with_another_verifier_nonce_or_address(
    three: Three, name: str
) -> None:
    for changed in (
        {"verifier": "w" * 43},
        {"nonce": "m" * 43},
        {"redirect_uri": f"{APP}/elsewhere"},
    ):
        code = await three.code(name)
        with pytest.raises(NotProven) as caught:
            await three.identity(name, code, changed=changed)
        assert caught.value.doubt is Doubt.UNPROVEN
    code = await three.code(name)
    await three.identity(name, code)
    assert await three.doubt(name, code) is Doubt.UNPROVEN


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_token_that_comes_too_late_has_expired(three: Three, name: str) -> None:
    code = await three.code(name)
    # The provider's clock and ours are one here: its token is made now, and our clock is ahead.
    late = Hand(three.clock.moment + timedelta(days=2))
    if name != "apple":  # whose secret is made by our clock, and refused by theirs
        signing = SignIn(three.http, three.known, late)
        assert await three.doubt(name, code, signing) is Doubt.EXPIRED


async def test_apples_secret_is_made_anew_and_lives_five_minutes(three: Three) -> None:
    first = three.known["apple"].secret(three.clock())
    later = three.known["apple"].secret(three.clock() + timedelta(minutes=1))
    assert first != later
    public = ECKey.import_key(three.state.settings.apple.public_key)
    claims = jwt.decode(first, public, algorithms=["ES256"]).claims
    assert claims["exp"] - claims["iat"] == 300
    assert "secret" not in repr(three.known["apple"])
    assert first not in repr(three.known["apple"])


@pytest.mark.parametrize("name", PROVIDERS)
async def test_whether_a_provider_knows_us_can_be_asked_without_anybody(
    three: Three, name: str
) -> None:
    known = three.known[name]
    assert await three.signing.knows_us(known, BACK.format(name))
    stranger = replace(known, secret=lambda _: "wrong")
    assert not await three.signing.knows_us(stranger, BACK.format(name))
    await three.fail(name, "token", "500")
    with pytest.raises(NotProven):
        await three.signing.knows_us(known, BACK.format(name))


# -- nonsense ------------------------------------------------------------------------------------------------------

DEEP = b'{"id_token":' + b"[" * 100_000
ODD_ANSWERS: list[bytes] = [
    *(b"", b"null", b"[]", b"1", b'"x"', b"{", b"\xff\xfe", b"{}", DEEP, b"<html>"),
    *(b'{"id_token":null}', b'{"id_token":1}', b'{"id_token":""}', b'{"id_token":"a.b.c"}'),
    *(b'{"id_token":"...."}', b'{"id_token":"\\u0000.\\ud800.x"}', b'{"id_token":"e30.e30."}'),
    b'{"id_token":"bnVsbA.bnVsbA.bnVsbA"}',
    b'{"id_token":"eyJhbGciOiJSUzI1NiJ9.W10.AA"}',
    b'{"id_token":"eyJhbGciOjF9.e30.AA"}',
    b'{"id_token":"eyJhbGciOiJSUzI1NiIsImtpZCI6W119.e30.AA"}',
    b'{"id_token":"eyJhbGciOiJSUzI1NiIsImNyaXQiOlsieCJdfQ.e30.AA"}',
    b'{"error":["x"],"id_token":"a.b.c"}',
]
ODD_KEYS: list[bytes] = [
    *(b"null", b"[]", b"{}", b'{"keys":null}', b'{"keys":1}', b'{"keys":{}}', b'{"keys":[]}'),
    *(b'{"keys":[null]}', b'{"keys":[1]}', b'{"keys":["x"]}', b'{"keys":[{}]}'),
    *(b'{"keys":[{"kty":"RSA"}]}', b'{"keys":[{"kty":1}]}', b'{"keys":[{"kty":"XYZ"}]}'),
    b'{"keys":[{"kty":"RSA","n":1,"e":2}]}',
    b'{"keys":[{"kty":"RSA","n":"","e":""}]}',
    b'{"keys":[{"kty":"oct","k":"AAAA"}]}',
    b'{"keys":[{"kty":"EC","crv":"P-999","x":"AA","y":"AA"}]}',
]
ODD_ADDRESSES = [
    *({}, {"authorization_endpoint": 1, "token_endpoint": None, "jwks_uri": []}),
    {"authorization_endpoint": "/a", "token_endpoint": "javascript:1", "jwks_uri": "file:///x"},
]


async def _said(
    token: bytes, keys: bytes, addresses: Mapping[str, Any] | None = None
) -> type[BaseException] | None:
    """What comes of a provider that says just this; None when it proved somebody."""
    bound = listen()
    url = address(bound)
    whole = {
        "authorization_endpoint": f"{url}/a",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/keys",
    }

    async def discovery(_: Request) -> Response:
        return JSONResponse(whole if addresses is None else dict(addresses))

    async def token_page(_: Request) -> Response:
        return Response(token, media_type="application/json")

    async def keys_page(_: Request) -> Response:
        return Response(keys, media_type="application/json")

    pages = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/token", token_page, methods=["POST"]),
            Route("/keys", keys_page),
        ]
    )
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with (
        serving((pages, bound)),
        Http(transport=httpx.AsyncHTTPTransport(verify=no_tls)) as http,
    ):
        known = providers.google("us", "secret", url)
        signing = SignIn(http, {"google": known}, Hand())
        try:
            await signing.identity(
                known, code="c", redirect_uri=APP, nonce=NONCE, verifier=VERIFIER
            )
        except NotProven:
            return NotProven
    return None


@pytest.mark.parametrize("said", ODD_ANSWERS, ids=lambda one: repr(one[:40]))
async def test_no_answer_of_a_token_endpoint_is_more_than_unproven(said: bytes) -> None:
    key = RSAKey.generate_key(2048).as_dict(private=False)
    for keys in (b'{"keys":[]}', json.dumps({"keys": [key]}).encode()):
        assert await _said(said, keys) is NotProven


@pytest.mark.parametrize("keys", ODD_KEYS, ids=lambda one: repr(one[:40]))
async def test_no_keys_whatever_they_are_prove_a_token_they_did_not_sign(keys: bytes) -> None:
    own = RSAKey.generate_key(2048)
    signed = jwt.encode({"alg": "RS256"}, {"sub": "1"}, own, algorithms=["RS256"])
    assert await _said(b'{"id_token":"%s"}' % signed.encode(), keys) is NotProven


@pytest.mark.parametrize("addresses", ODD_ADDRESSES, ids=str)
async def test_a_discovery_without_good_addresses_leads_nowhere(
    addresses: Mapping[str, Any],
) -> None:
    assert await _said(b"{}", b"{}", addresses) is NotProven


# -- what the person sees ------------------------------------------------------------------------------------------


async def test_the_person_reads_that_the_sign_in_does_not_answer_and_tries_again(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    brought = await browser.at_provider("google")
    await door(inside, "fail", provider="google", where="token", kind="500")
    answer = await browser.bring(brought)
    assert browser.doubt(answer) == "unavailable"
    page = await browser.get(answer.location)
    assert "The sign-in page does not answer" in page.text
    assert "Wait a minute, then try again" in page.text
    assert browser.went_to_xero(await browser.sign_in("google"))


async def test_the_person_is_led_on_after_the_provider_changed_its_keys(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    for provider in PROVIDERS:
        await door(inside, "rotate_keys", provider=provider)
        assert browser.went_to_xero(await browser.sign_in(provider))
