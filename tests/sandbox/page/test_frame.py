"""Modals, the Home tab, people and the page's two sizes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from . import scenes
from .stub import Stub, message

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def open_modals(stub: Stub, page: Page, *modals: dict[str, Any]) -> None:
    stub.state["modals"] = list(modals)
    stub.tell()
    await page.locator(f'[data-view-id="{modals[-1]["id"]}"]').wait_for()


async def sent(stub: Stub, path: str, count: int = 1) -> list[dict[str, Any]]:
    async with asyncio.timeout(5):
        while len(stub.bodies(path)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return stub.bodies(path)


async def test_a_modal_takes_the_focus_and_enter_submits(stub: Stub, page: Page) -> None:
    await open_modals(stub, page, scenes.job_modal())
    dialog = page.get_by_role("dialog", name="Find a job by ID")
    field = dialog.get_by_label("Job ID")
    await expect(field).to_be_focused()
    await page.keyboard.type("J000123")
    await page.keyboard.press("Enter")
    [body] = await sent(stub, "/client/submit")
    assert body == {
        "team": "T0KEA",
        "user": "U0SAM",
        "view_id": "V0JOB",
        "state": {"id": {"id": "J000123"}},
    }


async def test_typing_tells_the_app_once_the_person_pauses(stub: Stub, page: Page) -> None:
    await open_modals(stub, page, scenes.job_modal())
    await page.get_by_label("Job ID").press_sequentially("J0001", delay=10)
    [body] = await sent(stub, "/client/action")
    assert body["value"] == "J0001"
    assert body["container"] == {"type": "view", "view_id": "V0JOB"}


async def test_an_empty_required_field_is_not_sent(stub: Stub, page: Page) -> None:
    await open_modals(stub, page, scenes.job_modal())
    await page.get_by_role("button", name="Use this job").click()
    await expect(page.get_by_role("alert")).to_have_text("Please complete this required field.")
    assert stub.bodies("/client/submit") == []
    await page.get_by_label("Job ID").fill("J")
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_an_error_of_the_app_stands_under_its_field(stub: Stub, page: Page) -> None:
    modal = scenes.job_modal() | {"errors": {"id": "No job J000999 in Kea Accounting."}}
    await open_modals(stub, page, modal)
    field = page.get_by_label("Job ID")
    await expect(page.get_by_role("alert")).to_have_text("No job J000999 in Kea Accounting.")
    await expect(field).to_have_attribute("aria-invalid", "true")


async def test_an_updated_modal_keeps_what_is_being_typed(stub: Stub, page: Page) -> None:
    await open_modals(stub, page, scenes.job_modal())
    await page.keyboard.type("J00")
    changed = scenes.job_modal()
    changed["view"]["blocks"][1]["text"]["text"] = "No job found yet"
    await open_modals(stub, page, changed)
    await page.get_by_text("No job found yet").wait_for()
    await page.keyboard.type("0123")
    await expect(page.get_by_label("Job ID")).to_have_value("J000123")


async def test_escape_closes_the_top_modal_only(stub: Stub, page: Page) -> None:
    await open_modals(stub, page, scenes.job_modal("V1"), scenes.job_modal("V2"))
    await expect(page.get_by_role("dialog")).to_have_count(1)
    await page.keyboard.press("Escape")
    [body] = await sent(stub, "/client/close")
    assert body["view_id"] == "V2"


async def test_escape_in_an_open_menu_closes_only_the_menu(stub: Stub, page: Page) -> None:
    modal = scenes.job_modal()
    modal["view"]["blocks"] = [scenes.task_menu()]
    await open_modals(stub, page, modal)
    await page.get_by_role("combobox", name="Task").click()
    await page.get_by_test_id("menu").wait_for()
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("menu")).to_have_count(0)
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert stub.bodies("/client/close") == []


async def test_tab_stays_inside_a_modal(stub: Stub, page: Page) -> None:
    await open_modals(stub, page, scenes.job_modal())
    for _ in range(8):
        await page.keyboard.press("Tab")
        is_inside = "() => !!document.activeElement.closest('[role=dialog]')"
        assert await page.evaluate(is_inside)


async def test_a_static_menu_filters_as_one_types(stub: Stub, page: Page) -> None:
    modal = scenes.job_modal()
    modal["view"]["blocks"] = [scenes.task_menu()]
    await open_modals(stub, page, modal)
    task = page.get_by_role("combobox", name="Task")
    await expect(task).to_have_value("Individual tax")
    await task.click()
    await task.press_sequentially("quer")
    await expect(page.get_by_test_id("menu").get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(task).to_have_value("Client queries")
    # In an input block without dispatch_action a choice is not an action.
    assert stub.bodies("/client/action") == []
    await page.get_by_role("button", name="Use this job").click()
    [body] = await sent(stub, "/client/submit")
    assert body["state"] == {"task": {"task": "t3"}}


async def test_a_menu_of_people_offers_those_of_the_own_workspace_and_sends_who_was_chosen(
    stub: Stub, page: Page
) -> None:
    modal = scenes.job_modal()
    modal["view"]["blocks"] = [scenes.people_menu("U0SAM")]
    await open_modals(stub, page, modal)
    person = page.get_by_role("combobox", name="Person in Slack")
    await expect(person).to_have_value("Sam Rivers")
    await person.click()
    options = page.get_by_test_id("menu").get_by_role("option")
    await expect(options).to_have_count(4)
    await person.press_sequentially("mia")
    await expect(options).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(person).to_have_value("Mia Chen")
    await page.get_by_role("button", name="Use this job").click()
    [body] = await sent(stub, "/client/submit")
    assert body["state"] == {"person": {"person": "U0MIA"}}


async def test_the_home_tab_is_announced_and_drawn(stub: Stub, page: Page) -> None:
    stub.state["home"] = scenes.home()
    stub.tell()
    await page.get_by_role("tab", name="Home").click()
    await expect(page.get_by_text("Today: 1 h 48 min on 9 calls")).to_be_visible()
    bodies = await sent(stub, "/client/home", 2)
    assert [body["tab"] for body in bodies] == ["messages", "home"]
    await page.get_by_role("button", name="Log time").click()
    [body] = await sent(stub, "/client/action")
    assert body["container"] == {"type": "view", "view_id": "V0HOME"}


async def test_another_person_sees_their_own(stub: Stub, page: Page) -> None:
    await page.get_by_test_id("person").select_option("T0KEA/U0MIA")
    await expect(page).to_have_url(f"{stub.address}/?team=T0KEA&user=U0MIA&conversation=app")
    await page.get_by_test_id("composer").fill("/xpm help")
    await page.keyboard.press("Enter")
    [body] = await sent(stub, "/client/command")
    assert body["user"] == "U0MIA"


async def test_a_toast_can_be_sent_away(stub: Stub, page: Page) -> None:
    stub.state["toasts"] = [{"id": "t1", "text": "xpm-slack did not answer in time"}]
    stub.tell()
    await expect(page.get_by_test_id("toast")).to_contain_text("did not answer in time")
    await page.get_by_role("button", name="Dismiss").click()
    [body] = await sent(stub, "/client/dismiss")
    assert body == {"team": "T0KEA", "user": "U0SAM", "toast": "t1"}


async def test_an_app_that_is_not_installed_leaves_the_channel(stub: Stub, page: Page) -> None:
    stub.state["app"]["installed"] = False
    stub.state["conversations"] = stub.state["conversations"][:1]
    stub.tell()
    await expect(page.get_by_role("heading", name="general")).to_be_visible()


@pytest_asyncio.fixture(loop_scope="session")
async def phone(browser: Browser, stub: Stub) -> AsyncIterator[Page]:
    """The page on a phone, with the post-call message open."""
    stub.state["messages"] = [message("1.0", scenes.chosen())]
    page = await browser.new_page(viewport={"width": 390, "height": 844})
    page.set_default_timeout(5000)
    await page.goto(f"{stub.address}/?team=T0KEA&user=U0SAM")
    await page.locator('[data-ts="1.0"]').wait_for()
    yield page
    await page.close()


async def test_nothing_is_wider_than_a_phone(phone: Page) -> None:
    await expect(phone.get_by_role("button", name="Save time")).to_be_in_viewport()
    assert await phone.evaluate("document.documentElement.scrollWidth") == 390


async def test_every_button_is_high_enough_for_a_thumb(phone: Page) -> None:
    low = await phone.evaluate(
        """() => [...document.querySelectorAll(
            'main button, main [role=button], main input, main textarea')]
            .filter((node) => node.offsetParent && !node.matches('.bin'))
            .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect().height])
            .filter(([, height]) => height < 40)"""
    )
    assert low == []


async def test_the_sidebar_is_a_drawer_on_a_phone(stub: Stub, phone: Page) -> None:
    await expect(phone.get_by_test_id("person")).not_to_be_in_viewport()
    await phone.get_by_role("button", name="Open the sidebar").click()
    await expect(phone.get_by_test_id("person")).to_be_in_viewport()
    await phone.get_by_role("button", name="general").click()
    await expect(phone.get_by_test_id("person")).not_to_be_in_viewport()
    await expect(phone.get_by_role("heading", name="general")).to_be_visible()
