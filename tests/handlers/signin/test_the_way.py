"""Each step of the way is taken once, by the browser that opened the link, and tells nobody anything."""

import asyncio
import re
from urllib.parse import urlsplit

import aiohttp
import pytest
import sqlalchemy as sa

from tests.handlers.inside import Inside
from tests.handlers.signin.walk import COOKIE, PROVIDERS, Browser, Page, fresh_link


def is_closed(page: Page) -> None:
    """The answer is kept by nobody, framed by nobody, and tells nobody where it came from."""
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Frame-Options"] == "DENY"
    policy = page.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "form-action 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy


async def make_old(inside: Inside) -> None:
    """Ten minutes pass for every link."""

    async def change() -> None:
        async with inside.made.database.transaction() as tx:
            await tx.execute(
                sa.text("update connect_links set expires_at = '2020-01-01 00:00:00.000000'")
            )

    await inside.on_its_loop(change())


# -- the page and the cookie ---------------------------------------------------------------------------------------


async def test_the_page_names_workspace_and_address_and_offers_each_provider(
    browser: Browser,
) -> None:
    page = await browser.open("U0MIA")
    assert page.status == 200
    assert "You are connecting Kea Accounting’s Slack" in page.text
    assert "as mia@example.com" in page.text
    for label in ("Google", "Microsoft", "Apple"):
        assert f"Sign in with {label}" in page.text
    assert "I sign in with a password only" in page.text
    is_closed(page)


async def test_every_page_and_redirect_of_ours_is_closed_and_loads_nothing(
    inside: Inside, browser: Browser
) -> None:
    for provider in PROVIDERS:
        await browser.open()
        await browser.sign_in(provider, "cancel")
        answer = await browser.sign_in(provider, "mia")
        await browser.get(answer.location)
        await browser.sign_in(provider)
    await browser.get("/connect/sign-in/password")
    await browser.get("/connect/sign-in/facebook")
    ours = [page for page in browser.seen if page.url.startswith(f"{inside.app}/")]
    assert len(ours) > 20
    for page in ours:
        is_closed(page)
        assert page.status in (200, 303, 404)
        assert "<script" not in page.text
        assert " src=" not in page.text
        # An address that receives a code answers with a redirect, never with a page.
        if "/callback" in page.url:
            assert (page.status, page.text) == (303, "")


async def test_the_cookie_is_for_this_way_alone_and_lives_as_long_as_the_link(
    inside: Inside, browser: Browser
) -> None:
    opened = await browser.get(await fresh_link(inside))
    morsel = opened.cookies[COOKIE]
    assert morsel["httponly"]
    assert morsel["samesite"].casefold() == "lax"
    assert morsel["path"] == "/connect"
    assert morsel["domain"] == ""
    assert int(morsel["max-age"]) == 600
    assert len(morsel.value) >= 43


async def test_no_address_holds_a_secret_but_a_code_and_a_state_that_work_once(
    inside: Inside, browser: Browser
) -> None:
    link = await fresh_link(inside)
    opened = await browser.get(link)
    browser.cookies[COOKIE] = opened.cookies[COOKIE].value
    for provider in PROVIDERS:
        brought = await browser.at_provider(provider)
        answer = await browser.bring(brought)
        assert browser.went_to_xero(answer)
        addresses = [page.location for page in browser.seen if page.location]
        secrets = [link.rpartition("/")[2], browser.cookies[COOKIE]]
        assert not [one for one in addresses for secret in secrets if secret in one]
        sent = [one for one in addresses if f"/{provider}/" in one and "code_challenge=" in one]
        query = urlsplit(sent[-1]).query
        assert re.search(r"(^|&)code_challenge_method=S256(&|$)", query)
        assert "verifier" not in query
        # Apple's code comes by form, and stays out of every address.
        if brought.form:
            assert not [one for one in addresses if brought.form["code"] in one]


async def test_looking_at_a_link_without_opening_it_does_not_use_it_up(
    inside: Inside, browser: Browser
) -> None:
    link = await fresh_link(inside)
    async with browser.session.head(link, allow_redirects=False) as answer:
        assert answer.status == 405
    assert (await browser.get(link)).status == 303


async def test_a_password_only_person_reads_xeros_rule_and_the_steps(browser: Browser) -> None:
    await browser.open()
    page = await browser.get("/connect/sign-in/password")
    assert "Xero asks for Google, Microsoft or Apple sign-in" in page.text
    assert "with a password alone" in page.text
    for step in (
        "Google Workspace",
        "Microsoft 365",
        "make an Apple account with your work address",
    ):
        assert step in page.text
    assert "Back to sign-in" in page.text


# -- once, and by this browser -------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_counts_once_however_often_it_comes(
    browser: Browser, provider: str
) -> None:
    await browser.open()
    brought = await browser.at_provider(provider)
    assert browser.went_to_xero(await browser.bring(brought))
    for _ in range(2):
        assert browser.is_turned_away(await browser.bring(brought))


async def test_an_answer_brought_by_two_tabs_at_once_counts_once(browser: Browser) -> None:
    await browser.open()
    brought = await browser.at_provider("google")
    answers = await asyncio.gather(*(browser.bring(brought) for _ in range(5)))
    assert sum(browser.went_to_xero(one) for one in answers) == 1
    assert sum(browser.is_turned_away(one) for one in answers) == 4


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_another_browser_cannot_use_an_answer_and_the_right_one_still_can(
    browser: Browser, other: Browser, provider: str
) -> None:
    await browser.open("U0SAM")
    brought = await browser.at_provider(provider)
    # One that never opened a link, one with a made-up cookie, one that is on its own way as the same person.
    assert other.is_turned_away(await other.bring(brought))
    other.cookies = {COOKIE: "made-up"}
    assert other.is_turned_away(await other.bring(brought))
    await other.open("U0SAM")
    await other.go(provider)
    assert other.is_turned_away(await other.bring(brought))
    assert browser.went_to_xero(await browser.bring(brought))


async def test_an_answer_of_one_provider_is_none_of_another(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    brought = await browser.at_provider("google")
    mixed = brought.url.replace("/google/callback", "/microsoft/callback")
    assert browser.is_turned_away(await browser.get(mixed))
    assert browser.went_to_xero(await browser.bring(brought))


async def test_going_to_another_provider_ends_the_way_to_the_first(browser: Browser) -> None:
    await browser.open()
    first = await browser.at_provider("google")
    second = await browser.at_provider("microsoft")
    assert browser.is_turned_away(await browser.bring(first))
    assert browser.went_to_xero(await browser.bring(second))


@pytest.mark.parametrize("query", ["", "?state=", "?code=x", "?code=x&state=y", "?state=%ff%00"])
async def test_an_answer_that_nobody_asked_for_is_turned_away(browser: Browser, query: str) -> None:
    await browser.open()
    for provider in PROVIDERS:
        url = f"/connect/sign-in/{provider}/callback{query}"
        assert browser.is_turned_away(await browser.get(url))


async def test_a_code_of_somebody_elses_sign_in_is_refused_by_its_verifier_and_nonce(
    browser: Browser, other: Browser
) -> None:
    await browser.open()
    await other.open()
    mine, theirs = await browser.at_provider("google"), await other.at_provider("google")
    code, state = theirs.told["code"], mine.told["state"]
    swapped = await browser.session.get(
        mine.url.partition("?")[0],
        params={"code": code, "state": state},
        headers={"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"},
        allow_redirects=False,
    )
    assert swapped.headers["Location"] == "/connect/sign-in/refused/unproven"


# -- Apple's form --------------------------------------------------------------------------------------------------


async def test_apples_code_comes_without_a_cookie_and_is_kept_sealed_for_one_step(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    brought = await browser.at_provider("apple")
    posted = await browser.post(brought.url, brought.form, with_cookies=False)
    assert posted.status == 303
    assert posted.query == {"state": brought.form["state"]}
    rows = repr(await inside.rows("select * from connect_links"))
    assert brought.form["code"] not in rows
    assert brought.form["state"] not in rows
    kept = "select count(*) from connect_links where signin_code is not null"
    assert await inside.one(kept) == 1
    assert browser.went_to_xero(await browser.get(posted.location))
    assert await inside.one(kept) == 0


async def test_apples_form_posted_twice_keeps_the_first_code(browser: Browser) -> None:
    await browser.open()
    brought = await browser.at_provider("apple")
    first = await browser.post(brought.url, brought.form, with_cookies=False)
    forged = {**brought.form, "code": "somebody-elses"}
    await browser.post(brought.url, forged, with_cookies=False)
    assert browser.went_to_xero(await browser.get(first.location))


async def test_apples_form_with_a_foreign_state_keeps_nothing(
    inside: Inside, browser: Browser, other: Browser
) -> None:
    await browser.open()
    brought = await browser.at_provider("apple")
    for state in ("", "guess", "\x00", "é" * 50):
        posted = await other.post(brought.url, {**brought.form, "state": state})
        assert other.is_turned_away(await other.get(posted.location))
    kept = "select count(*) from connect_links where signin_code is not null"
    assert await inside.one(kept) == 0
    assert browser.went_to_xero(await browser.bring(brought))


@pytest.mark.parametrize(
    "body",
    [b"", b"state=x", b"code=x", b"\xff\xfe\x00", b"code=" + b"x" * 20_000, b"%ff=%ff&code=%00"],
)
async def test_a_form_that_is_no_answer_keeps_nothing_and_breaks_nothing(
    inside: Inside, browser: Browser, body: bytes
) -> None:
    await browser.open()
    posted = await browser.post("/connect/sign-in/apple/callback", body, with_cookies=False)
    assert posted.status in (303, 404)
    if posted.status == 303:
        assert not browser.went_to_xero(await browser.get(posted.location))


async def test_only_apple_may_answer_by_form(browser: Browser) -> None:
    await browser.open()
    brought = await browser.at_provider("google")
    for provider in ("google", "microsoft", "facebook"):
        url = f"/connect/sign-in/{provider}/callback"
        assert (await browser.post(url, brought.told)).status == 404
    assert browser.went_to_xero(await browser.bring(brought))


# -- the link ------------------------------------------------------------------------------------------------------


async def test_a_link_opens_in_one_browser_and_no_second(
    inside: Inside, browser: Browser, other: Browser
) -> None:
    link = await fresh_link(inside)
    assert (await browser.get(link)).status == 303
    again = await other.get(link)
    assert again.status == 410
    assert "This link was used already" in again.text
    assert COOKIE not in again.cookies


async def test_a_link_that_expires_on_the_way_ends_it_at_every_step(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    brought = await browser.at_provider("google")
    await make_old(inside)
    for url in ("/connect/sign-in", "/connect/sign-in/google", "/connect/sign-in/refused/expired"):
        page = await browser.get(url)
        assert page.status == 410
        assert "This link has expired" in page.text
        assert "/xpm connect" in page.text
    assert browser.is_turned_away(await browser.bring(brought))
    unopened = await fresh_link(inside)
    await make_old(inside)
    assert (await browser.get(unopened)).status == 410


async def test_without_a_link_no_page_tells_anything(browser: Browser) -> None:
    for url in (
        "/connect/sign-in",
        "/connect/sign-in/google",
        "/connect/sign-in/facebook",
        "/connect/sign-in/refused/other_email",
        "/connect/sign-in/refused/nonsense",
        "/connect/done",
        "/connect/forged-and-quite-long-enough",
    ):
        page = await browser.get(url)
        assert page.status == 404, url
        assert "This link does not work" in page.text
        assert "example.com" not in page.text


# -- Xero comes after ----------------------------------------------------------------------------------------------


async def test_xeros_answer_counts_for_nothing_before_somebody_signed_in(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    for query in ("", "?code=x", "?code=x&state=y"):
        assert browser.is_turned_away(await browser.get(f"/connect/xero/callback{query}"))
    # Signing in anew takes back what the first sign-in opened.
    first = await browser.sign_in("google")
    assert browser.went_to_xero(first)
    await browser.go("microsoft")
    url = f"/connect/xero/callback?code=x&state={first.query['state']}"
    assert browser.is_turned_away(await browser.get(url))
    assert await inside.one("select count(*) from connections") == 0


async def test_the_sign_in_is_remembered_for_its_own_link_alone(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    signed_in = await browser.sign_in("google")
    assert browser.went_to_xero(signed_in)
    # A second link in the same browser begins at the sign-in again, and the first is over for it.
    page = await browser.open()
    assert "Sign in with Google" in page.text
    url = f"/connect/xero/callback?code=x&state={signed_in.query['state']}"
    assert browser.is_turned_away(await browser.get(url))


async def test_a_link_under_way_is_worth_nothing_to_a_second_browser_with_its_address(
    inside: Inside, browser: Browser
) -> None:
    await browser.open()
    sent = await browser.get("/connect/sign-in/google")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        thief = Browser(inside, session)
        brought = await thief.choose(await thief.get(sent.location), "sam")
        assert thief.is_turned_away(await thief.bring(brought))
