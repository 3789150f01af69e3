"""Steps 2 to 10 of the story, clicked by Sam and Mia; each keeps its screenshots."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from sandbox.story import Stage
from tests.browser.desk import Desk, OpenDesk, picture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MOA = "Moa Farms|Moa Farms|09 555 0177"
"""A client with no open jobs."""
NOTE = "Ana asked about <GST> & provisional tax 😀"


def button(where: Locator | Page, words: str) -> Locator:
    """A button by all of its words."""
    return where.get_by_role("button", name=words, exact=True)


async def allow_at_xero(desk: Desk, link: Locator, *, keep: bool = False) -> Page:
    """Follows the link, signs in as Sam, chooses Kea Accounting at Xero and allows access; the page at the end."""
    async with desk.page.expect_popup() as opened:
        await button(link, "Connect").click()
    tab = await opened.value
    await tab.get_by_role("link", name="Sign in with Google").click()
    await tab.get_by_role("button", name="sam@example.com work account").first.click()
    await expect(tab.get_by_role("heading", name="wants access")).to_be_visible()
    await tab.get_by_role("checkbox", name="Kea Accounting").check()
    if keep:
        await picture(tab, "02-xero-consent.png")
    await tab.get_by_role("button", name="Allow access").click()
    await expect(tab.get_by_role("heading", name="Connected to Kea Accounting")).to_be_visible()
    return tab


# -- 2 and 3: connecting ---------------------------------------------------------------------------------------------


async def test_step_2_a_link_for_sam_alone_leads_to_xero_and_back(
    unconnected: Stage, sit_down: OpenDesk
) -> None:
    sam = await sit_down("U0SAM")
    link = await sam.type("/xpm connect")
    await expect(link).to_have_attribute("data-ephemeral", "true")
    await expect(link).to_contain_text("Only visible to you")
    await expect(link).to_contain_text(re.compile(r"works once, until \d\d:\d\d\."))
    address = await button(link, "Connect").get_attribute("href")
    assert address is not None
    await picture(sam.page, "02-connect-link.png")

    tab = await allow_at_xero(sam, link, keep=True)
    assert "code=" not in tab.url
    await picture(tab, "02-connected-page.png")
    back = tab.get_by_role("link", name="Back to Slack")
    assert (await back.get_attribute("href") or "").startswith(unconnected.world.page)
    await back.click()
    await expect(tab.get_by_test_id("composer")).to_be_visible()

    await tab.goto(address)
    await expect(tab.get_by_role("heading", name="This link was used already")).to_be_visible()
    await expect(tab.get_by_text("type /xpm connect to get a fresh link")).to_be_visible()
    await tab.goto(f"{unconnected.world.app}/connect/forged-and-quite-long-enough")
    await expect(tab.get_by_role("heading", name="This link does not work")).to_be_visible()
    await tab.close()


async def test_step_3_the_download_moves_in_one_message_and_home_says_connected(
    unconnected: Stage, sit_down: OpenDesk
) -> None:
    sam = await sit_down("U0SAM")
    # A download of forty clients is over in a moment: XPM is made slow so that it can be seen.
    await unconnected.fault("late", "job.api", times=1, seconds=2.1)
    await unconnected.fault("late", "client.api", times=1, seconds=1.2)
    link = await sam.type("/xpm connect")

    async def allow() -> None:
        await (await allow_at_xero(sam, link)).close()

    said = await sam.newest_after(allow)
    await expect(said).to_contain_text("Connected to Kea Accounting")
    await expect(said).to_contain_text(re.compile("Downloading (jobs|clients): .*▓+░+"))
    await picture(sam.page, "03-download.png")
    await expect(said).to_contain_text(
        re.compile(r"In sync: \d+ clients, \d+ contacts, 8 staff, \d+ jobs \(\d+ s\)\.")
    )
    await expect(said).not_to_contain_text("Downloading")

    await sam.page.get_by_role("tab", name="Home").click()
    home = sam.page.get_by_role("tabpanel", name="Home")
    await expect(home).to_contain_text("Connected to Kea Accounting")
    await expect(home).to_contain_text(re.compile(r"By Sam Rivers, today \d\d:\d\d\."))
    await expect(home).to_contain_text(re.compile(r"Last sync today \d\d:\d\d\."))
    await expect(button(home, "Disconnect")).to_be_visible()
    await expect(button(home, "Sync now")).to_be_visible()
    await picture(sam.page, "03-home.png")


# -- 4 and 5: a call becomes time ------------------------------------------------------------------------------------


async def test_step_4_a_call_is_offered_with_a_menu_of_its_clients_jobs(
    connected: Stage, sit_down: OpenDesk
) -> None:
    mia = await sit_down()
    call = await mia.end_call()
    await expect(call).to_contain_text("Call with Ana Example")
    await expect(call).to_contain_text(
        re.compile(r"Incoming, (today|yesterday) \d\d:\d\d to \d\d:\d\d, 12 min")
    )
    await expect(call).to_contain_text("One of Huia Trust and Kea Ltd")
    await picture(mia.page, "04-call-offered.png")

    menu = call.get_by_role("combobox", name="Job")
    await menu.click()
    options = mia.page.get_by_test_id("menu")
    for group in ("Jobs of Kea Ltd", "Jobs of Huia Trust", re.compile("^Your (other )?jobs")):
        await expect(options.get_by_role("group", name=group)).to_be_visible()
    await expect(options.get_by_role("option", name="J000123 Tax return 2026")).to_be_visible()
    await picture(mia.page, "04-job-menu.png")
    await menu.press_sequentially("gst")
    await expect(options.get_by_role("option", name="J000123")).to_have_count(0)
    await expect(options.get_by_role("option", name="J000124").first).to_be_visible()


async def test_step_5_two_choices_and_save_write_one_time(
    connected: Stage, sit_down: OpenDesk
) -> None:
    mia = await sit_down()
    before = len(await connected.times())
    call = await mia.end_call()
    await mia.choose(call, "Job", "J000123 Tax return 2026")
    await expect(call).to_contain_text("J000123 · Kea Ltd · In Progress")
    await expect(call.get_by_label("Minutes")).to_have_value("12")
    await mia.choose(call, "Task", "Individual tax")
    await call.get_by_label("Note").fill(NOTE)
    await picture(mia.page, "05-form.png")

    await button(call, "Save time").click()
    await expect(call).to_contain_text("12 min on J000123 Tax return 2026 · Individual tax")
    await expect(call).to_contain_text(NOTE)
    await expect(call).to_contain_text(re.compile(r"(Today|Yesterday): .*12 min on \d+ calls?"))
    link = button(call, "Open in XPM")
    assert "J000123" in (await link.get_attribute("href") or "")
    first = mia.page.get_by_test_id("time").first
    await expect(first).to_contain_text(re.compile("12 min.*J000123.*Individual tax · Mia Chen"))
    await picture(mia.page, "05-saved.png")
    times = await connected.times()
    assert len(times) == before + 1
    assert (times[0]["minutes"], times[0]["note"]) == (12, NOTE)

    await button(call, "Edit").click()
    await expect(call.get_by_label("Note")).to_have_value(NOTE)
    await call.get_by_label("Minutes").fill("18")
    await button(call, "Save changes").click()
    await expect(call).to_contain_text("18 min on J000123 Tax return 2026 · Individual tax")
    assert [one["minutes"] for one in await connected.times()][: len(times) - before] == [18]

    await button(call, "Undo").click()
    await expect(call).to_contain_text("Removed: 18 min on J000123")
    assert len(await connected.times()) == before
    await button(call, "Log again").click()
    await expect(call.get_by_role("combobox", name="Job")).to_have_value(re.compile("J000123"))
    await expect(call.get_by_label("Note")).to_have_value(NOTE)
    await button(call, "Save time").click()
    # With the job's name: "Saving 18 min on J000123 …" says only its ID.
    await expect(call).to_contain_text("18 min on J000123 Tax return 2026")
    assert len(await connected.times()) == before + 1


async def test_bad_minutes_are_told_and_what_was_typed_stays(
    connected: Stage, sit_down: OpenDesk
) -> None:
    mia = await sit_down()
    before = len(await connected.times())
    call = await mia.end_call(minutes=5)
    await mia.choose(call, "Job", "J000123 Tax return 2026")
    await mia.choose(call, "Task", "Individual tax")
    await call.get_by_label("Note").fill("kept text")
    for wrong in ("ten", "1441"):
        await call.get_by_label("Minutes").fill(wrong)
        await button(call, "Save time").click()
        await expect(call).to_contain_text("Minutes are a whole number from 1 to 1440.")
        await expect(call.get_by_label("Minutes")).to_have_value(wrong)
        await expect(call.get_by_label("Note")).to_have_value("kept text")
    assert len(await connected.times()) == before
    await button(call, "Don't log").click()
    await expect(call).to_contain_text("Not logged")


# -- 6 and 7: jobs by their ID, and what XPM refuses -----------------------------------------------------------------


async def find_j000140(mia: Desk, call: Locator) -> None:
    """Puts the completed job J000140 on a call by its ID."""
    await button(call, "Enter job ID").click()
    modal = mia.modal("Find a job by ID")
    await modal.get_by_label("Job ID").fill("j000140")
    await button(modal, "Find job").click()
    await button(modal, "Use this job").click()
    await expect(modal).to_have_count(0)
    await expect(call).to_contain_text("J000140 · Moa Farms · Completed")


async def test_step_6_a_job_is_found_by_its_exact_id(connected: Stage, sit_down: OpenDesk) -> None:
    mia = await sit_down()
    call = await mia.end_call(MOA, 7)
    await expect(call).to_contain_text("Moa Farms has no open jobs.")
    await button(call, "Enter job ID").click()
    modal = mia.modal("Find a job by ID")
    field = modal.get_by_label("Job ID")
    await expect(field).to_be_focused()
    await field.fill("J000140")
    await picture(mia.page, "06-job-id.png")

    await field.fill("tax return")
    await button(modal, "Find job").click()
    await expect(modal).to_contain_text("A job ID looks like J000123.")
    # One that does not exist, and one of another practice.
    for wrong in ("J999999", "J000900"):
        await field.fill(wrong)
        await button(modal, "Find job").click()
        await expect(modal).to_contain_text(f"No job {wrong} in Kea Accounting.")
        await expect(field).to_have_value(wrong)
    await picture(mia.page, "06-not-found.png")

    await field.fill("j000140")
    await button(modal, "Find job").click()
    await expect(modal).to_contain_text("Moa Farms · Completed")
    await expect(modal).to_contain_text("This job is completed: XPM may refuse time on it.")
    await picture(mia.page, "06-closed-job.png")
    await button(modal, "Use this job").click()
    await expect(modal).to_have_count(0)
    await expect(call.get_by_role("combobox", name="Job")).to_have_value(re.compile("J000140"))
    await expect(call).to_contain_text("This job is completed: XPM may refuse time on it.")


async def test_step_7_a_refusal_is_told_beside_a_message_that_keeps_everything(
    connected: Stage, sit_down: OpenDesk
) -> None:
    mia = await sit_down()
    before = len(await connected.times())
    call = await mia.end_call(MOA, 7)
    await find_j000140(mia, call)
    await mia.choose(call, "Task", "")
    task = await call.get_by_role("combobox", name="Task").input_value()
    await call.get_by_label("Note").fill("About the farm")

    beside = await mia.newest_after(button(call, "Save time").click)
    await expect(beside).to_have_attribute("data-ephemeral", "true")
    await expect(beside).to_contain_text(re.compile("Not saved: XPM says “.*completed.*”"))
    await expect(beside).to_contain_text(re.compile("Choose another job, or ask .* to reopen it"))
    await expect(call).to_contain_text("Not saved: XPM says")
    await expect(call.get_by_role("combobox", name="Job")).to_have_value(re.compile("J000140"))
    await expect(call.get_by_role("combobox", name="Task")).to_have_value(task)
    await expect(call.get_by_label("Minutes")).to_have_value("7")
    await expect(call.get_by_label("Note")).to_have_value("About the farm")
    assert len(await connected.times()) == before
    await picture(mia.page, "07-refused.png")

    await connected.job_becomes("J000140", "In Progress")
    try:
        await button(call, "Save time").click()
        await expect(call).to_contain_text("7 min on J000140 Farm accounts 2025")
    finally:
        await connected.job_becomes("J000140", "Completed")
    assert len(await connected.times()) == before + 1


# -- 8 and 9: not worth logging, and the commands --------------------------------------------------------------------


async def test_a_line_cut_in_the_middle_of_saving_is_watched_until_the_time_is_there_once(
    connected: Stage, sit_down: OpenDesk
) -> None:
    mia = await sit_down()
    before = len(await connected.times())
    call = await mia.end_call()
    await mia.choose(call, "Job", "J000123 Tax return 2026")
    await mia.choose(call, "Task", "Individual tax")
    await mia.page.get_by_test_id("fault-kind").select_option("cut_after")
    await mia.page.get_by_test_id("fault-start").click()
    await expect(mia.page.get_by_test_id("practice-said")).to_contain_text("watch its message")

    await button(call, "Save time").click()
    await expect(call).to_contain_text("Saving 12 min on J000123")
    await picture(mia.page, "07-in-doubt.png")
    await expect(call).to_contain_text("12 min on J000123 Tax return 2026", timeout=40_000)
    assert len(await connected.times()) == before + 1


async def test_step_8_a_call_that_is_not_logged_can_be_reopened(
    connected: Stage, sit_down: OpenDesk
) -> None:
    mia = await sit_down()
    call = await mia.end_call("Weka Builders Pty|Weka Builders Pty|+61 2 5550 1234", 2)
    await button(call, "Don't log").click()
    await expect(call).to_contain_text("Not logged: call with")
    await expect(call.get_by_role("combobox")).to_have_count(0)
    await picture(mia.page, "08-not-logged.png")
    await button(call, "Log it after all").click()
    await expect(call.get_by_role("combobox", name="Job")).to_be_visible()
    await button(call, "Don't log").click()
    await expect(call).to_contain_text("Not logged: call with")


async def test_step_9_a_job_the_status_a_sync_and_time_without_a_call(
    connected: Stage, sit_down: OpenDesk
) -> None:
    sam = await sit_down("U0SAM")
    await sam.type("/xpm job J000123")
    job = sam.said("J000123 Tax return 2026")
    await expect(job).to_contain_text("Kea Ltd · In Progress")
    await expect(job).to_contain_text("Open tasks: ")
    await expect(button(job, "Open in XPM")).to_be_visible()
    await picture(sam.page, "09-job.png")

    status = await sam.type("/xpm status")
    await expect(status).to_contain_text("Connected to Kea Accounting")
    await expect(status).to_contain_text(re.compile(r"Last sync today \d\d:\d\d"))
    await expect(status).to_contain_text("Nothing is waiting to be saved.")
    await picture(sam.page, "09-status.png")
    await expect(await sam.type("/xpm sync")).to_contain_text("Syncing with XPM now")

    form = await sam.type("/xpm log")
    await expect(form).to_contain_text("Time without a call")
    await sam.choose(form, "Job", "")
    await sam.choose(form, "Task", "")
    await form.get_by_label("Minutes").fill("30")
    await form.get_by_label("Note").fill("Reading the deed")
    await form.get_by_label("Date").fill("2099-01-01")
    await button(form, "Save time").click()
    await expect(form).to_contain_text("The date is in the future. Choose today or earlier.")
    await picture(sam.page, "09-log.png")
    await button(form, "Don't log").click()
    await expect(form).to_contain_text("Not logged")


# -- 10: disconnecting -----------------------------------------------------------------------------------------------


async def test_step_10_disconnecting_asks_once_more_and_says_so_everywhere(
    connected: Stage, sit_down: OpenDesk
) -> None:
    sam = await sit_down("U0SAM")
    composer = sam.page.get_by_test_id("composer")
    await composer.fill("/xpm disconnect")
    await composer.press("Enter")
    modal = sam.modal("Disconnect XPM")
    await expect(modal).to_contain_text("Disconnect Kea Accounting?")
    await expect(modal).to_contain_text("are forgotten here")
    await expect(modal).to_contain_text("Times already saved stay in XPM.")
    await picture(sam.page, "10-disconnect.png")
    await button(modal, "Disconnect").click()
    await expect(modal).to_contain_text("Disconnected from Kea Accounting")
    await button(modal, "Close").click()
    await expect(modal).to_have_count(0)
    assert (await connected.practice())["connections"] == []
    said = sam.said("Disconnected from Kea Accounting")
    await said.scroll_into_view_if_needed()
    await expect(button(said, "Connect")).to_be_visible()
    await picture(sam.page, "10-disconnected.png")
    await sam.page.get_by_role("tab", name="Home").click()
    home = sam.page.get_by_role("tabpanel", name="Home")
    await expect(home).to_contain_text("Not connected")
    await expect(button(home, "Connect")).to_be_visible()
    await expect(button(home, "Disconnect")).to_have_count(0)

    mia = await sit_down()
    for typed in ("/xpm log", "/xpm job J000123"):
        said = await mia.type(typed)
        await expect(said).to_contain_text("XPM is not connected")
        await expect(button(said, "Connect")).to_be_visible()
    call = await mia.end_call()
    await expect(call).to_contain_text("XPM is not connected")
    await expect(call).to_contain_text("021 555 0123")
    await expect(button(call, "Connect")).to_be_visible()
