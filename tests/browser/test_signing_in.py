"""The sign-in that comes before Xero, with each provider on a site of its own, as a person in a browser meets it."""

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from sandbox.story import Stage, fresh_link
from tests.browser.conftest import DESK, PHONE
from tests.browser.desk import picture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def account(tab: Page, purpose: str) -> Locator:
    """An account on a provider's page, by what it is there for."""
    return tab.get_by_role("button", name=purpose).first


async def opened(browser: Browser, stage: Stage, *, is_phone: bool = False) -> Page:
    """Sam's fresh link in a browser that knows nothing yet."""
    context = await browser.new_context(
        viewport=PHONE if is_phone else DESK,
        device_scale_factor=2 if is_phone else 1,
        has_touch=is_phone,
        locale="en-NZ",
    )
    context.set_default_timeout(5000)
    tab = await context.new_page()
    await tab.goto(await fresh_link(stage.sam))
    await expect(tab.get_by_role("heading", name="Sign in first")).to_be_visible()
    return tab


@pytest.mark.parametrize("provider", ["Google", "Microsoft", "Apple"])
async def test_signing_in_with_each_provider_leads_to_xero(
    browser: Browser, unconnected: Stage, provider: str
) -> None:
    tab = await opened(browser, unconnected)
    await expect(tab.get_by_text("You are connecting Kea Accounting’s Slack")).to_be_visible()
    await expect(tab.get_by_text("as sam@example.com")).to_be_visible()
    if provider == "Google":
        await picture(tab, "02-sign-in.png")
    await tab.get_by_role("link", name=f"Sign in with {provider}").click()
    await expect(tab.get_by_text(f"Pretend {provider}")).to_be_visible()
    await picture(tab, f"02-{provider.lower()}.png")
    await account(tab, "Sam Rivers sam@example.com").click()
    await expect(tab.get_by_role("heading", name="wants access")).to_be_visible()
    await tab.context.close()


async def test_the_browser_keeps_nothing_a_script_or_another_path_could_read(
    browser: Browser, unconnected: Stage
) -> None:
    tab = await opened(browser, unconnected)
    [cookie] = await tab.context.cookies(f"{unconnected.world.app}/connect/sign-in")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/connect")
    assert await tab.context.cookies(f"{unconnected.world.app}/slack/install") == []
    assert await tab.evaluate("document.cookie") == ""
    await tab.context.close()


async def test_another_address_and_a_hidden_one_are_refused_and_the_right_one_goes_on(
    browser: Browser, unconnected: Stage
) -> None:
    tab = await opened(browser, unconnected)
    await tab.get_by_role("link", name="Sign in with Microsoft").click()
    await account(tab, "Mia Chen").click()
    await expect(tab.get_by_role("heading", name="signed in as somebody else")).to_be_visible()
    await expect(tab.get_by_text("You signed in as mia@example.com.")).to_be_visible()
    await expect(tab.get_by_text("In Slack you are sam@example.com.")).to_be_visible()
    assert "mia" not in tab.url
    await picture(tab, "02-other-address.png")
    await tab.get_by_role("link", name="Back to sign-in").click()

    await tab.get_by_role("link", name="Sign in with Apple").click()
    await account(tab, "hides the address").click()
    await expect(tab.get_by_role("heading", name="Apple hides your address")).to_be_visible()
    await tab.get_by_role("link", name="Back to sign-in").click()

    for provider in ("Google", "Microsoft", "Apple"):
        await tab.get_by_role("link", name=f"Sign in with {provider}").click()
        await tab.get_by_role("button", name="Cancel").click()
        await expect(tab.get_by_role("heading", name="You did not sign in")).to_be_visible()
        await tab.get_by_role("link", name="Back to sign-in").click()

    await tab.get_by_role("link", name="Sign in with Apple").click()
    await account(tab, "Sam Rivers sam@example.com").click()
    await expect(tab.get_by_role("heading", name="wants access")).to_be_visible()
    await tab.context.close()


async def test_somebody_with_a_password_only_reads_what_to_do_on_a_phone_too(
    browser: Browser, unconnected: Stage
) -> None:
    tab = await opened(browser, unconnected, is_phone=True)
    assert await tab.evaluate(FITS)
    links = await tab.get_by_role("link").all()
    assert len(links) == 4
    for link in links:
        box = await link.bounding_box()
        assert box is not None
        assert box["height"] >= 40
    await tab.get_by_role("link", name="I sign in with a password only").click()
    title = "Xero asks for Google, Microsoft or Apple sign-in"
    await expect(tab.get_by_role("heading", name=title)).to_be_visible()
    assert await tab.evaluate(FITS)
    await tab.set_viewport_size(DESK)
    await picture(tab, "02-password-only.png")
    await tab.get_by_role("link", name="Back to sign-in").click()
    await expect(tab.get_by_role("heading", name="Sign in first")).to_be_visible()
    await tab.context.close()


async def test_a_stolen_address_is_worth_nothing_in_another_browser(
    browser: Browser, unconnected: Stage
) -> None:
    tab = await opened(browser, unconnected)
    await tab.get_by_role("link", name="Sign in with Apple").click()
    thief = await (await browser.new_context()).new_page()
    await thief.goto(tab.url)
    await account(thief, "Sam Rivers sam@example.com").click()
    await expect(thief.get_by_role("heading", name="This link does not work")).to_be_visible()
    await thief.context.close()
    await tab.context.close()


async def test_who_allows_several_practices_chooses_one_with_mouse_keyboard_or_phone(
    browser: Browser, unconnected: Stage
) -> None:
    for is_phone in (False, True):
        tab = await opened(browser, unconnected, is_phone=is_phone)
        await tab.get_by_role("link", name="Sign in with Google").click()
        await account(tab, "Sam Rivers sam@example.com").click()
        for practice in ("Kea Accounting", "Tui Advisory"):
            await tab.get_by_role("checkbox", name=practice).check()
        if not is_phone:
            await picture(tab, "02-xero-several.png")
        await tab.get_by_role("button", name="Allow access").click()
        await expect(tab.get_by_role("heading", name="Which practice?")).to_be_visible()
        assert "code=" not in tab.url
        assert await tab.evaluate(FITS)
        buttons = await tab.get_by_role("button").all()
        names = [await one.inner_text() for one in buttons]
        assert names == ["Connect Kea Accounting", "Connect Tui Advisory", "Cancel: connect none"]
        for one in buttons:
            box = await one.bounding_box()
            assert box is not None
            assert box["height"] >= 40
        if is_phone:
            await tab.get_by_role("button", name="Cancel: connect none").tap()
            await expect(tab.get_by_role("heading", name="Not connected")).to_be_visible()
            await expect(tab.get_by_text("You chose no practice.")).to_be_visible()
        else:
            await picture(tab, "02-which-practice.png")
            await tab.reload()
            await tab.keyboard.press("Tab")
            await tab.keyboard.press("Tab")
            await tab.keyboard.press("Enter")
            heading = tab.get_by_role("heading", name="Connected to Tui Advisory")
            await expect(heading).to_be_visible()
            # No button is left behind: the question is settled, so going back reads how it ended.
            await tab.go_back()
            await expect(heading).to_be_visible()
            [left] = (await unconnected.practice())["connections"]
            assert left["name"] == "Tui Advisory"
            await unconnected.sam.message("Connected to Tui Advisory", "In sync:", seconds=20)
            await unconnected.sam.type("/xpm disconnect")
            await unconnected.sam.submit(await unconnected.sam.modal("Disconnect Tui Advisory?"))
            modal = await unconnected.sam.modal("Disconnected from")
            await unconnected.sam.do("close", view_id=modal["id"])
        await tab.context.close()
    assert (await unconnected.practice())["connections"] == []
