"""Adding the app to Slack: pages of ours, no code in a log, each answer once."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.visitor import Visitor
from sandbox.workspace.model import Fault
from tests.handlers.inside import Inside, running

TEAM = "T0KEA"
INSTALL = "/slack/install"
BACK = "/slack/oauth_redirect"


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with running(tmp_path_factory.mktemp("installing")) as made:
        yield made


async def at_consent(inside: Inside, person: Visitor) -> tuple[str, str]:
    status, where, html = await person.open(f"{inside.app}{INSTALL}")
    assert status == 200
    return where, html


async def answered(inside: Inside, person: Visitor, decision: str = "allow") -> tuple[int, str]:
    """The page at the end."""
    where, html = await at_consent(inside, person)
    status, _, page = await person.fill(
        where, html, person=f"{TEAM}:{person.user}", decision=decision
    )
    return status, page


async def test_page_after_adding_says_what_comes_next(inside: Inside, sam: Visitor) -> None:
    status, page = await answered(inside, sam)
    assert status == 200
    assert "Added to Kea Accounting" in page
    assert "/xpm connect" in page
    assert "app_redirect" in page
    assert "code=" not in page


async def test_page_after_cancelling_says_that_nothing_changed(
    inside: Inside, sam: Visitor
) -> None:
    status, page = await answered(inside, sam, "cancel")
    assert status == 200
    assert "Not added to Slack" in page
    assert "Try again" in page


async def test_pages_load_nothing_and_are_not_kept(inside: Inside, sam: Visitor) -> None:
    async with sam._session.get(f"{inside.app}{BACK}?code=x&state=y") as answer:
        assert answer.status == 400
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "begun in another browser" in await answer.text()


async def test_state_of_another_browser_is_refused(inside: Inside, sam: Visitor) -> None:
    where, _ = await at_consent(inside, sam)
    state = parse_qs(urlsplit(where).query)["state"][0]
    async with inside.visitor("U0MIA") as other:
        status, _, page = await other.open(f"{inside.app}{BACK}?code=x&state={state}")
    assert status == 400
    assert "begun in another browser" in page


async def test_state_works_once_even_for_twenty_answers_at_once(
    inside: Inside, sam: Visitor
) -> None:
    where, _ = await at_consent(inside, sam)
    state = parse_qs(urlsplit(where).query)["state"][0]
    addresses = [f"{inside.app}{BACK}?code=x{number}&state={state}" for number in range(20)]
    before = sum(one["method"] == "oauth.v2.access" for one in inside.slack.calls)
    pages = [page for _, _, page in await asyncio.gather(*map(sam.open, addresses))]
    assert sum("has expired" in page for page in pages) == 19
    after = sum(one["method"] == "oauth.v2.access" for one in inside.slack.calls)
    assert after - before == 1


@pytest.mark.parametrize(
    ("method", "kind"),
    [("oauth.v2.access", "500"), ("oauth.v2.access", "cut"), ("auth.test", "cut")],
)
async def test_slack_away_ends_in_a_page_and_changes_nothing(
    inside: Inside, sam: Visitor, method: str, kind: Any
) -> None:
    before = await inside.rows("select id, token_version from workspaces")
    inside.slack.faults.append(Fault(method, kind, is_done=False))
    status, page = await answered(inside, sam)
    assert status == 401
    assert "Slack did not add the app" in page
    assert await inside.rows("select id, token_version from workspaces") == before


async def test_neither_code_nor_state_nor_token_is_logged(
    inside: Inside, sam: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    where, _ = await at_consent(inside, sam)
    state = parse_qs(urlsplit(where).query)["state"][0]
    with caplog.at_level(logging.INFO):
        await sam.open(f"{inside.app}{BACK}?code=canary-code&state={state}")
        await answered(inside, sam)
    token = inside.slack.teams[TEAM].installation
    assert token is not None
    # The program silences the web server's own log of addresses (bot/log.py); here it is the test's.
    ours = [one.getMessage() for one in caplog.records if one.name != "uvicorn.access"]
    assert any("install.refused" in one for one in ours)
    for secret in ("canary-code", state, token.token):
        assert not [one for one in ours if secret in one]


async def test_reinstall_keeps_the_data_and_the_earlier_token_is_replaced(
    inside: Inside, sam: Visitor
) -> None:
    await inside.made.services.people.known(TEAM, "U0SAM")
    before = await inside.one("select token_version from workspaces where id = 'T0KEA'")
    phones = await inside.one("select count(*) from phone_systems")
    assert (await answered(inside, sam))[0] == 200
    assert await inside.one("select token_version from workspaces where id = 'T0KEA'") > before
    assert await inside.one("select count(*) from phone_systems") == phones > 0
    await sam.type("/xpm status")
    await sam.message("Not connected")
