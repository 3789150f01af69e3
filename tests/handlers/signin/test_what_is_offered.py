"""Settings decide which ways to sign in there are, and whose addresses may connect."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from handlers.signin.providers import SignIn
from handlers.signin.routes import routes
from sandbox.visitor import text_of
from tests.handlers.inside import Inside
from tests.handlers.signin.walk import Browser, fresh_link

Variant = Callable[..., httpx.AsyncClient]


@pytest.fixture
def variant(inside: Inside) -> Variant:
    """The pages of an app on the same database whose settings differ."""

    def make(
        *,
        providers: Sequence[str] = ("google", "microsoft", "apple"),
        domains: Sequence[str] = (),
        public_url: str = "",
    ) -> httpx.AsyncClient:
        made = inside.made
        services = replace(made.services, public_url=public_url or inside.app)
        allowed = {name: made.sign_in.providers[name] for name in providers}
        sign_in = SignIn(made.http, allowed, made.services.clock)
        pages = routes(services, sign_in, slack_web_url=inside.page, domains=domains)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(Starlette(routes=pages)), base_url=inside.app
        )

    return make


async def ask(
    inside: Inside, client: httpx.AsyncClient, url: str, browser: Browser
) -> httpx.Response:
    """One GET with the browser's cookies, on the loop where the app's connections live."""
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    work = client.get(url, headers={"Cookie": cookie} if cookie else {})
    return await inside.on_its_loop(work)


async def test_a_provider_that_is_not_allowed_is_not_shown_and_its_addresses_are_404(
    inside: Inside, browser: Browser, variant: Variant
) -> None:
    await browser.open()
    client = variant(providers=("microsoft",))
    page = await ask(inside, client, "/connect/sign-in", browser)
    assert "Sign in with Microsoft" in page.text
    assert "Google" not in page.text
    assert "Apple" not in page.text
    for path in ("google", "apple", "google/callback?code=x&state=y", "apple/callback?state=y"):
        answer = await ask(inside, client, f"/connect/sign-in/{path}", browser)
        assert answer.status_code == 404, path
        assert "This link does not work" in answer.text
    posted = await inside.on_its_loop(client.post("/connect/sign-in/apple/callback", content=b"a"))
    assert posted.status_code == 404


async def test_an_address_of_another_domain_is_refused_and_the_allowed_ones_are_named(
    inside: Inside, browser: Browser, variant: Variant
) -> None:
    await browser.open()
    brought = await browser.at_provider("google")
    client = variant(domains=("kea.example", "tui.example"))
    answer = await ask(inside, client, brought.url, browser)
    assert answer.headers["location"] == "/connect/sign-in/refused/other_domain"
    page = await ask(inside, client, answer.headers["location"], browser)
    assert "That address is not of an allowed domain" in page.text
    assert "Allowed: kea.example, tui.example." in page.text


@pytest.mark.parametrize("domain", ["ample.com", "com", "sam@example.com", "mail.example.com"])
async def test_a_domain_is_allowed_whole_and_alone(
    inside: Inside, browser: Browser, variant: Variant, domain: str
) -> None:
    await browser.open()
    brought = await browser.at_provider("google")
    answer = await ask(inside, variant(domains=(domain,)), brought.url, browser)
    assert answer.headers["location"] == "/connect/sign-in/refused/other_domain"


async def test_an_allowed_domain_goes_on_to_xero(
    inside: Inside, browser: Browser, variant: Variant
) -> None:
    await browser.open()
    brought = await browser.at_provider("google")
    answer = await ask(inside, variant(domains=("x.example", "example.com")), brought.url, browser)
    assert answer.headers["location"].startswith(f"{inside.practice}/identity/connect/authorize?")


async def test_on_https_every_cookie_is_secure(
    inside: Inside, browser: Browser, variant: Variant
) -> None:
    client = variant(public_url="https://xpm.example.com")
    opened = await ask(inside, client, await fresh_link(inside), browser)
    assert "; Secure" in opened.headers["set-cookie"]
    name, _, value = opened.headers["set-cookie"].partition(";")[0].partition("=")
    browser.cookies[name] = value
    # The providers know the plain address only, so the sign-in itself is begun by the other app.
    brought = await browser.at_provider("google", "mia")
    plain = variant()
    refused = await ask(inside, plain, brought.url, browser)
    assert "; Secure" not in refused.headers["set-cookie"]
    assert "HttpOnly" in refused.headers["set-cookie"]
    assert "Path=/connect/sign-in/refused" in refused.headers["set-cookie"]


async def test_a_guest_may_not_connect_however_they_ask(inside: Inside) -> None:
    before = await inside.one("select count(*) from connect_links")
    async with inside.visitor("U0GUS") as gus:
        await gus.type("/xpm connect")
        await gus.message("Guests cannot connect XPM", "full member")
        await gus.type("/xpm sync")
        said = await gus.message("XPM is not connected")
        if "Connect" in text_of(said):
            await gus.press(said, "Connect")
            await gus.message("Guests cannot connect XPM", "full member")
    assert await inside.one("select count(*) from connect_links") == before


async def test_a_bot_is_as_little_a_member_as_a_guest(inside: Inside) -> None:
    people = inside.slack.teams["T0KEA"].people
    people["U0BOTTY"] = replace(people["U0LEE"], id="U0BOTTY", is_bot=True)
    try:
        person = await inside.on_its_loop(inside.made.services.people.learn("T0KEA", "U0BOTTY"))
    finally:
        del people["U0BOTTY"]
    assert person.is_guest
