"""Consent, tokens, scopes, uninstalling, and events told about it."""

from __future__ import annotations

import asyncio
import base64

import pytest

from .person import Sitting


async def settled(slack: Sitting, count: int) -> None:
    """Wait until so many events have arrived."""
    for _ in range(200):
        if len([one for one in slack.app.deliveries if one.path == "events"]) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{count} events did not arrive: {slack.app.events()}")


async def test_the_consent_page_names_the_app_people_and_scopes(bare: Sitting) -> None:
    page = await bare.http.get("/oauth/v2/authorize", params=bare.authorize_query())
    assert page.status_code == 200
    for words in ("xpm-slack", "Sam Rivers", "chat:write", "Allow", "Cancel", "Tui Advisory"):
        assert words in page.text
    assert "Olga Left" not in page.text


async def test_allowing_gives_a_token_that_speaks_for_the_team(bare: Sitting) -> None:
    given = await bare.install()
    assert given["team"] == {"id": "T0KEA", "name": "Kea Accounting"}
    assert given["authed_user"] == {"id": "U0SAM"}
    assert given["token_type"] == "bot"
    who = await bare.api("auth.test")
    assert (who["team_id"], who["user_id"]) == ("T0KEA", given["bot_user_id"])
    assert (await bare.look())["app"]["installed"]


async def test_the_state_comes_back_with_the_code(bare: Sitting) -> None:
    answer = await bare.consent("T0KEA:U0SAM")
    assert answer.headers["location"].startswith(
        bare.settings.manifest["oauth_config"]["redirect_urls"][0] + "?code="
    )
    assert "state=state-1" in answer.headers["location"]


async def test_cancelling_says_access_denied(bare: Sitting) -> None:
    answer = await bare.consent("T0KEA:U0SAM", "cancel")
    assert "error=access_denied&state=state-1" in answer.headers["location"]


async def test_a_guest_may_not_install(bare: Sitting) -> None:
    assert (await bare.consent("T0KEA:U0GUS")).status_code == 403
    assert (await bare.consent("T0KEA:U0LEFT")).status_code == 400


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"client_id": "9"}, "invalid_client_id"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"redirect_uri": "https://elsewhere.example.com/"}, "bad_redirect_uri"),
    ],
)
async def test_a_wrong_wish_is_named(bare: Sitting, change: dict[str, str], problem: str) -> None:
    page = await bare.http.get("/oauth/v2/authorize", params=bare.authorize_query(**change))
    assert page.status_code == 400
    assert problem in page.text


async def test_a_code_works_once_and_only_with_the_secret(bare: Sitting) -> None:
    code = await bare.code("T0KEA:U0SAM")
    basic = base64.b64encode(b"1.2:a-client-secret").decode()
    wrong = base64.b64encode(b"1.2:nope").decode()

    async def exchange(credentials: str, given: str = code) -> str:
        answer = await bare.http.post(
            "/api/oauth.v2.access",
            data={"code": given},
            headers={"authorization": f"Basic {credentials}"},
        )
        return str(answer.json().get("error", "ok"))

    assert await exchange(wrong) == "bad_client_secret"
    assert await exchange(basic, "invented") == "invalid_code"
    assert await exchange(basic) == "ok"
    assert await exchange(basic) == "code_already_used"


async def test_a_code_belongs_to_its_redirect_address(bare: Sitting) -> None:
    address = bare.settings.manifest["oauth_config"]["redirect_urls"][0]
    code = await bare.code("T0KEA:U0SAM", redirect_uri=address)
    form = {"client_id": "1.2", "client_secret": "a-client-secret", "code": code}
    assert (await bare.http.post("/api/oauth.v2.access", data=form)).json()["error"] == (
        "bad_redirect_uri"
    )
    form["redirect_uri"] = address
    assert (await bare.http.post("/api/oauth.v2.access", data=form)).json()["ok"]


async def test_a_reinstall_gives_a_new_token_and_ends_the_old(slack: Sitting) -> None:
    old = slack.tokens["T0KEA"]
    new = (await slack.install())["access_token"]
    assert new != old
    slack.tokens["T0KEA"] = old
    assert (await slack.api("auth.test"))["error"] == "token_revoked"


async def test_a_missing_scope_is_named(bare: Sitting) -> None:
    await bare.install(scope="commands,chat:write")
    answer = await bare.api("users.info", user="U0SAM")
    assert answer == {
        "ok": False,
        "error": "missing_scope",
        "needed": "users:read",
        "provided": "commands,chat:write",
    }


async def test_an_email_needs_its_own_scope(bare: Sitting) -> None:
    await bare.install(scope="users:read")
    shown = await bare.api("users.info", user="U0SAM")
    assert "email" not in shown["user"]["profile"]
    await bare.install(scope="users:read.email")
    shown = await bare.api("users.info", user="U0SAM")
    assert shown["user"]["profile"]["email"] == "sam@example.com"


async def test_people_are_found_in_their_own_team_only(slack: Sitting) -> None:
    found = await slack.api("users.lookupByEmail", email="MIA@example.com")
    assert found["user"]["id"] == "U0MIA"
    for email in ("olga@example.com", "tia@tui.example.com"):
        assert (await slack.api("users.lookupByEmail", email=email))["error"] == "users_not_found"
    assert (await slack.api("users.info", user="U0TIA"))["error"] == "user_not_found"
    assert (await slack.api("users.info", user="U0LEFT"))["user"]["deleted"] is True
    assert (await slack.api("users.info", user="U0GUS"))["user"]["is_restricted"] is True


async def test_wrong_tokens_are_told_apart(slack: Sitting) -> None:
    bare_answer = await slack.http.post("/api/auth.test")
    assert bare_answer.json()["error"] == "not_authed"
    form = await slack.http.post("/api/auth.test", data={"token": slack.tokens["T0KEA"]})
    assert form.json()["ok"]
    slack.tokens["T0TUI"] = "xoxb-invented"
    assert (await slack.api("auth.test", team="T0TUI"))["error"] == "invalid_auth"


async def test_uninstalling_ends_the_token_and_tells_the_app(slack: Sitting) -> None:
    assert await slack.do("uninstall") == {"ok": True}
    await settled(slack, 2)
    assert {one["type"] for one in slack.app.events()} == {"app_uninstalled", "tokens_revoked"}
    [revoked] = [one for one in slack.app.events() if one["type"] == "tokens_revoked"]
    assert revoked["tokens"]["bot"] == ["U0BOTKEA"]
    assert (await slack.api("auth.test"))["error"] == "account_inactive"
    assert not (await slack.look())["app"]["installed"]


async def test_revoking_the_token_ends_it(slack: Sitting) -> None:
    assert (await slack.api("auth.revoke"))["revoked"] is True
    await settled(slack, 2)
    assert (await slack.api("auth.test"))["error"] == "token_revoked"


async def test_opening_the_home_tab_is_an_event(slack: Sitting) -> None:
    await slack.do("home", tab="home")
    await settled(slack, 1)
    [delivery] = slack.app.deliveries
    assert delivery.is_signed
    envelope = delivery.content
    assert (envelope["type"], envelope["team_id"]) == ("event_callback", "T0KEA")
    assert envelope["authorizations"][0]["user_id"] == "U0BOTKEA"
    event = envelope["event"]
    assert (event["type"], event["user"], event["tab"]) == ("app_home_opened", "U0SAM", "home")
    assert event["channel"] == (await slack.look())["app"]["dm"]


async def test_an_event_comes_again_three_times_with_its_number_and_reason(
    slack: Sitting,
) -> None:
    slack.app.answers("events", status=500)
    await slack.do("home", tab="messages")
    await settled(slack, 4)
    headers = [one.headers for one in slack.app.deliveries]
    assert [one.get("x-slack-retry-num") for one in headers] == [None, "1", "2", "3"]
    assert headers[1]["x-slack-retry-reason"] == "http_error"
    assert len({one.content["event_id"] for one in slack.app.deliveries}) == 1


async def test_a_late_event_comes_again_as_a_timeout(slack: Sitting) -> None:
    slack.app.answers("events", after=0.6)
    await slack.do("home", tab="home")
    await settled(slack, 2)
    assert slack.app.deliveries[1].headers["x-slack-retry-reason"] == "http_timeout"
