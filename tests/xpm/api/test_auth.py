import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from xpm.api import Disconnected, Http, Rejected, TryLater, XeroApp, XpmError

from .fakes import Prepared, Xero

NOW = datetime(2026, 11, 23, 1, 5, tzinfo=UTC)
SCOPES = "openid offline_access practicemanager.time"


def jwt(claims: Mapping[str, object]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJSUzI1NiJ9.{body}.c2ln"


ACCESS = jwt({"authentication_event_id": "event-1"})


def tokens(**changes: object) -> httpx.Response:
    said = {
        "access_token": ACCESS,
        "refresh_token": "refresh-2",
        "expires_in": 1800,
        "scope": SCOPES,
        "token_type": "Bearer",
    }
    return httpx.Response(200, json={k: v for k, v in (said | changes).items() if v is not None})


@asynccontextmanager
async def app(*answers: Prepared) -> AsyncIterator[tuple[XeroApp, Xero]]:
    xero = Xero(*answers)
    async with Http(transport=httpx.MockTransport(xero)) as http:
        yield XeroApp("client", "s3cret", SCOPES, http=http, now=lambda: NOW), xero


async def test_the_consent_page_is_told_everything_it_needs() -> None:
    async with app() as (xero_app, _):
        address = xero_app.authorize_url("https://app.example.com/xero", "state & more", "v" * 43)
    parts = urlsplit(address)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).rstrip(b"=").decode()
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        "https://login.xero.com/identity/connect/authorize"
    )
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": ["https://app.example.com/xero"],
        "scope": [SCOPES],
        "state": ["state & more"],
        "code_challenge": [challenge],
        "code_challenge_method": ["S256"],
    }
    assert "+" not in parts.query  # a blank is %20, which every server reads alike


async def test_a_code_becomes_tokens() -> None:
    async with app(tokens()) as (xero_app, xero):
        got = await xero_app.exchange("code-1", "https://app.example.com/xero", "verifier")
    assert got.access_token == ACCESS
    assert got.refresh_token == "refresh-2"
    assert got.expires_at == NOW + timedelta(minutes=30)
    assert got.scopes == tuple(SCOPES.split())
    assert got.auth_event_id == "event-1"
    request = xero.requests[0]
    assert str(request.url) == "https://identity.xero.com/connect/token"
    assert (
        request.headers["authorization"] == "Basic " + base64.b64encode(b"client:s3cret").decode()
    )
    assert parse_qs(xero.bodies[0].decode()) == {
        "grant_type": ["authorization_code"],
        "code": ["code-1"],
        "redirect_uri": ["https://app.example.com/xero"],
        "code_verifier": ["verifier"],
    }


async def test_printed_tokens_show_no_token() -> None:
    async with app(tokens()) as (xero_app, _):
        got = await xero_app.refresh("refresh-1")
        assert "s3cret" not in repr(xero_app)
    assert ACCESS not in repr(got)
    assert "refresh-2" not in f"{got!r}{got}"


async def test_a_refresh_gives_a_new_pair() -> None:
    async with app(tokens()) as (xero_app, xero):
        got = await xero_app.refresh("refresh-1")
    assert got.refresh_token == "refresh-2"
    assert parse_qs(xero.bodies[0].decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh-1"],
    }


async def test_a_refresh_that_names_no_new_one_keeps_the_old() -> None:
    async with app(tokens(refresh_token=None, scope=None)) as (xero_app, _):
        got = await xero_app.refresh("refresh-1")
    assert got.refresh_token == "refresh-1"
    assert got.scopes == tuple(SCOPES.split())


async def test_a_consent_without_offline_access_says_what_is_missing() -> None:
    async with app(tokens(refresh_token=None)) as (xero_app, _):
        with pytest.raises(Rejected) as caught:
            await xero_app.exchange("code", "https://app.example.com/xero")
    assert "offline_access" in caught.value.reason


@pytest.mark.parametrize(
    ("answer", "leaf"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), Disconnected),
        (httpx.Response(401, json={"error": "invalid_client"}), Rejected),
        (httpx.Response(400, json={"error": "unauthorized_client"}), Rejected),
        (httpx.Response(400, json={"error": "invalid_scope"}), Rejected),
        (httpx.Response(400, content=b"<html>"), TryLater),
        (httpx.Response(429, headers={"retry-after": "9"}), TryLater),
        (httpx.Response(503), TryLater),
        (httpx.Response(200, content=b"<html>"), TryLater),
        (httpx.Response(200, json=[]), TryLater),
        (httpx.Response(302, headers={"location": "https://elsewhere.example.com"}), TryLater),
        (tokens(access_token="two\nlines"), TryLater),
        (tokens(access_token=""), TryLater),
        (tokens(expires_in="1800"), TryLater),
        (httpx.ReadTimeout("x"), TryLater),
        (httpx.ConnectError("x"), TryLater),
    ],
)
async def test_a_failed_refresh_says_who_acts(answer: Prepared, leaf: type[XpmError]) -> None:
    async with app(answer) as (xero_app, _):
        with pytest.raises(leaf) as caught:
            await xero_app.refresh("refresh-1")
    assert "refresh-1" not in f"{caught.value}"


async def test_a_spent_code_means_starting_again_and_not_a_lost_connection() -> None:
    spent = httpx.Response(400, json={"error": "invalid_grant"})
    async with app(spent) as (xero_app, _):
        with pytest.raises(Rejected):
            await xero_app.exchange("code", "https://app.example.com/xero")


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a..c", jwt({}), "a.W10.c"])
async def test_a_token_without_the_claim_is_still_a_token(token: str) -> None:
    async with app(tokens(access_token=token)) as (xero_app, _):
        assert (await xero_app.refresh("refresh-1")).auth_event_id is None


async def test_revoking_is_done_with_the_refresh_token() -> None:
    async with app(httpx.Response(200)) as (xero_app, xero):
        await xero_app.revoke("refresh-1")
    assert str(xero.requests[0].url) == "https://identity.xero.com/connect/revocation"
    assert xero.bodies[0] == b"token=refresh-1"


async def test_revoking_what_is_gone_is_fine() -> None:
    async with app(httpx.Response(400, json={"error": "invalid_grant"})) as (xero_app, _):
        await xero_app.revoke("refresh-1")


async def test_revoking_against_a_closed_door_is_tried_later() -> None:
    async with app(httpx.Response(503)) as (xero_app, _):
        with pytest.raises(TryLater):
            await xero_app.revoke("refresh-1")


def row(**changes: object) -> dict[str, object]:
    return {
        "id": "connection-1",
        "authEventId": "event-1",
        "tenantId": "tenant-1",
        "tenantType": "PRACTICEMANAGER",
        "tenantName": "Kea Accounting ",
        "createdDateUtc": "2026-01-02T03:04:05.1234567",
        "updatedDateUtc": "2026-11-01T00:00:00.0000000",
    } | changes


async def test_only_practices_are_connections_and_the_latest_is_first() -> None:
    said = [
        row(),
        row(id="connection-2", tenantType="PracticeManager", updatedDateUtc="2026-11-02T00:00:00"),
        row(tenantType="ORGANISATION"),
        row(tenantType="PRACTICE_MANAGER"),
        row(tenantType=None),
        row(id=None),
        row(id="connection-3", updatedDateUtc="yesterday", authEventId=None, tenantName=None),
        "odd",
    ]
    async with app(httpx.Response(200, json=said)) as (xero_app, xero):
        found = await xero_app.connections("access", "event-1")
    assert [practice.id for practice in found] == ["connection-2", "connection-1", "connection-3"]
    assert found[1].tenant_name == "Kea Accounting"
    assert found[1].created_at == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert found[2].updated_at is None
    assert str(xero.requests[0].url) == "https://api.xero.com/connections?authEventId=event-1"
    assert xero.requests[0].headers["authorization"] == "Bearer access"


@pytest.mark.parametrize(
    ("answer", "leaf"),
    [
        (httpx.Response(401), Disconnected),
        (httpx.Response(403), Disconnected),
        (httpx.Response(429, headers={"retry-after": "9"}), TryLater),
        (httpx.Response(500), TryLater),
        (httpx.Response(200, json={}), TryLater),
        (httpx.Response(200, content=b"[" * 100_000), TryLater),
    ],
)
async def test_connections_that_cannot_be_read_say_who_acts(
    answer: Prepared, leaf: type[XpmError]
) -> None:
    async with app(answer) as (xero_app, _):
        with pytest.raises(leaf):
            await xero_app.connections("access")


@pytest.mark.parametrize("status", [204, 404])
async def test_disconnecting_ends_with_the_practice_gone(status: int) -> None:
    async with app(httpx.Response(status)) as (xero_app, xero):
        await xero_app.disconnect("access", "a/b")
    assert xero.requests[0].method == "DELETE"
    assert xero.paths == ["/connections/a%2Fb"]


async def test_disconnecting_without_access_says_so() -> None:
    async with app(httpx.Response(401)) as (xero_app, _):
        with pytest.raises(Disconnected):
            await xero_app.disconnect("access", "connection-1")
