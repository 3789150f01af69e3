"""What only Apple or only Microsoft asks for."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from sandbox.providers import TENANT_KEA, TENANT_PERSONAL

from .conftest import App, told

HALF_YEAR = 15_777_000


@pytest.mark.parametrize("scope", ["openid email", "name", "openid name email"])
async def test_apple_demands_form_post_for_a_name_or_an_address(app: App, scope: str) -> None:
    page = await app.ask("apple", scope=scope, response_mode="query")
    assert page.status_code == 400
    assert "form_post" in page.text


async def test_apple_tells_the_name_once(app: App) -> None:
    first = await app.answer("apple")
    name = {"firstName": "Sam", "lastName": "Rivers"}
    assert json.loads(first["user"]) == {"name": name, "email": "sam@example.com"}
    assert "user" not in await app.answer("apple")
    assert "user" in await app.answer("apple", "mia")
    await app.door("reset")
    assert "user" in await app.answer("apple")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "TEAM000002"},
        {"sub": "another-app"},
        {"aud": "https://elsewhere.example"},
        {"kid": "KEY0000002"},
        {"exp": 0},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"key": ECKey.generate_key("P-256")},
    ],
)
async def test_apple_refuses_a_wrong_client_secret(app: App, changed: dict[str, Any]) -> None:
    code = (await app.answer("apple"))["code"]
    refused = await app.redeem("apple", code, client_secret=app.apple_secret(**changed))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client")
    assert (await app.redeem("apple", code)).status_code == 200


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 400)])
async def test_apple_takes_a_client_secret_for_six_months(app: App, more: int, status: int) -> None:
    code = (await app.answer("apple"))["code"]
    secret = app.apple_secret(exp=app.clock.seconds() + HALF_YEAR + more)
    assert (await app.redeem("apple", code, client_secret=secret)).status_code == status


async def test_apple_needs_no_openid_scope(app: App) -> None:
    assert "code" in await app.answer("apple", scope="email")
    assert (await app.ask("google", scope="email")).status_code == 400


async def test_microsoft_refuses_personal_accounts_under_organizations(app: App) -> None:
    page = await app.ask("microsoft")
    refused = await app.choose(page, "sam-personal")
    assert refused.status_code == 400
    assert "personal account" in refused.text
    # The person goes back and takes the other account.
    assert "code" in told(await app.choose(page, "sam"))


async def at_tenant(app: App, tenant: str, person: str) -> str:
    """The token or the page of a sign-in at a tenant's own address."""
    app.found.clear()
    found = await app.discover("microsoft")
    for name in ("authorization_endpoint", "token_endpoint"):
        found[name] = found[name].replace("organizations", tenant)
    page = await app.choose(await app.ask("microsoft"), person)
    if page.status_code != 302:
        return page.text
    answer = await app.redeem("microsoft", told(page)["code"])
    return str(answer.json()["id_token"])


async def test_microsoft_lets_personal_accounts_in_under_common(app: App) -> None:
    token = await at_tenant(app, "common", "sam-personal")
    claims = await app.verified("microsoft", token)
    assert claims["tid"] == TENANT_PERSONAL
    assert claims["oid"].startswith("00000000-0000-0000-")


async def test_microsoft_keeps_a_tenant_to_its_own(app: App) -> None:
    assert "AADSTS50020" in await at_tenant(app, TENANT_KEA, "eve")
    claims = await app.verified("microsoft", await at_tenant(app, TENANT_KEA, "mia"))
    assert claims["tid"] == TENANT_KEA


async def test_microsoft_numbers_its_refusals(app: App) -> None:
    refused = (await app.redeem("microsoft", "x")).json()
    assert refused["error_codes"] == [70008]
    assert refused["error_description"].startswith("AADSTS70008: ")
