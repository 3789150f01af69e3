"""Somebody in front of the page, and the screenshots that are kept of what they see."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Locator, Page, expect

SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
WISH = "XPM_SLACK_SCREENSHOTS"
"""Screenshots are rewritten only when this variable is 1, so that a test run leaves the tree as it was."""


async def picture(what: Page | Locator, name: str, *secrets: Locator) -> None:
    """Keeps a screenshot under docs/screenshots when somebody asked for it, with secrets painted over."""
    if os.environ.get(WISH) == "1":
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await what.screenshot(
            path=SCREENSHOTS / name, animations="disabled", mask=[*secrets], mask_color="#b9c4c2"
        )


@dataclass
class Desk:
    """Somebody in front of the page; what they see is found as they would name it."""

    page: Page
    errors: list[str] = field(default_factory=list)

    @property
    def messages(self) -> Locator:
        """All messages of the open conversation, the newest last."""
        return self.page.get_by_test_id("message")

    def said(self, words: str) -> Locator:
        """The newest message with these words."""
        return self.messages.filter(has_text=words).last

    def modal(self, title: str) -> Locator:
        """The open modal of that title."""
        return self.page.get_by_role("dialog", name=title)

    async def newest_after(self, deed: Callable[[], Awaitable[object]]) -> Locator:
        """The one message that a deed brings; it is the same message after it was changed."""
        before = await self.messages.count()
        await deed()
        await expect(self.messages).to_have_count(before + 1)
        stamp = await self.messages.last.get_attribute("data-ts")
        return self.page.locator(f'[data-ts="{stamp}"]')

    async def type(self, text: str) -> Locator:
        """Types a slash command; the message that answers it."""

        async def enter() -> None:
            composer = self.page.get_by_test_id("composer")
            await composer.fill(text)
            await composer.press("Enter")

        return await self.newest_after(enter)

    async def end_call(
        self, caller: str = "Kea Ltd|Ana Example|021 555 0123", minutes: int = 12
    ) -> Locator:
        """Ends a call on the panel's telephone; the message that it brings to who took it."""
        await self.page.get_by_test_id("call-with").select_option(caller)
        await self.page.get_by_test_id("call-minutes").fill(str(minutes))
        return await self.newest_after(self.page.get_by_test_id("end-call").click)

    def option(self, words: str) -> Locator:
        """An option of the open menu; no words for the first one."""
        return self.page.get_by_test_id("menu").get_by_role("option", name=words).first

    async def choose(self, message: Locator, menu: str, option: str) -> None:
        """Chooses in one of a message's menus; no words for the first option."""
        await message.get_by_role("combobox", name=menu).click()
        await self.option(option).click()


OpenDesk = Callable[..., Awaitable[Desk]]
