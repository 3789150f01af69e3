"""Consent, tokens and connections."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sandbox.practice.grants import challenge_of

if TYPE_CHECKING:
    from tests.sandbox.practice.conftest import Xero

KEA = "11111111-1111-4111-8111-111111111111"
TUI = "22222222-2222-4222-8222-222222222222"


def claims(token: str) -> dict[str, Any]:
    """Return the claims of a JWT-shaped token."""
    payload = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return read


async def connections(xero: Xero, **query: str) -> list[dict[str, Any]]:
    """Return what /connections lists."""
    bearer = {"Authorization": f"Bearer {xero.tokens['access_token']}"}
    answer = await xero.http.get("/connections", headers=bearer, params=query)
    listed: list[dict[str, Any]] = answer.json()
    return listed


async def test_the_page_offers_the_practices_of_who_is_signed_in(xero: Xero) -> None:
    page = await xero.consent()
    assert "Signed in as <strong>Sam Rivers</strong>" in page.text
    assert "Kea Accounting" in page.text
    assert "Tui Advisory" in page.text
    assert "View and manage time entries" in page.text
    page = await xero.consent("mia@example.com")
    assert "Tui Advisory" not in page.text


async def test_allow_sends_back_a_code_with_the_state_as_it_was(xero: Xero) -> None:
    back = await xero.press(await xero.consent())
    assert back.status_code == 302
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["state"] == ["s t&1"]
    assert query["code"]


async def test_cancel_sends_back_access_denied(xero: Xero) -> None:
    back = await xero.press(await xero.consent(), answer="cancel")
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query == {"error": ["access_denied"], "state": ["s t&1"]}


async def test_a_form_works_once(xero: Xero) -> None:
    page = await xero.consent()
    assert (await xero.press(page)).status_code == 302
    assert (await xero.press(page)).status_code == 400


async def test_a_person_cannot_allow_a_practice_that_is_not_theirs(xero: Xero) -> None:
    page = await xero.consent("mia@example.com")
    assert (await xero.press(page, practice=TUI)).status_code == 400


@pytest.mark.parametrize(
    "wrong", [{"client_id": "other"}, {"redirect_uri": "http://localhost:9999/xero/done/"}]
)
async def test_an_unknown_app_or_address_is_told_to_the_person(
    xero: Xero, wrong: dict[str, str]
) -> None:
    assert (await xero.consent(**wrong)).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"scope": "everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_a_wrong_wish_is_told_to_the_app(
    xero: Xero, wrong: dict[str, str], error: str
) -> None:
    back = await xero.consent(**wrong)
    assert parse_qs(urlsplit(back.headers["location"]).query)["error"] == [error]


async def test_tokens_say_which_consent_they_come_from(kea: Xero) -> None:
    access = claims(kea.tokens["access_token"])
    found = await connections(kea, authEventId=access["authentication_event_id"])
    assert [(c["tenantId"], c["tenantType"], c["tenantName"]) for c in found] == [
        (KEA, "PRACTICEMANAGER", "Kea Accounting")
    ]
    identity = claims(kea.tokens["id_token"])
    assert identity["email"] == "sam@example.com"
    assert "authentication_event_id" not in identity
    assert kea.tokens["expires_in"] == 1800


async def test_consenting_again_keeps_the_connection_and_its_event(kea: Xero) -> None:
    (first,) = await connections(kea)
    kea.clock.move(minutes=1)
    await kea.connect()
    (again,) = await connections(kea)
    assert (again["id"], again["authEventId"]) == (first["id"], first["authEventId"])
    assert again["updatedDateUtc"] > first["updatedDateUtc"]
    event_id = claims(kea.tokens["access_token"])["authentication_event_id"]
    assert await connections(kea, authEventId=event_id) == []


async def test_a_person_without_the_privilege_connects_nothing(xero: Xero) -> None:
    page = await xero.consent("tom@example.com")
    assert "You have no practice to connect" in page.text
    xero.tokens = (await xero.redeem(await xero.code("tom@example.com", ""))).json()
    assert await connections(xero) == []


async def test_a_second_practice_adds_a_connection_to_the_same_person(kea: Xero) -> None:
    await kea.connect(practice=TUI)
    assert [c["tenantId"] for c in await connections(kea)] == [KEA, TUI]
    job = await kea.get("job.api/get/J000900")
    assert job.findtext("Job/Name") == "Advisory plan"


async def test_a_code_works_once_and_for_five_minutes(xero: Xero) -> None:
    code = await xero.code()
    assert (await xero.redeem(code)).status_code == 200
    assert (await xero.redeem(code)).json() == {"error": "invalid_grant"}
    late = await xero.code()
    xero.clock.move(minutes=5)
    assert (await xero.redeem(late)).status_code == 400


async def test_a_code_belongs_to_its_address(xero: Xero) -> None:
    answer = await xero.redeem(await xero.code(), redirect_uri="http://localhost:1/other")
    assert answer.json() == {"error": "invalid_grant"}


async def test_a_challenge_needs_its_verifier(xero: Xero) -> None:
    asked = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256"}
    assert (await xero.redeem(await xero.code(**asked))).status_code == 400
    wrong = await xero.redeem(await xero.code(**asked), code_verifier="w" * 43)
    assert wrong.status_code == 400
    right = await xero.redeem(await xero.code(**asked), code_verifier="v" * 43)
    assert right.status_code == 200


async def test_the_app_must_know_its_secret(xero: Xero) -> None:
    sent = {"grant_type": "refresh_token", "refresh_token": "x"}
    wrong = await xero.http.post("/connect/token", data=sent, auth=("app-1", "secret-2"))
    assert (wrong.status_code, wrong.json()) == (401, {"error": "invalid_client"})
    none = await xero.http.post("/connect/token", data=sent)
    assert none.status_code == 401


async def test_a_replaced_refresh_token_may_be_tried_again_for_thirty_minutes(kea: Xero) -> None:
    first = kea.tokens["refresh_token"]
    lost = (await kea.refresh(first)).json()["refresh_token"]
    kea.clock.move(minutes=30)
    again = (await kea.refresh(first)).json()["refresh_token"]
    assert len({first, lost, again}) == 3
    assert (await kea.refresh(lost)).status_code == 400
    kea.clock.move(seconds=1)
    assert (await kea.refresh(first)).status_code == 400
    assert (await kea.refresh(again)).status_code == 200


async def test_a_token_before_the_last_is_dead(kea: Xero) -> None:
    first = kea.tokens["refresh_token"]
    second = (await kea.refresh(first)).json()["refresh_token"]
    await kea.refresh(second)
    assert (await kea.refresh(first)).json() == {"error": "invalid_grant"}


async def test_a_refresh_token_dies_after_sixty_days_unused(kea: Xero) -> None:
    kea.clock.move(days=59)
    alive = (await kea.refresh(kea.tokens["refresh_token"])).json()["refresh_token"]
    kea.clock.move(days=60)
    assert (await kea.refresh(alive)).status_code == 400


async def test_no_refresh_token_without_offline_access(xero: Xero) -> None:
    code = await xero.code(scope="openid practicemanager.time")
    assert "refresh_token" not in (await xero.redeem(code)).json()


async def test_an_expired_token_says_so(kea: Xero) -> None:
    kea.clock.move(seconds=1800)
    answer = await kea.call("GET", "staff.api/list")
    assert answer.status_code == 401
    assert answer.json()["Detail"] == "TokenExpired: token expired at 11/23/2026 01:30:00"
    assert answer.headers["www-authenticate"] == "Bearer error=invalid_token"
    assert "x-daylimit-remaining" not in answer.headers


async def test_revoking_ends_all_tenants_and_tokens(kea: Xero) -> None:
    await kea.connect(practice=TUI)
    auth = httpx.BasicAuth("app-1", "secret-1")
    sent = {"token": kea.tokens["refresh_token"]}
    revoked = await kea.http.post("/connect/revocation", data=sent, auth=auth)
    assert revoked.status_code == 200
    assert (await kea.call("GET", "staff.api/list")).status_code == 401
    assert (await kea.refresh(kea.tokens["refresh_token"])).status_code == 400
    assert (await kea.seen())["connections"] == []


async def test_deleting_a_connection_takes_its_own_id(kea: Xero) -> None:
    bearer = {"Authorization": f"Bearer {kea.tokens['access_token']}"}
    (found,) = await connections(kea)
    wrong = await kea.http.delete(f"/connections/{found['tenantId']}", headers=bearer)
    assert wrong.status_code == 404
    gone = await kea.http.delete(f"/connections/{found['id']}", headers=bearer)
    assert gone.status_code == 204
    again = await kea.http.delete(f"/connections/{found['id']}", headers=bearer)
    assert again.status_code == 404
    assert (await kea.call("GET", "staff.api/list")).status_code == 403


async def test_a_practice_that_disconnects_in_xero_answers_403(kea: Xero) -> None:
    removed = await kea.http.post("/sandbox/disconnect", json={"tenant": KEA})
    assert removed.json() == {"removed": 1}
    answer = await kea.call("GET", "staff.api/list")
    assert answer.status_code == 403
    assert answer.json()["Detail"] == "AuthenticationUnsuccessful"
    assert await connections(kea) == []


async def test_discovery_names_the_endpoints_of_this_origin(xero: Xero) -> None:
    found = (await xero.http.get("/.well-known/openid-configuration")).json()
    base = xero.state.settings.public_url
    assert found["token_endpoint"] == f"{base}/connect/token"
    assert found["authorization_endpoint"] == f"{base}/identity/connect/authorize"


async def test_no_token_or_code_reaches_the_log_of_requests(kea: Xero) -> None:
    await kea.call("GET", "time.api/list", **{"from": "20261101", "to": "20261130"})
    kept = (await kea.http.get("/sandbox/requests")).text
    for secret in (kea.tokens["access_token"], kea.tokens["refresh_token"], "code=", "secret-1"):
        assert secret not in kept
    assert "from=20261101" in kept


async def test_one_consent_may_cover_several_practices(xero: Xero) -> None:
    page = await xero.consent()
    assert "Choose one practice or more" in page.text
    assert page.text.count('type="checkbox"') == 2
    assert "checked" not in page.text
    back = await xero.press(page, practice=[KEA, TUI, KEA])
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    xero.tokens = (await xero.redeem(code)).json()
    event_id = claims(xero.tokens["access_token"])["authentication_event_id"]
    listed = await connections(xero, authEventId=event_id)
    assert [one["tenantId"] for one in listed] == [KEA, TUI]
    assert len({one["id"] for one in listed}) == 2


async def test_several_practices_of_which_one_is_not_theirs_are_refused(xero: Xero) -> None:
    page = await xero.consent("mia@example.com")
    assert (await xero.press(page, practice=[KEA, TUI])).status_code == 400
    assert (await xero.press(await xero.consent(), practice=[])).status_code == 400
