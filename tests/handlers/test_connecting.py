"""From /xpm connect through Xero's consent to the page that says how it ended."""

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest_asyncio
import sqlalchemy as sa

from sandbox.visitor import Visitor, address_of, has_button, text_of
from tests.handlers.inside import KEA, TUI, Inside, link, newest, settled
from tests.handlers.signin.walk import COOKIE, Browser, Page


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that follows nothing by itself and keeps no cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as made:
        yield made


async def get(
    browser: aiohttp.ClientSession, url: str, cookie: str = ""
) -> tuple[int, dict[str, str], str]:
    headers = {"Cookie": cookie} if cookie else {}
    async with browser.get(url, headers=headers, allow_redirects=False) as answer:
        return answer.status, dict(answer.headers), await answer.text()


async def signed_in(inside: Inside, session: aiohttp.ClientSession) -> tuple[Page, str]:
    """A browser of Sam's that has signed in: how it is sent on to Xero, and its cookie."""
    walker = Browser(inside, session)
    await walker.open()
    answer = await walker.sign_in("google")
    assert walker.went_to_xero(answer), answer.text
    return answer, f"{COOKIE}={walker.cookies[COOKIE]}"


def is_closed(headers: dict[str, str]) -> None:
    """The page or redirect may be kept by nobody, framed by nobody, and tells nobody where it came from."""
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def nothing_is_connected(inside: Inside) -> None:
    assert await inside.one("select count(*) from connections") == 0


async def consent(person: Visitor, url: str) -> tuple[str, str]:
    """Opens a link and signs in; the consent page's address and text."""
    status, where, html = await person.sign_in(url)
    assert status == 200
    assert "wants access" in html
    return where, html


async def test_link_is_for_the_person_alone_and_its_secret_is_not_in_the_database(
    inside: Inside, sam: Visitor, mia: Visitor
) -> None:
    url = await link(sam)
    said = await sam.message("works once, until")
    assert said["ephemeral"]
    assert url not in text_of((await mia.see())["messages"])
    secret = url.rpartition("/")[2]
    assert len(secret) >= 43
    rows = await inside.rows("select * from connect_links")
    assert rows
    assert secret not in repr(rows)


async def test_opened_link_leads_to_the_sign_in_with_a_cookie_for_this_browser(
    inside: Inside, sam: Visitor, browser: aiohttp.ClientSession
) -> None:
    status, headers, _ = await get(browser, await link(sam))
    assert (status, headers["Location"]) == (303, "/connect/sign-in")
    is_closed(headers)
    morsel = next(iter(SimpleCookie(headers["Set-Cookie"]).values()))
    assert morsel["httponly"]
    assert morsel["samesite"].casefold() == "lax"
    assert morsel["path"] == "/connect"
    assert int(morsel["max-age"]) == 600


async def test_whoever_signed_in_is_sent_to_consent_with_a_state_and_a_challenge(
    inside: Inside, browser: aiohttp.ClientSession
) -> None:
    answer, cookie = await signed_in(inside, browser)
    is_closed(answer.headers)
    asked = urlsplit(answer.location)
    query = {name: values[0] for name, values in parse_qs(asked.query).items()}
    assert asked.path == "/identity/connect/authorize"
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"] == f"{inside.app}/connect/xero/callback"
    assert len(query["state"]) >= 43
    assert cookie.partition("=")[2] not in answer.location


async def test_used_link_is_410_and_says_what_to_do(inside: Inside, sam: Visitor) -> None:
    url = await link(sam)
    await consent(sam, url)
    status, _, html = await sam.open(url)
    assert status == 410
    assert "This link was used already" in html
    assert "/xpm connect" in html
    assert "Back to Slack" in html


async def test_link_opened_by_two_browsers_at_once_goes_on_in_one(
    inside: Inside, sam: Visitor, browser: aiohttp.ClientSession
) -> None:
    url = await link(sam)
    answers = await asyncio.gather(*(get(browser, url) for _ in range(5)))
    assert sorted(status for status, _, _ in answers) == [303, 410, 410, 410, 410]


async def test_expired_link_is_410_and_says_what_to_do(
    inside: Inside, sam: Visitor, browser: aiohttp.ClientSession
) -> None:
    url = await link(sam)

    async def make_old() -> None:
        async with inside.made.database.transaction() as tx:
            await tx.execute(
                sa.text("update connect_links set expires_at = '2020-01-01 00:00:00.000000'")
            )

    await inside.on_its_loop(make_old())
    status, headers, html = await get(browser, url)
    assert status == 410
    assert "This link has expired" in html
    is_closed(headers)


async def test_forged_links_are_404_and_say_what_to_do(
    inside: Inside, browser: aiohttp.ClientSession
) -> None:
    for secret in ("x", "forged-and-quite-long-enough", "%00", "%ff%fe", "a" * 2000, "<script>"):
        status, headers, html = await get(browser, f"{inside.app}/connect/{secret}")
        assert status == 404, secret
        assert "This link does not work" in html
        assert "<script>" not in html
        is_closed(headers)


async def test_callback_answers_with_a_redirect_whatever_comes(
    inside: Inside, browser: aiohttp.ClientSession
) -> None:
    url = f"{inside.app}/connect/xero/callback"
    for query in (
        "",
        "?code=x",
        "?state=x",
        "?code=x&state=x",
        "?error=access_denied",
        "?state=%ff",
    ):
        status, headers, text = await get(browser, url + query)
        assert status == 303
        assert text == ""
        assert headers["Location"] == "/connect/done?refused=1"
        is_closed(headers)
    status, headers, html = await get(browser, f"{inside.app}/connect/done?refused=1")
    assert status == 404
    assert "This link does not work" in html
    is_closed(headers)
    await nothing_is_connected(inside)


async def test_callback_of_another_browser_connects_nothing_and_shows_nothing_of_it(
    inside: Inside, browser: aiohttp.ClientSession
) -> None:
    answer, _ = await signed_in(inside, browser)
    state = answer.query["state"]
    url = f"{inside.app}/connect/xero/callback?code=abc&state={state}"
    for cookie in ("", "xpm_connect=somebody-elses", "xpm_connect="):
        status, answered, _ = await get(browser, url, cookie)
        assert status == 303
        assert answered["Location"] == "/connect/done?refused=1"
    await nothing_is_connected(inside)


async def test_callback_with_a_state_of_our_own_and_a_wrong_code_connects_nothing(
    inside: Inside, browser: aiohttp.ClientSession
) -> None:
    answer, cookie = await signed_in(inside, browser)
    url = f"{inside.app}/connect/xero/callback?code=forged&state={answer.query['state']}"
    assert (await get(browser, url, cookie))[0] == 303
    status, _, html = await get(browser, f"{inside.app}/connect/done", cookie)
    assert status == 200
    assert "Xero did not answer" in html or "Not connected" in html
    await nothing_is_connected(inside)
    # The state is used up.
    assert (await get(browser, url, cookie))[1]["Location"] == "/connect/done?refused=1"


async def test_cancelling_at_xero_says_so_and_connects_nothing(
    inside: Inside, sam: Visitor
) -> None:
    where, html = await consent(sam, await link(sam))
    status, where, html = await sam.fill(where, html, answer="cancel")
    assert status == 200
    assert where == f"{inside.app}/connect/done"
    assert "Access was not allowed at Xero" in html
    await nothing_is_connected(inside)


async def test_person_whose_login_opens_no_practice_is_told_which_privilege(
    inside: Inside, sam: Visitor
) -> None:
    where, _ = await consent(sam, await link(sam))
    _, where, html = await sam.open(f"{where}&person=tom@example.com")
    _, where, html = await sam.fill(where, html, answer="allow")
    assert "Xero showed no practice to connect" in html
    assert "Connect third-party add-ons" in html
    await nothing_is_connected(inside)


async def test_xero_that_is_away_says_so_and_connects_nothing(inside: Inside, sam: Visitor) -> None:
    where, html = await consent(sam, await link(sam))
    await inside.fault("503", "connect/token", times=-1)
    try:
        status, where, html = await sam.fill(where, html, practice=KEA, answer="allow")
    finally:
        await inside.no_faults()
    assert status == 200
    assert "Xero did not answer" in html
    await nothing_is_connected(inside)


async def test_guest_may_not_connect(inside: Inside) -> None:
    async with inside.visitor("U0GUS") as gus:
        before = await inside.one("select count(*) from connect_links")
        await gus.type("/xpm connect")
        await gus.message("Guests cannot connect XPM", "full member")
        assert await inside.one("select count(*) from connect_links") == before


async def test_two_clicks_on_connect_are_two_links_of_which_one_connects(
    inside: Inside, sam: Visitor
) -> None:
    await sam.type("/xpm sync")
    said = await sam.message("XPM is not connected")
    assert has_button(said, "Connect")
    before = newest(await sam.see())
    await asyncio.gather(sam.press(said, "Connect"), sam.press(said, "Connect"))

    def links(seen: dict[str, list[dict[str, object]]]) -> list[str]:
        return [
            address_of(one, "Connect")
            for one in seen["messages"]
            if str(one["ts"]) > before and "works once" in text_of(one)
        ]

    urls = await sam.until(lambda seen: links(seen) if len(links(seen)) == 2 else None, "two links")
    assert urls[0] != urls[1]
    pages = []
    for url in urls:
        where, html = await consent(sam, url)
        pages.append((where, html))
        _, where, html = await sam.fill(where, html, practice=KEA, answer="allow")
        assert "Connected to Kea Accounting" in html
        assert "code=" not in where
    await settled(inside)
    # Connecting the same practice again renews the one connection.
    assert await inside.one("select count(*) from connections") == 1


async def test_page_that_says_connected_loads_nothing_and_leads_back_to_slack(
    inside: Inside, sam: Visitor, browser: aiohttp.ClientSession
) -> None:
    cookie = f"xpm_connect={sam._cookies['xpm_connect']}" if sam._cookies else ""
    status, headers, html = await get(browser, f"{inside.app}/connect/done", cookie)
    assert status in (200, 404)
    is_closed(headers)
    assert "<script" not in html
    assert " src=" not in html


async def test_second_practice_is_not_connected_over_the_first(
    inside: Inside, sam: Visitor
) -> None:
    if await inside.one("select count(*) from connections") == 0:
        await inside.connect()
    # The link was made before the first practice was connected, so nothing stopped it then.
    secret, _ = await inside.on_its_loop(inside.made.services.connecting.new_link("T0KEA", "U0SAM"))
    where, html = await consent(sam, f"{inside.app}/connect/{secret}")
    _, where, html = await sam.fill(where, html, practice=TUI, answer="allow")
    assert "Another practice is connected already" in html
    assert "/xpm disconnect" in html
    rows = await inside.rows("select practice from connections")
    assert [tuple(row) for row in rows] == [("Kea Accounting",)]


async def test_connect_while_connected_says_so_and_makes_no_link(
    inside: Inside, mia: Visitor
) -> None:
    if await inside.one("select count(*) from connections") == 0:
        await inside.connect()
    before = await inside.one("select count(*) from connect_links")
    await mia.type("/xpm connect")
    await mia.message("Connected to Kea Accounting", "disconnect this one first")
    assert await inside.one("select count(*) from connect_links") == before
