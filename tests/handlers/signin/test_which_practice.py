"""Several practices allowed at once: the page that asks which, and every way an answer can go wrong."""

import re

import pytest
import sqlalchemy as sa

from sandbox.practice.seed import KEA, TUI
from tests.handlers.inside import Inside, settled
from tests.handlers.signin.walk import COOKIE, Browser, Page, fresh_link
from xpm.connections import Connections

PAGE = "/connect/practice"
BOTH = [KEA, TUI]


async def at_the_page(browser: Browser, user: str = "U0SAM", team: str = "T0KEA") -> Page:
    """Signs in, allows both practices at Xero, and is asked which."""
    await browser.open(user, team)
    sent = await browser.sign_in("google", user.removeprefix("U0").casefold())
    consent = await browser.get(sent.location)
    form = re.search(r'name="form" value="([^"]+)"', consent.text)
    assert form is not None, consent.text
    allowed = {"form": form[1], "answer": "allow", "practice": BOTH}
    back = await browser.post(consent.url.partition("?")[0], fields(allowed))
    answer = await browser.get(back.location)
    assert answer.status == 303
    assert answer.location.endswith(PAGE), answer.location
    return await browser.get(answer.location)


def fields(values: dict[str, str | list[str]]) -> list[tuple[str, str]]:
    return [
        (name, one)
        for name, value in values.items()
        for one in ([value] if isinstance(value, str) else value)
    ]


def proof_of(page: Page) -> str:
    found = re.search(r'name="proof" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found[1]


async def press(browser: Browser, page: Page, practice: str) -> Page:
    return await browser.post(PAGE, {"proof": proof_of(page), "practice": practice})


async def cancel(browser: Browser, page: Page) -> Page:
    return await browser.post(PAGE, {"proof": proof_of(page), "answer": "cancel"})


def at_xero(inside: Inside) -> list[str]:
    return sorted(one.tenant_id for _, one in inside.xero.grants.connections())


async def disconnected(inside: Inside) -> None:
    """Nothing is connected, here or at Xero."""
    connections: Connections = inside.made.services.connections
    await inside.on_its_loop(connections.disconnect("T0KEA", None))
    await settled(inside)
    assert at_xero(inside) == []


async def test_the_page_names_workspace_practices_and_time_and_one_press_connects(
    inside: Inside, browser: Browser
) -> None:
    page = await at_the_page(browser)
    assert page.status == 200
    assert "<h1>Which practice?</h1>" in page.text
    assert "Kea Accounting’s Slack works with one of them." in page.text
    assert re.search(r"Choose before \d\d:\d\d\.", page.text)
    assert page.text.index("Connect Kea Accounting") < page.text.index("Connect Tui Advisory")
    assert "Cancel: connect none" in page.text
    # It posts to us alone, loads nothing, is kept by nobody and framed by nobody.
    policy = page.headers["Content-Security-Policy"]
    assert "form-action 'self'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text
    answer = await press(browser, page, TUI)
    assert (answer.status, answer.text) == (303, "")
    done = await browser.get(answer.location)
    assert "Connected to Tui Advisory" in done.text
    assert at_xero(inside) == [TUI]
    # A second press, of another button too, reads how it ended.
    for practice in BOTH:
        again = await press(browser, page, practice)
        assert "Connected to Tui Advisory" in (await browser.get(again.location)).text
    again = await cancel(browser, page)
    assert "Connected to Tui Advisory" in (await browser.get(again.location)).text
    assert (
        "Connected to Tui Advisory" in (await browser.get((await browser.get(PAGE)).location)).text
    )
    await disconnected(inside)


async def test_cancel_says_so_and_leaves_nothing_at_xero(inside: Inside, browser: Browser) -> None:
    page = await at_the_page(browser)
    done = await browser.get((await cancel(browser, page)).location)
    assert "Not connected" in done.text
    assert "You chose no practice" in done.text
    assert "/xpm connect" in done.text
    assert at_xero(inside) == []
    again = await press(browser, page, KEA)
    assert "You chose no practice" in (await browser.get(again.location)).text
    assert await inside.one("select count(*) from connections") == 0


async def test_a_forged_practice_is_refused_and_the_right_ones_are_still_there(
    inside: Inside, browser: Browser
) -> None:
    page = await at_the_page(browser)
    for forged in ("33333333-3333-4333-8333-333333333333", "", "<script>"):
        answer = await press(browser, page, forged)
        assert answer.status == 400
        assert "That practice cannot be chosen" in answer.text
        assert "Back to the practices" in answer.text
        assert "<script>" not in answer.text
    assert "Which practice?" in (await browser.get(PAGE)).text
    await cancel(browser, page)
    assert at_xero(inside) == []


async def test_a_form_of_another_site_browser_or_person_changes_nothing(
    inside: Inside, browser: Browser, other: Browser
) -> None:
    page = await at_the_page(browser)
    await other.open("U0MIA")
    answers = [
        # Another site's form: the cookie is Lax, so it does not come along; and if it did, the proof is missing.
        await browser.post(PAGE, {"proof": proof_of(page), "practice": KEA}, with_cookies=False),
        await browser.post(PAGE, {"practice": KEA}),
        await browser.post(PAGE, {"proof": "0" * 64, "practice": KEA}),
        await browser.post(PAGE, {"proof": "0" * 64, "answer": "cancel"}),
        await browser.post(PAGE, b"x" * 20_000),
        # Mia in her own browser, on her own way, with what she read over Sam's shoulder.
        await press(other, page, KEA),
        await cancel(other, page),
        await other.get(PAGE),
    ]
    for answer in answers:
        assert answer.status == 404
        assert "This link does not work" in answer.text
    assert await inside.one("select count(*) from connections") == 0
    assert "Which practice?" in (await browser.get(PAGE)).text
    await cancel(browser, page)


async def test_a_late_press_reads_that_the_link_expired_and_leaves_nothing_at_xero(
    inside: Inside, browser: Browser
) -> None:
    page = await at_the_page(browser)

    async def make_old() -> None:
        async with inside.made.database.transaction() as tx:
            await tx.execute(
                sa.text("update connect_links set expires_at = '2020-01-01 00:00:00.000000'")
            )

    await inside.on_its_loop(make_old())
    answer = await press(browser, page, KEA)
    assert answer.status == 410
    assert "This link has expired" in answer.text
    assert at_xero(inside) == []
    assert await inside.one("select count(*) from connect_links where consented is not null") == 0
    again = await press(browser, page, KEA)
    assert "This link has expired" in (await browser.get(again.location)).text


async def test_a_practice_connected_meanwhile_is_not_replaced(
    inside: Inside, browser: Browser
) -> None:
    page = await at_the_page(browser)
    await inside.connect()
    answer = await press(browser, page, TUI)
    done = await browser.get(answer.location)
    assert "Another practice is connected already" in done.text
    assert at_xero(inside) == [KEA]
    await disconnected(inside)


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
async def test_looking_at_the_page_without_reading_it_is_refused(
    inside: Inside, browser: Browser, method: str
) -> None:
    async with browser.session.request(method, f"{inside.app}{PAGE}") as answer:
        assert answer.status == 405


async def test_the_page_is_nobodys_without_a_consent(inside: Inside, browser: Browser) -> None:
    assert (await browser.get(PAGE)).status == 404
    browser.cookies[COOKIE] = "made-up"
    assert (await browser.get(PAGE)).status == 404
    opened = await browser.get(await fresh_link(inside))
    browser.cookies[COOKIE] = opened.cookies[COOKIE].value
    assert (await browser.get(PAGE)).status == 404
