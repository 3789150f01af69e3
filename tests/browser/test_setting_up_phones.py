"""Sam sets a phone system up in the browser: adds it, copies address and secret, sends a test call."""

import re

import pytest
from playwright.async_api import expect

from sandbox.story import Stage
from tests.browser.desk import OpenDesk, picture
from tests.browser.test_clicking_the_story import button

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_phone_system_is_added_tried_and_removed_by_clicking(
    connected: Stage, sit_down: OpenDesk
) -> None:
    sam = await sit_down("U0SAM")
    await sam.page.get_by_role("tab", name="Home").click()
    await button(sam.page.get_by_role("tabpanel", name="Home"), "Phone systems").click()
    modal = sam.modal("Phone systems")
    await button(modal, "Add a phone system").click()
    await modal.get_by_role("combobox", name="Which phone system do you have?").click()
    await sam.option("VXT").click()
    await button(modal, "Next").click()
    await expect(modal).to_contain_text("VXT is added")
    await expect(modal).to_contain_text(re.compile(r"/calls/vxt/[0-9a-f]{24}"))
    await expect(modal).to_contain_text("The secret, shown this once:")
    # Address first, then the secret, which not even a world that is gone shows in a picture.
    await picture(sam.page, "11-phone-system.png", modal.locator("code").nth(1))
    await button(modal, "Done").click()
    await expect(modal).to_contain_text("No call yet. Added today")
    await expect(modal).not_to_contain_text("shown this once")
    await button(modal, "Send a test call").click()
    await expect(modal).to_contain_text("A test call is on its way to you")
    await button(modal, "All phone systems").click()
    await button(modal, "Which calls are asked about").click()
    await modal.get_by_label("Missed calls").check()
    await modal.get_by_label("Your own numbers").fill("reception")
    await button(modal, "Save rules").click()
    await expect(modal).to_contain_text("“reception” is no phone number.")
    await expect(modal.get_by_label("Missed calls")).to_be_checked()
    await picture(sam.page, "11-call-rules.png")
    await button(modal, "All phone systems").click()
    await button(modal, "Open VXT").click()
    await picture(sam.page, "11-phone-system-page.png")
    await button(modal, "Remove").click()
    await expect(modal).to_contain_text("Remove VXT?")
    await modal.get_by_role("button", name="Remove", exact=True).last.click()
    await expect(modal).to_contain_text("VXT is removed")
    await button(modal, "Close").click()
    await sam.page.get_by_role("tab", name="Messages").click()
    message = sam.said("Test call")
    await expect(message).to_contain_text("nothing of it can be saved in XPM")
    await expect(button(message, "Save time")).to_have_count(0)
