"""The built page, the real server, the real agent, a real Chromium."""

from __future__ import annotations

import asyncio
import re
import signal

from playwright.async_api import Browser, expect

from browser.pages import ChatPage
from support.process import ServerProcess, script


async def test_a_new_user_lists_the_files_with_a_reload_and_a_second_tab(browser: Browser, demo: ServerProcess) -> None:
    chat = await ChatPage.open(browser, demo.base)
    await chat.say("list the files here")
    await chat.answers("Let me look")
    await chat.page.reload()
    second = await ChatPage.open(browser, chat.page.url)
    for page in (chat, second):
        await page.answers("notes.txt")
        await page.used("terminal")
        await page.is_at_rest()
        await page.is_clean()
    assert await chat.text() == await second.text()
    await chat.page.reload()
    await chat.answers("notes.txt")
    assert (await chat.text()).count("notes.txt") == (await second.text()).count("notes.txt")
    await expect(chat.page.get_by_role("navigation", name="Sessions")).to_contain_text("list the files here")


async def test_a_reload_in_mid_stream_loses_and_doubles_nothing(browser: Browser, server: ServerProcess) -> None:
    words = [f"word{number}" for number in range(200)]
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"text": " ".join(words), "delay": 0.02}))
    await chat.answers("word20 ")
    second = await ChatPage.open(browser, chat.page.url)
    for _ in range(3):
        await asyncio.sleep(0.3)
        await chat.page.reload()
    for page in (chat, second):
        await page.answers("word199")
        await page.is_at_rest()
        assert re.findall(r"word\d+", await page.answer.inner_text()) == words


async def test_a_message_on_its_way_survives_a_reload_and_is_sent_once(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.page.route("**/api/chat/start", lambda route: route.abort())
    await chat.say(script({"text": "sent once"}))
    await chat.page.reload()
    await expect(chat.page.get_by_label("Message", exact=True)).to_have_value(script({"text": "sent once"}))
    await chat.page.unroute("**/api/chat/start")
    await chat.page.get_by_role("button", name="Send", exact=True).click()
    await chat.answers("sent once")
    await expect(chat.conversation.locator("[data-message=user]")).to_have_count(1)
    await expect(chat.page.get_by_label("Message", exact=True)).to_have_value("")


async def test_a_run_started_in_one_tab_shows_in_the_other(browser: Browser, server: ServerProcess) -> None:
    first = await ChatPage.open(browser, server.base)
    await first.say(script({"text": "the first answer"}))
    await first.answers("the first answer")
    await first.is_at_rest()
    second = await ChatPage.open(browser, first.page.url)
    await second.answers("the first answer")
    await second.say(script({"text": "the second answer " * 30, "delay": 0.02}))
    await first.answers("the second answer")
    for page in (first, second):
        await page.is_at_rest()
    assert (await first.answer.inner_text()).strip() == (await second.answer.inner_text()).strip()


async def test_the_end_stays_in_sight_over_many_turns_until_the_reader_scrolls_up(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base, viewport={"width": 1000, "height": 600})
    latest = chat.page.get_by_role("button", name="Jump to latest")
    for number in range(5):
        await chat.say(script({"text": f"answer {number}\n\n" + "a line of text\n\n" * 6, "delay": 0.002}))
        await chat.answers(f"answer {number}")
        await chat.is_at_rest()
        assert await latest.count() == 0
        await expect(chat.answer.get_by_text("a line of text").last).to_be_in_viewport()
    await chat.conversation.hover()
    await chat.page.mouse.wheel(0, -400)
    await expect(latest).to_be_visible()
    place = await chat.conversation.evaluate("box => box.scrollTop")
    await latest.click()
    await expect(latest).to_have_count(0)
    assert await chat.conversation.evaluate("box => box.scrollTop") > place


async def test_stop_keeps_what_was_said(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"text": "again and again " * 300, "delay": 0.02}))
    await chat.answers("again and again")
    await chat.stop()
    await chat.is_at_rest()
    await chat.shows("Stopped")
    said = await chat.text()
    await chat.page.reload()
    await chat.shows("Stopped")
    assert (await chat.text()).count("again and again") == said.count("again and again") > 0
    await chat.say(script({"text": "and on we go"}))
    await chat.answers("and on we go")


async def test_the_page_goes_on_when_the_server_comes_back(browser: Browser, server: ServerProcess) -> None:
    words = [f"word{number}" for number in range(250)]
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"text": " ".join(words), "delay": 0.02}))
    await chat.answers("word20 ")
    await server.stop(signal.SIGKILL)
    await expect(chat.page.locator("[data-connection]").first).not_to_have_attribute("data-connection", "live", timeout=20_000)
    await server.start()
    await chat.answers("word249")
    await chat.is_at_rest()
    assert re.findall(r"word\d+", await chat.answer.inner_text()) == words


async def test_text_of_the_model_is_never_markup(browser: Browser, server: ServerProcess) -> None:
    evil = '<img src="x" onerror="window.__ran=1"><script>window.__ran=1</script> [link](javascript:window.__ran=1) ![x](http://127.0.0.1:9/p.png)'
    chat = await ChatPage.open(browser, server.base)
    asked: list[str] = []
    chat.page.on("request", lambda request: asked.append(request.url))
    await chat.say(script({"text": f"{evil} end"}))
    await chat.answers("end")
    await chat.is_at_rest()
    assert await chat.page.evaluate("window.__ran") is None
    assert all(url.startswith(server.base) for url in asked)
    assert await chat.page.locator("a[href^=javascript]").count() == 0
