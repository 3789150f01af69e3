"""The consent pages in a real browser, with an app on another site."""

import pytest
from playwright.async_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.providers import ProviderSettings, served_providers
from sandbox.serving import address, listen, serving

from .conftest import NAMES, SCOPES, Settings, at_another_address

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
PHONE = {"width": 360, "height": 740}


async def begin(request: Request) -> Response:
    """Sets two cookies before the browser leaves."""
    answer = Response("Away.")
    answer.set_cookie("lax", "1", samesite="lax")
    answer.set_cookie("none", "1", samesite="none", secure=True)
    return answer


async def end(request: Request) -> Response:
    """What came back, and with which cookies."""
    told = {**request.query_params, **(await request.form())}
    return JSONResponse(
        {
            "method": request.method,
            "told": {name: str(value) for name, value in told.items()},
            "cookies": sorted(request.cookies),
            "origin": request.headers.get("origin", ""),
        }
    )


async def test_the_browser_brings_the_answer_from_another_site(
    browser: Browser, settings: Settings
) -> None:
    bound = listen()
    home = address(bound)
    ours = Starlette(routes=[Route("/", begin), Route("/done", end, methods=["GET", "POST"])])
    made: ProviderSettings = at_another_address(settings.made, f"{home}/done")
    async with serving((ours, bound)), served_providers(made, host="localhost") as served:
        authorize = {
            "google": "/google/o/oauth2/v2/auth",
            "microsoft": "/microsoft/organizations/oauth2/v2.0/authorize",
            "apple": "/apple/auth/authorize",
        }
        for name in NAMES:
            page = await browser.new_page(viewport=PHONE)  # type: ignore[arg-type]
            page.set_default_timeout(5000)
            await page.goto(home)
            mode = "&response_mode=form_post" if name == "apple" else ""
            await page.goto(
                f"{served.url}{authorize[name]}?client_id=app-at-{name}&response_type=code"
                f"&redirect_uri={home}/done&scope={SCOPES[name]}&state=s{mode}"
            )
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"]
            smallest = await page.evaluate(
                "Math.min(...[...document.querySelectorAll('button')].map(b => b.offsetHeight))"
            )
            assert smallest >= 44
            await page.locator('button[value="mia"]').click()
            await page.wait_for_url(f"{home}/done*")
            came = await page.evaluate("JSON.parse(document.body.innerText)")
            assert came["told"]["state"] == "s"
            assert came["told"]["code"]
            # A form posted from another site brings no cookie that is Lax: Apple's own trap.
            posted = name == "apple"
            assert came["method"] == ("POST" if posted else "GET")
            assert came["cookies"] == (["none"] if posted else ["lax", "none"])
            assert came["origin"] == (served.url if posted else "")
            await page.close()
