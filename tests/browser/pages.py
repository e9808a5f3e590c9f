"""The page in the words of the product."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect

PATIENCE_MS = 30_000

# What the strict policy refuses, and what the page throws, is kept where a test can read it.
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (e) => window.__violations.push(e.violatedDirective + " " + e.blockedURI));
"""


class ChatPage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"thrown: {error}"))
        page.on("console", self._said)

    def _said(self, message: Any) -> None:
        lost = "net::ERR" in message.text or "Failed to load resource" in message.text
        if message.type in ("error", "warning") and not lost:
            self.problems.append(f"{message.type}: {message.text}")

    @classmethod
    async def open(cls, where: Browser | BrowserContext, url: str, **options: Any) -> ChatPage:
        page = await where.new_page(**options)
        page.set_default_timeout(PATIENCE_MS)
        await page.add_init_script(WATCH)
        chat = cls(page)
        await page.goto(url)
        return chat

    async def say(self, text: str) -> None:
        await self.page.get_by_label("Message", exact=True).fill(text)
        await self.page.get_by_role("button", name="Send", exact=True).click()

    async def write(self, text: str) -> None:
        """Write while the agent works; Enter does what is chosen for that."""
        await self.page.get_by_label("Message", exact=True).fill(text)
        await self.page.get_by_label("Message", exact=True).press("Enter")

    async def menu(self, item: str) -> None:
        await self.page.get_by_role("button", name="Session", exact=True).click()
        await self.page.get_by_role("menuitem", name=item).click()

    @property
    def question(self) -> Any:
        """What waits for the person, above the composer."""
        return self.page.locator("[data-question]")

    @property
    def queue(self) -> Any:
        return self.page.get_by_role("region", name="Queue")

    async def stop(self) -> None:
        await self.page.get_by_role("button", name="Stop").click()

    @property
    def conversation(self) -> Any:
        return self.page.get_by_role("log", name="Conversation")

    @property
    def answer(self) -> Any:
        """The newest answer."""
        return self.conversation.locator("[data-message=assistant]").last

    async def shows(self, text: str | re.Pattern[str]) -> None:
        await expect(self.conversation).to_contain_text(text, timeout=PATIENCE_MS)

    async def answers(self, text: str) -> None:
        """The newest answer contains the text (a person's own message does not count)."""
        await expect(self.answer).to_contain_text(text, timeout=PATIENCE_MS)

    async def used(self, tool: str) -> None:
        await expect(self.conversation.locator(f"[data-tool={tool}][data-tool-state=done]").first).to_be_visible(timeout=PATIENCE_MS)

    async def is_at_rest(self) -> None:
        busy = self.page.locator("[data-run-state=sending], [data-run-state=running], [data-run-state=stopping]")
        await expect(busy).to_have_count(0, timeout=PATIENCE_MS)

    async def text(self) -> str:
        """All that the conversation says, without what only a live view has."""
        return str(await self.conversation.inner_text())

    async def is_clean(self) -> None:
        """No refused resource, nothing thrown, nothing logged as an error, no sideways scrolling."""
        assert await self.page.evaluate("window.__violations") == []
        assert self.problems == []
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await self.page.evaluate(wide)
