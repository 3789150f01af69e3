"""Signing in at each provider, and who may ask for it."""

import json

import httpx
import pytest

from sandbox.providers import TENANT_KEA, TENANT_PERSONAL

from .conftest import BACK, NAMES, App, told

pytestmark = pytest.mark.parametrize("provider", NAMES)


async def test_a_sign_in_gives_a_token_that_verifies(app: App, provider: str) -> None:
    claims = await app.claims(provider)
    assert claims["email"] == "sam@example.com"
    assert claims["nonce"] == "n-1"


async def test_state_comes_back_as_it_was(app: App, provider: str) -> None:
    assert (await app.answer(provider))["state"] == "s t&1"


async def test_a_person_keeps_one_subject_and_shares_it_with_nobody(
    app: App, provider: str
) -> None:
    first, again = await app.claims(provider), await app.claims(provider)
    other = await app.claims(provider, "mia")
    assert first["sub"] == again["sub"] != other["sub"]


async def test_a_code_works_once(app: App, provider: str) -> None:
    code = (await app.answer(provider))["code"]
    assert (await app.redeem(provider, code)).status_code == 200
    again = await app.redeem(provider, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


async def test_a_code_grows_too_old(app: App, provider: str) -> None:
    minutes = 5 if provider == "apple" else 10
    young = (await app.answer(provider))["code"]
    app.clock.move(minutes=minutes, seconds=-1)
    assert (await app.redeem(provider, young)).status_code == 200
    old = (await app.answer(provider))["code"]
    app.clock.move(minutes=minutes)
    assert (await app.redeem(provider, old)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("verifier", ["", "another-verifier-of-at-least-43-characters-xxx"])
async def test_a_wrong_verifier_is_refused_and_uses_the_code_up(
    app: App, provider: str, verifier: str
) -> None:
    code = (await app.answer(provider))["code"]
    refused = await app.redeem(provider, code, code_verifier=verifier)
    assert refused.json()["error"] == "invalid_grant"
    assert (await app.redeem(provider, code)).status_code == 400


async def test_a_verifier_without_a_challenge_is_refused(app: App, provider: str) -> None:
    answer = await app.answer(provider, code_challenge="", code_challenge_method="")
    assert (await app.redeem(provider, answer["code"])).json()["error"] == "invalid_grant"
    answer = await app.answer(provider, code_challenge="", code_challenge_method="")
    assert (await app.redeem(provider, answer["code"], code_verifier="")).status_code == 200


async def test_another_redirect_address_at_the_token_is_refused(app: App, provider: str) -> None:
    code = (await app.answer(provider))["code"]
    refused = await app.redeem(provider, code, redirect_uri=BACK[provider] + "/")
    assert refused.json()["error"] == "invalid_grant"


async def test_a_code_of_one_provider_is_nothing_to_another(app: App, provider: str) -> None:
    code = (await app.answer(provider))["code"]
    other = NAMES[NAMES.index(provider) - 1]
    assert (await app.redeem(other, code)).json()["error"] == "invalid_grant"


async def test_an_app_without_its_secret_is_refused_and_the_code_lives(
    app: App, provider: str
) -> None:
    code = (await app.answer(provider))["code"]
    for secret in ("", "wrong"):
        refused = await app.redeem(provider, code, client_secret=secret)
        assert refused.json()["error"] == "invalid_client"
        assert refused.status_code == (400 if provider == "apple" else 401)
    assert (await app.redeem(provider, code)).status_code == 200


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_an_unknown_app_or_address_is_told_nothing(
    app: App, provider: str, name: str
) -> None:
    known = {"client_id": f"app-at-{provider}", "redirect_uri": BACK[provider]}
    for wrong in ("", known[name] + "/", known[name].upper()):
        page = await app.ask(provider, **{name: wrong})
        assert (page.status_code, "location" in page.headers) == (400, False)
        assert 'action="' not in page.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response_type", "token"),
        ("scope", "openid calendar"),
        ("code_challenge_method", "plain"),
        ("code_challenge", "short"),
        ("response_mode", "fragment"),
    ],
)
async def test_a_faulty_wish_gets_no_page(app: App, provider: str, name: str, value: str) -> None:
    page = await app.ask(provider, **{name: value})
    if provider == "microsoft":
        assert told(page)["error"] in (
            *("unsupported_response_type", "invalid_scope", "invalid_request"),
        )
        assert told(page)["state"] == "s t&1"
    else:
        assert page.status_code == 400


async def test_cancel_is_answered_in_the_providers_words(app: App, provider: str) -> None:
    answer = await app.answer(provider, "cancel")
    word = "user_cancelled_authorize" if provider == "apple" else "access_denied"
    assert (answer["error"], answer["state"]) == (word, "s t&1")
    assert "code" not in answer


async def test_a_page_is_answered_once_and_in_time(app: App, provider: str) -> None:
    page = await app.ask(provider)
    assert "code" in told(await app.choose(page))
    assert (await app.choose(page)).status_code == 400
    late = await app.ask(provider)
    app.clock.move(minutes=10)
    assert (await app.choose(late)).status_code == 400


async def test_nobody_is_chosen_by_an_unknown_name(app: App, provider: str) -> None:
    assert (await app.choose(await app.ask(provider), "olga")).status_code == 400


async def test_every_account_of_the_page_can_sign_in(app: App, provider: str) -> None:
    people = (await app.http.get("/sandbox/people")).json()[provider]
    assert [person["id"] for person in people][:4] == ["sam", "mia", "tom", "nina"]
    for person in people:
        if person["id"] != "sam-personal":
            claims = await app.claims(provider, person["id"])
            assert claims["email"] == person["email"]


async def test_fewer_scopes_tell_less(app: App, provider: str) -> None:
    claims = await app.claims(provider, scope="openid", response_mode="")
    assert not {"email", "email_verified", "name"} & claims.keys()


async def test_any_answer_can_come_as_a_form(app: App, provider: str) -> None:
    page = await app.choose(await app.ask(provider, response_mode="form_post"))
    assert f'action="{BACK[provider]}"' in page.text
    assert told(page)["state"] == "s t&1"
    assert "form-action" not in page.headers["content-security-policy"]


async def test_userinfo_says_who_it_is(app: App, provider: str) -> None:
    found = await app.discover(provider)
    if provider == "apple":
        assert "userinfo_endpoint" not in found
        return
    reply = (await app.redeem(provider, (await app.answer(provider))["code"])).json()
    bearer = {"Authorization": f"Bearer {reply['access_token']}"}
    shown = (await app.http.get(found["userinfo_endpoint"], headers=bearer)).json()
    assert (shown["email"], shown["name"]) == ("sam@example.com", "Sam Rivers")
    assert (await app.http.get(found["userinfo_endpoint"])).status_code == 401
    app.clock.move(hours=1)
    assert (await app.http.get(found["userinfo_endpoint"], headers=bearer)).status_code == 401


async def test_a_secret_in_the_header_is_as_good(app: App, provider: str) -> None:
    code = (await app.answer(provider))["code"]
    auth = httpx.BasicAuth(f"app-at-{provider}", f"secret-at-{provider}")
    sent = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK[provider],
        "code_verifier": "a-verifier-of-at-least-forty-three-characters-x",
    }
    address = (await app.discover(provider))["token_endpoint"]
    answer = await app.http.post(address, data=sent, auth=auth)
    assert answer.status_code == (400 if provider == "apple" else 200)


async def test_only_codes_are_exchanged(app: App, provider: str) -> None:
    answer = await app.redeem(provider, "x", grant_type="password")
    assert answer.json()["error"] == "unsupported_grant_type"


async def test_each_provider_writes_its_claims_in_its_own_way(app: App, provider: str) -> None:
    base = str(app.http.base_url).rstrip("/")
    claims = await app.claims(provider)
    match provider:
        case "google":
            assert claims["iss"] == f"{base}/google"
            assert (claims["azp"], claims["hd"]) == ("app-at-google", "example.com")
            assert claims["email_verified"] is True
            assert "hd" not in await app.claims(provider, "sam-consumer")
            unverified = await app.claims(provider, "sam-unverified")
            assert unverified["email_verified"] is False
        case "microsoft":
            assert claims["iss"] == f"{base}/microsoft/{TENANT_KEA}/v2.0"
            assert (claims["tid"], claims["ver"]) == (TENANT_KEA, "2.0")
            assert "email_verified" not in claims
            seen = [(await app.claims(provider, p))["xms_edov"] for p in ("sam", "mia", "tom")]
            assert json.dumps(seen) == '[true, 1, "1"]'
            assert "xms_edov" not in await app.claims(provider, "sam-no-edov")
            other = await app.claims(provider, "eve-as-sam")
            assert (other["email"], other["tid"] != TENANT_KEA) == ("sam@example.com", True)
        case _:
            assert (claims["iss"], claims["nonce_supported"]) == (f"{base}/apple", True)
            assert "is_private_email" not in claims
            mia = await app.claims(provider, "mia")
            assert (mia["email_verified"], mia["is_private_email"]) == ("true", "false")
            relay = await app.claims(provider, "sam-relay")
            assert relay["is_private_email"] is True
            assert relay["email"].endswith("@privaterelay.appleid.com")


async def test_discovery_names_an_issuer_that_leads_back_to_it(app: App, provider: str) -> None:
    found = await app.discover(provider)
    base = str(app.http.base_url).rstrip("/")
    if provider == "microsoft":
        assert found["issuer"] == f"{base}/microsoft/{{tenantid}}/v2.0"
        own = f"/microsoft/{TENANT_KEA}/v2.0"
        one = await app.http.get(f"{own}/.well-known/openid-configuration")
        assert one.json()["issuer"] == base + own
        none = await app.http.get("/microsoft/nobody/v2.0/.well-known/openid-configuration")
        assert none.json()["error"] == "invalid_tenant"
        consumers = await app.http.get("/microsoft/consumers/v2.0/.well-known/openid-configuration")
        assert TENANT_PERSONAL in consumers.json()["issuer"]
    else:
        assert found["issuer"] == f"{base}/{provider}"
    (old, new) = (await app.http.get(found["jwks_uri"])).json()["keys"]
    assert old["kid"] != new["kid"]
    assert ("alg" in new) == (provider != "microsoft")
    assert "d" not in new
