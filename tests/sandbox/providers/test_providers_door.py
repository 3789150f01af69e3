"""The door: wrong tokens, faults, new keys and the log."""

import time

import httpx
import pytest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sandbox.providers import TENANT_ELSEWHERE, TENANT_KEA, TENANT_PERSONAL
from sandbox.providers.wrong import WHAT, is_possible

from .conftest import DISCOVERY, NAMES, App

SIGNATURE = ("key", "forged", "alg_none", "hs256", "tampered")
CLAIMS = {
    "audience": "aud",
    "azp_only": "aud",
    "issuer": "iss",
    "nonce": "nonce",
    "missing_nonce": "nonce",
    "expired": "exp",
    "not_yet": "iat",
    "missing_sub": "sub",
}


@pytest.mark.parametrize("provider", NAMES)
@pytest.mark.parametrize("what", SIGNATURE)
async def test_a_token_with_a_wrong_signature_does_not_verify(
    app: App, provider: str, what: str
) -> None:
    await app.door("wrong", provider=provider, what=what)
    token = await app.token(provider)
    with pytest.raises((JoseError, ValueError)):
        await app.verified(provider, token)
    assert await app.claims(provider)


@pytest.mark.parametrize("provider", NAMES)
@pytest.mark.parametrize(("what", "claim"), CLAIMS.items())
async def test_a_token_with_a_wrong_claim_is_wrong_in_nothing_else(
    app: App, provider: str, what: str, claim: str
) -> None:
    await app.door("wrong", provider=provider, what=what)
    token = await app.token(provider)
    with pytest.raises(ValueError, match=f"^{claim}$"):
        await app.verified(provider, token)
    assert await app.claims(provider)


async def test_every_defect_is_tried_or_seen_below() -> None:
    seen = {"other_tenant", "personal", "no_email", "unverified", "claims"}
    assert {*SIGNATURE, *CLAIMS, *seen} == set(WHAT)
    assert is_possible("microsoft", "personal")
    assert not is_possible("apple", "other_tenant")


async def test_azp_only_still_names_this_app(app: App) -> None:
    await app.door("wrong", provider="google", what="azp_only")
    claims = await unverified(app, "google")
    assert (claims["azp"], claims["aud"]) == ("app-at-google", "another-app")


async def unverified(app: App, provider: str) -> dict[str, object]:
    """The claims of the next token, whoever they are for."""
    token = await app.token(provider)
    keys = (await app.http.get((await app.discover(provider))["jwks_uri"])).json()
    jws.deserialize_compact(token, KeySet.import_key_set(keys), ["RS256"])
    payload = jws.extract_compact(token.encode()).payload
    claims: dict[str, object] = httpx.Response(200, content=payload).json()
    return claims


async def test_other_tenant_is_a_tid_that_the_issuer_does_not_name(app: App) -> None:
    await app.door("wrong", provider="microsoft", what="other_tenant")
    claims = await unverified(app, "microsoft")
    assert claims["tid"] == TENANT_ELSEWHERE
    assert TENANT_KEA in str(claims["iss"])
    await app.door("wrong", provider="google", what="other_tenant")
    assert (await app.claims("google"))["hd"] == "elsewhere.example"


async def test_personal_is_a_token_as_common_would_give(app: App) -> None:
    await app.door("wrong", provider="microsoft", what="personal")
    claims = await app.claims("microsoft")
    assert claims["tid"] == TENANT_PERSONAL
    assert TENANT_PERSONAL in claims["iss"]


@pytest.mark.parametrize("provider", NAMES)
async def test_an_address_can_be_missing_or_unverified(app: App, provider: str) -> None:
    await app.door("wrong", provider=provider, what="no_email")
    assert "email" not in await app.claims(provider)
    await app.door("wrong", provider=provider, what="unverified")
    claims = await app.claims(provider)
    assert claims["email"] == "sam@example.com"
    name = "xms_edov" if provider == "microsoft" else "email_verified"
    assert claims[name] == ("false" if provider == "apple" else False)


async def test_any_claim_can_be_set_or_left_out(app: App) -> None:
    changed = {"oid": None, "email": "SAM@example.com"}
    await app.door("wrong", provider="microsoft", what="claims", claims=changed)
    claims = await app.claims("microsoft")
    assert claims["email"] == "SAM@example.com"
    assert "oid" not in claims


async def test_a_defect_lasts_as_often_as_asked_and_is_one_providers(app: App) -> None:
    await app.door("wrong", provider="google", what="no_email", times=2)
    assert "email" in await app.claims("apple")
    seen = ["email" in await app.claims("google") for _ in range(3)]
    assert seen == [False, False, True]
    await app.door("wrong", provider="google", what="no_email", times=-1)
    assert "email" not in await app.claims("google")
    assert (await app.http.delete("/sandbox/wrong")).json() == {"wrong": []}
    assert "email" in await app.claims("google")


@pytest.mark.parametrize("provider", NAMES)
async def test_new_keys_sign_at_once_and_the_last_ones_still_verify(
    app: App, provider: str
) -> None:
    uri = (await app.discover(provider))["jwks_uri"]
    before = {key["kid"] for key in (await app.http.get(uri)).json()["keys"]}
    token = await app.token(provider)
    kid = (await app.door("rotate_keys", provider=provider))[provider]
    assert kid not in before
    fresh = await app.token(provider)
    assert jws.extract_compact(fresh.encode()).headers()["kid"] == kid
    assert await app.verified(provider, token)
    assert await app.verified(provider, fresh)
    after = {key["kid"] for key in (await app.http.get(uri)).json()["keys"]}
    assert len(after & before) == 1
    assert len(after) == 2


async def ask(app: App, provider: str, where: str) -> httpx.Response:
    """Calls an endpoint that may fail."""
    if where == "token":
        return await app.redeem(provider, "x")
    found = await app.discover(provider)
    return await app.http.get(DISCOVERY[provider] if where == "discovery" else found["jwks_uri"])


@pytest.mark.parametrize("provider", NAMES)
@pytest.mark.parametrize("where", ["discovery", "jwks", "token"])
async def test_an_endpoint_fails_as_asked_and_recovers(app: App, provider: str, where: str) -> None:
    right = (await ask(app, provider, where)).json()
    for kind in ("500", "garbage", "cut"):
        await app.door("fail", provider=provider, where=where, kind=kind)
    assert (await ask(app, provider, where)).status_code == 500
    garbage = await ask(app, provider, where)
    with pytest.raises(ValueError, match="Expecting"):
        garbage.json()
    with pytest.raises(httpx.TransportError):
        await ask(app, provider, where)
    await app.door("fail", provider=provider, where=where, kind="slow", seconds=0.2)
    begun = time.monotonic()
    assert (await ask(app, provider, where)).json() == right
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("wrong", {"provider": "slack", "what": "key"}),
        ("wrong", {"provider": "google", "what": "nothing"}),
        ("wrong", {"provider": "google", "what": "personal"}),
        ("wrong", {"provider": "google", "what": "key", "times": 0}),
        ("wrong", {"provider": "google", "what": "claims", "claims": []}),
        ("fail", {"provider": "google", "where": "here", "kind": "500"}),
        ("fail", {"provider": "google", "where": "token", "kind": "502"}),
        ("fail", {"provider": "google", "where": "token", "kind": "slow", "seconds": "long"}),
        ("rotate_keys", {"provider": "slack"}),
    ],
)
async def test_the_door_refuses_what_it_does_not_know(
    app: App, path: str, body: dict[str, object]
) -> None:
    assert (await app.http.post(f"/sandbox/{path}", json=body)).status_code == 400


async def test_any_page_may_use_the_door(app: App) -> None:
    shown = await app.http.get("/sandbox/people", headers={"Origin": "http://localhost:1"})
    assert shown.headers["access-control-allow-origin"] == "*"
    plain = await app.http.get(DISCOVERY["google"], headers={"Origin": "http://localhost:1"})
    assert "access-control-allow-origin" not in plain.headers


@pytest.mark.parametrize("provider", NAMES)
async def test_the_log_tells_the_story_without_its_secrets(app: App, provider: str) -> None:
    code = (await app.answer(provider, state="a-state-to-hide", nonce="a-nonce-to-hide"))["code"]
    reply = (await app.redeem(provider, code)).json()
    shown = await app.http.get("/sandbox/requests")
    log = [entry for entry in shown.json()["requests"] if entry["provider"] == provider]
    assert [(entry["method"], entry["status"]) for entry in log] == [
        *(("GET", 200), ("GET", 200), ("POST", 200 if provider == "apple" else 302)),
        ("POST", 200),
    ]
    assert "code_challenge" in log[1]["sent"]
    assert log[1]["plain"]["code_challenge_method"] == "S256"
    assert log[3]["plain"]["grant_type"] == "authorization_code"
    hidden = ["to-hide", "secret-at", "a-verifier", code, *(str(v) for v in reply.values())]
    assert not [secret for secret in hidden[:4] if secret in shown.text]
    assert reply["id_token"] not in shown.text


async def test_a_request_that_was_cut_is_in_the_log(app: App) -> None:
    await app.door("fail", provider="google", where="jwks", kind="cut")
    with pytest.raises(httpx.TransportError):
        await app.http.get("/google/oauth2/v3/certs")
    log = (await app.http.get("/sandbox/requests")).json()["requests"]
    assert [(entry["path"], entry["status"]) for entry in log] == [("/google/oauth2/v3/certs", 0)]
