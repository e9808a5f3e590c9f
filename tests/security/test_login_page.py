"""The login screen as a person meets it: by keyboard, on a phone, in both themes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import async_playwright

import propylon
from propylon.web import static
from security.conftest import PASSWORD

CHROMIUM = os.environ.get("PROPYLON_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PAGE = static.find_page(Path(propylon.__file__).parent)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; scripts/test installs it"),
    pytest.mark.skipif(PAGE is None, reason="the page is not built; scripts/build builds it"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_one_comes_in_by_keyboard_and_lands_where_one_wanted(locked_server: httpx2.AsyncClient, theme: str) -> None:
    async with async_playwright() as playwright:
        args = ["--disable-gpu", *(["--no-sandbox"] if os.getuid() == 0 else [])]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        page = await browser.new_page(viewport={"width": 390, "height": 700}, color_scheme="dark" if theme == "dark" else "light")
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{locked_server.base_url}/#/s/somewhere")
        assert page.url.endswith("/login?next=%2F#/s/somewhere")
        alert = page.get_by_role("alert")
        await page.keyboard.press("Enter")
        assert await alert.inner_text() == "Enter your password."
        await page.keyboard.type("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_text("That is not the password. Try again.").wait_for()
        assert await page.evaluate("document.activeElement.id") == "password"
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await page.get_by_label("Password", exact=True).get_attribute("type") == "text"
        await page.keyboard.press("ControlOrMeta+a")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/#/s/somewhere")
        assert await page.evaluate("document.cookie") == "", "no script can read it"
        await page.goto(f"{locked_server.base_url}/login?next=//evil.example")
        assert page.url == f"{locked_server.base_url}/"
        await page.context.clear_cookies()
        await page.reload()
        assert "/login?next=" in page.url
        assert complaints == []
        await browser.close()
