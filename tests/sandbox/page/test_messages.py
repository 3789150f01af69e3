"""What a person sees and does in messages."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from . import scenes
from .stub import Stub, message

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

JOBS = {
    "option_groups": [
        {
            "label": scenes.text("Kea Ltd"),
            "options": [
                scenes.option("J000123 Tax return 2026", "J000123"),
                scenes.option("J000124 GST return May–Jun", "J000124"),
            ],
        },
        {
            "label": scenes.text("Your other jobs"),
            "options": [scenes.option("J000125 Trust accounts 2026", "J000125")],
        },
    ]
}


async def show(stub: Stub, page: Page, *messages: dict[str, Any]) -> None:
    stub.state["messages"] = list(messages)
    stub.tell()
    last = page.locator(f'[data-ts="{messages[-1]["ts"]}"]')
    await last.wait_for()


async def sent(stub: Stub, path: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait until the page has sent `count` bodies to a path."""
    async with asyncio.timeout(5):
        while len(stub.bodies(path)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return stub.bodies(path)


async def test_the_job_menu_opens_at_once_and_two_clicks_choose(stub: Stub, page: Page) -> None:
    stub.options = JOBS
    await show(stub, page, message("1.0", scenes.offered()))
    menu = page.get_by_role("combobox", name="Choose a job")
    await menu.click()
    await page.get_by_role("option", name="J000124 GST return May–Jun").click()
    [body] = await sent(stub, "/client/action")
    option = scenes.option("J000124 GST return May–Jun", "J000124")
    assert body == {
        "team": "T0KEA",
        "user": "U0SAM",
        "container": {"type": "message", "channel": "D0SAM", "ts": "1.0"},
        "block_id": "job",
        "action_id": "choose_job",
        "value": option,
        "state": {"job": {"choose_job": option}},
    }
    assert stub.bodies("/client/options")[0]["value"] == ""
    await expect(menu).to_have_value("J000124 GST return May–Jun")


async def test_typing_in_a_menu_asks_once_after_a_pause(stub: Stub, page: Page) -> None:
    stub.options = JOBS
    await show(stub, page, message("1.0", scenes.offered()))
    menu = page.get_by_role("combobox", name="Choose a job")
    await menu.click()
    await page.get_by_test_id("menu").get_by_role("option").first.wait_for()
    await menu.press_sequentially("gst", delay=20)
    bodies = await sent(stub, "/client/options", 2)
    assert [body["value"] for body in bodies] == ["", "gst"]


async def test_a_menu_with_nothing_in_it_says_so(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.offered()))
    await page.get_by_role("combobox", name="Choose a job").click()
    await expect(page.get_by_text("No results")).to_be_visible()


async def test_a_menu_works_by_keyboard_alone(stub: Stub, page: Page) -> None:
    stub.options = JOBS
    await show(stub, page, message("1.0", scenes.offered()))
    menu = page.get_by_role("combobox", name="Choose a job")
    await menu.focus()
    await page.keyboard.press("ArrowDown")
    await page.get_by_test_id("menu").get_by_role("option").first.wait_for()
    await page.keyboard.press("Escape")
    await expect(menu).to_have_attribute("aria-expanded", "false")
    await page.keyboard.press("ArrowDown")
    await page.get_by_test_id("menu").get_by_role("option").first.wait_for()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    [body] = await sent(stub, "/client/action")
    assert body["value"]["value"] == "J000124"


async def test_an_open_menu_stays_open_when_something_else_changes(stub: Stub, page: Page) -> None:
    stub.options = JOBS
    await show(stub, page, message("1.0", scenes.offered()))
    menu = page.get_by_role("combobox", name="Choose a job")
    await menu.click()
    await menu.press_sequentially("tax")
    await show(stub, page, message("1.0", scenes.offered()), message("2.0", text="Hello"))
    await expect(menu).to_have_attribute("aria-expanded", "true")
    await expect(menu).to_have_value("tax")
    await expect(menu).to_be_focused()


async def test_an_open_menu_closes_when_its_message_is_answered(stub: Stub, page: Page) -> None:
    stub.options = JOBS
    await show(stub, page, message("1.0", scenes.offered()))
    await page.get_by_role("combobox", name="Choose a job").click()
    await page.get_by_test_id("menu").get_by_role("option").first.wait_for()
    stub.state["messages"] = [message("1.0", scenes.sent())]
    stub.tell()
    await expect(page.get_by_test_id("menu").get_by_role("option")).to_have_count(0)


async def test_a_click_sends_what_stands_in_every_input(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.chosen()))
    await page.get_by_label("Minutes", exact=True).first.fill("18")
    await page.get_by_role("button", name="Save time").click()
    [body] = await sent(stub, "/client/action")
    assert (body["action_id"], body["value"]) == ("save", None)
    assert body["state"] == {
        "job": {"choose_job": None},
        "task": {"task": "t1"},
        "minutes": {"minutes": "18"},
        "note": {"note": "Call with Ana Example"},
    }


async def test_a_redraw_keeps_focus_caret_and_what_is_typed(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.chosen()))
    note = page.get_by_label("Note")
    await note.fill("Asked about tax")
    await note.evaluate("node => node.setSelectionRange(3, 3)")
    await show(stub, page, message("0.5", text="Earlier"), message("1.0", scenes.chosen()))
    await page.get_by_text("Earlier").wait_for()
    await page.keyboard.type("!")
    await expect(note).to_have_value("Ask!ed about tax")


async def test_a_new_block_id_starts_anew(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", [scenes.note_input("note")]))
    await page.get_by_label("Note").fill("Mine")
    await show(stub, page, message("1.0", [scenes.note_input("note-2", "Fresh")], edited=True))
    await expect(page.get_by_label("Note")).to_have_value("Fresh")


async def test_what_the_workspace_remembers_wins_over_the_start(stub: Stub, page: Page) -> None:
    known = {"note": {"note": {"type": "plain_text_input", "value": "Kept"}}}
    await show(stub, page, message("1.0", [scenes.note_input()], state=known))
    await expect(page.get_by_label("Note")).to_have_value("Kept")


async def test_markup_in_text_is_only_text(stub: Stub, page: Page) -> None:
    nasty = "<img src=x onerror=alert(1)> &lt;script&gt; <javascript:alert(1)|press>"
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": scenes.mrkdwn(nasty)},
        {"type": "header", "text": scenes.text("<b>bold</b>")},
        {
            "type": "actions",
            "block_id": "a",
            "elements": [
                {
                    "type": "button",
                    "action_id": "x",
                    "text": scenes.text("<i>Go</i>"),
                    "url": "javascript:alert(1)",
                }
            ],
        },
    ]
    await show(stub, page, message("1.0", blocks))
    row = page.locator('[data-ts="1.0"]')
    await expect(row.locator("img, script, header b, i")).to_have_count(0)
    await expect(row.locator("a")).to_have_count(0)
    await expect(row).to_contain_text("<script>")
    await expect(row).to_contain_text("<b>bold</b>")


async def test_mrkdwn_looks_as_in_slack(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.every_element()))
    row = page.locator('[data-ts="1.0"]')
    for tag, words in (
        ("b", "bold"),
        ("i", "italic"),
        ("s", "struck"),
        ("code", "code"),
        ("pre", "x = 1 < 2"),
        ("blockquote", "quoted words"),
    ):
        await expect(row.locator(f".section-text {tag}").first).to_have_text(words)
    link = row.get_by_role("link", name="a link")
    await expect(link).to_have_attribute("href", "https://example.com/a?b=1&c=2")
    await expect(row.get_by_text("@Mia Chen")).to_be_visible()
    await expect(row).to_contain_text("✅")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("snake_case_name stays", "snake_case_name stays"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("09:30:00 and :nonsense:", "09:30:00 and :nonsense:"),
        ("&amp;lt; once", "&lt; once"),
        ("<!date^1795396620^{time}|then> o'clock", "14:17 o'clock"),
        ("<!date^nonsense^{time}|then>", "then"),
        ("an *unfinished line", "an *unfinished line"),
        ("<@U0GONE|Olga>", "@Olga"),
    ],
)
async def test_text_that_only_looks_like_markup(
    stub: Stub, page: Page, words: str, shown: str
) -> None:
    await show(stub, page, message("1.0", text=words))
    await expect(page.locator('[data-ts="1.0"] .message-text')).to_have_text(shown)


async def test_what_the_page_does_not_know_is_a_clear_box(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.every_element()))
    await expect(page.get_by_text("Unknown block: video")).to_be_visible()
    await expect(page.get_by_text("Unknown block: multi_users_select")).to_be_visible()


async def test_an_ephemeral_message_says_who_sees_it(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", text="Not saved", ephemeral=True))
    row = page.locator('[data-ephemeral="true"]')
    await expect(row.get_by_text("Only visible to you")).to_be_visible()


async def test_a_time_stands_in_the_persons_zone(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", text="Hello", edited=True))
    row = page.locator('[data-ts="1.0"]')
    await expect(row.locator("time")).to_have_text("14:17")
    await expect(row.get_by_text("(edited)")).to_be_visible()


async def test_a_confirmed_button_acts_only_after_yes(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.sent()))
    await page.get_by_role("button", name="Undo").click()
    question = page.get_by_role("alertdialog", name="Remove this time?")
    await question.get_by_role("button", name="Keep").click()
    await expect(question).to_have_count(0)
    assert stub.bodies("/client/action") == []
    await page.get_by_role("button", name="Undo").click()
    await question.get_by_role("button", name="Remove").click()
    [body] = await sent(stub, "/client/action")
    assert body["action_id"] == "undo"


async def test_a_button_with_an_address_opens_it_and_tells_the_app(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.sent()))
    button = page.get_by_role("button", name="Open in XPM")
    await expect(button).to_have_attribute("href", "https://example.com/J000123")
    await expect(button).to_have_attribute("target", "_blank")
    await expect(button).to_have_attribute("rel", "noopener noreferrer")


async def test_choices_send_their_values(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.every_element()))
    await page.get_by_role("radio", name="Second").check()
    await page.get_by_role("checkbox", name="First").check()
    radio, boxes = await sent(stub, "/client/action", 2)
    assert radio["value"] == "2"
    assert sorted(boxes["value"]) == ["1", "2"]
    assert boxes["state"]["all"]["d"] == "2026-11-23"
    assert boxes["state"]["all"]["t"] == "14:05"


async def test_an_overflow_choice_goes_out_as_its_value(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", scenes.every_element()))
    await page.get_by_role("button", name="More actions").click()
    await page.get_by_role("menuitem", name="Second").click()
    [body] = await sent(stub, "/client/action")
    assert (body["action_id"], body["value"]) == ("o", "2")


async def test_enter_sends_and_shift_enter_does_not(stub: Stub, page: Page) -> None:
    composer = page.get_by_label("Message", exact=True)
    await composer.fill("/xpm status")
    await composer.press("Shift+Enter")
    assert stub.bodies("/client/command") == []
    await composer.press("Enter")
    [body] = await sent(stub, "/client/command")
    assert body == {
        "team": "T0KEA",
        "user": "U0SAM",
        "conversation": "D0SAM",
        "text": "/xpm status",
    }
    await expect(composer).to_have_value("")


async def test_a_person_deletes_a_message(stub: Stub, page: Page) -> None:
    await show(stub, page, message("1.0", text="Hello"))
    await page.locator('[data-ts="1.0"]').hover()
    await page.get_by_role("button", name="Delete message").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    [body] = await sent(stub, "/client/delete")
    assert (body["channel"], body["ts"]) == ("D0SAM", "1.0")
