"""The whole way from a call to a time without a mouse."""

import re

import pytest
from playwright.async_api import Locator, expect

from sandbox.story import Stage
from tests.browser.desk import Desk, OpenDesk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def tab_to(desk: Desk, wanted: Locator, key: str = "Tab", most: int = 12) -> None:
    """Presses Tab until the wanted element has the focus."""
    for _ in range(most):
        if await wanted.evaluate("node => node === document.activeElement"):
            return
        await desk.page.keyboard.press(key)
    await expect(wanted).to_be_focused(timeout=500)


async def test_a_call_becomes_time_by_keyboard_alone(connected: Stage, sit_down: OpenDesk) -> None:
    mia = await sit_down()
    before = len(await connected.times())
    call = await mia.newest_after(lambda: connected.call(talk_seconds=240))
    keys = mia.page.keyboard
    await expect(mia.page.get_by_test_id("composer")).to_be_focused()

    job = call.get_by_role("combobox", name="Job")
    await tab_to(mia, job, "Shift+Tab")
    await keys.press("Enter")
    await mia.option("J000123").wait_for()
    await keys.type("gst")
    await expect(mia.option("J000123")).to_have_count(0)
    await keys.press("Enter")
    await expect(job).to_have_value(re.compile("J000124"))

    # The menu was drawn anew with the job in it, and still has the focus: Tab goes on from there.
    await expect(job).to_be_focused()
    task = call.get_by_role("combobox", name="Task")
    await tab_to(mia, task, most=1)
    await keys.press("ArrowDown")
    await keys.press("ArrowDown")
    await keys.press("Enter")
    await expect(task).to_have_value(re.compile("."))
    await tab_to(mia, call.get_by_label("Minutes"), most=1)
    await keys.press("ControlOrMeta+a")
    await keys.type("9")
    await tab_to(mia, call.get_by_label("Note"), most=1)
    await keys.press("ControlOrMeta+a")
    await keys.type("By keyboard")
    await tab_to(mia, call.get_by_role("button", name="Save time"), most=1)
    await keys.press("Enter")
    await expect(call).to_contain_text("9 min on J000124 GST return")
    assert len(await connected.times()) == before + 1
    assert (await connected.times())[0]["note"] == "By keyboard"

    await tab_to(mia, call.get_by_role("button", name="Edit"), most=1)


async def test_the_slash_menu_shows_the_commands_of_the_manifest(
    connected: Stage, sit_down: OpenDesk
) -> None:
    mia = await sit_down()
    await mia.page.keyboard.type("/")
    hints = mia.page.get_by_role("group", name="Slash commands").get_by_role("button")
    words = ("help", "connect", "log", "job J000123", "status", "sync", "disconnect")
    await expect(hints).to_contain_text([f"/xpm {word}" for word in words])
    await mia.page.keyboard.type("xpm st")
    await expect(hints).to_have_count(1)
    await tab_to(mia, hints, "Shift+Tab")
    await mia.page.keyboard.press("Enter")
    await expect(mia.page.get_by_test_id("composer")).to_have_value("/xpm status")


async def test_escape_closes_the_modal_and_the_focus_goes_back(
    connected: Stage, sit_down: OpenDesk
) -> None:
    mia = await sit_down()
    call = await mia.newest_after(lambda: connected.call(talk_seconds=240))
    enter = call.get_by_role("button", name="Enter job ID")
    await enter.focus()
    await mia.page.keyboard.press("Enter")
    modal = mia.modal("Find a job by ID")
    await expect(modal.get_by_label("Job ID")).to_be_focused()
    await mia.page.keyboard.press("Escape")
    await expect(modal).to_have_count(0)
    await expect(enter).to_be_focused()
