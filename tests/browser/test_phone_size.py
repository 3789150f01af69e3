"""The same on a screen of 390 by 844, touched with a finger."""

import pytest
from playwright.async_api import expect

from sandbox.story import Stage
from tests.browser.desk import OpenDesk, picture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
LOW = """() => [...document.querySelectorAll('main button, main [role=button], main [role=combobox]')]
  .filter(node => node.offsetParent && node.getBoundingClientRect().height < 39.5)
  .map(node => node.textContent || node.ariaLabel)"""


async def test_a_call_becomes_time_on_a_phone(connected: Stage, sit_down: OpenDesk) -> None:
    mia = await sit_down(is_phone=True)
    before = len(await connected.times())
    await mia.page.get_by_test_id("panel-toggle").tap()
    call = await mia.end_call(minutes=11)
    await expect(mia.page.get_by_test_id("end-call")).not_to_be_in_viewport()
    await call.get_by_role("combobox", name="Job").tap()
    await expect(mia.option("J000123")).to_be_visible()
    await picture(mia.page, "phone-menu.png")
    await mia.option("J000123").tap()
    await call.get_by_role("combobox", name="Task").tap()
    await mia.option("Individual tax").tap()
    await call.get_by_label("Note").fill("Ana asked about provisional tax")
    assert await mia.page.evaluate(FITS)
    assert await mia.page.evaluate(LOW) == []
    await call.get_by_label("Note").blur()
    await picture(mia.page, "phone-form.png")
    await call.get_by_role("button", name="Save time").tap()
    await expect(call).to_contain_text("11 min on J000123 Tax return 2026 · Individual tax")
    assert len(await connected.times()) == before + 1


async def test_a_modal_and_the_sidebar_fit_a_phone(connected: Stage, sit_down: OpenDesk) -> None:
    mia = await sit_down(is_phone=True)
    call = await mia.newest_after(lambda: connected.call(talk_seconds=240))
    await call.get_by_role("button", name="Enter job ID").tap()
    modal = mia.modal("Find a job by ID")
    await modal.get_by_label("Job ID").fill("J999999")
    await modal.get_by_role("button", name="Find job").tap()
    await expect(modal).to_contain_text("No job J999999 in Kea Accounting.")
    assert await mia.page.evaluate(FITS)
    await modal.get_by_role("button", name="Cancel").tap()
    await expect(modal).to_have_count(0)
    await mia.page.get_by_role("button", name="Open the sidebar").tap()
    await expect(mia.page.get_by_test_id("person")).to_be_in_viewport()
    await mia.page.get_by_test_id("person").select_option(label="Sam Rivers (owner)")
    await mia.page.get_by_role("button", name="Close the sidebar").tap()
    await expect(mia.said("Connected to Kea Accounting")).to_be_visible()
