"""Permission, questions, the queue and the past of a conversation: the built page, the real server, the real agent, a real Chromium."""

from __future__ import annotations

import re

from playwright.async_api import Browser, expect

from browser.pages import PATIENCE_MS, ChatPage
from support.process import ServerProcess, script

DELETE = script({"tools": [["terminal", {"command": "rm -rf build"}]]}, {"text": "That is all."})


async def test_a_command_is_allowed_from_the_page_and_a_reload_keeps_the_question(browser: Browser, server: ServerProcess) -> None:
    (server.workspace / "build").mkdir()
    chat = await ChatPage.open(browser, server.base)
    await chat.say(DELETE)
    await expect(chat.question).to_contain_text("rm -rf build", timeout=PATIENCE_MS)
    assert (server.workspace / "build").is_dir()
    await expect(chat.page).to_have_title(re.compile("^Waiting for you"))
    await expect(chat.page.get_by_role("navigation", name="Sessions")).to_contain_text("Asks you")
    await chat.page.reload()
    await expect(chat.question).to_contain_text("rm -rf build", timeout=PATIENCE_MS)
    await chat.page.wait_for_timeout(600)
    await chat.page.get_by_role("button", name="Allow once").click()
    await chat.answers("That is all.")
    await chat.is_at_rest()
    await expect(chat.question).to_have_count(0)
    await expect(chat.page.locator("[data-decision=allowed]")).to_contain_text("Allowed once")
    assert not (server.workspace / "build").exists()
    await chat.page.reload()
    await expect(chat.page.locator("[data-decision=allowed]")).to_contain_text("Allowed once", timeout=PATIENCE_MS)
    await chat.is_clean()


async def test_a_command_is_denied_with_a_reason_that_the_agent_and_the_transcript_keep(browser: Browser, server: ServerProcess) -> None:
    (server.workspace / "build").mkdir()
    chat = await ChatPage.open(browser, server.base)
    await chat.say(DELETE)
    await expect(chat.question).to_be_visible(timeout=PATIENCE_MS)
    await chat.page.get_by_role("button", name="Deny with a reason").click()
    await chat.page.get_by_label("Reason for the denial").fill("I still need it")
    await chat.page.keyboard.press("Enter")
    await chat.answers("That is all.")
    await expect(chat.page.locator("[data-decision=denied]")).to_contain_text("Denied: I still need it")
    assert (server.workspace / "build").is_dir()
    await chat.is_clean()


async def test_what_is_allowed_for_a_session_is_listed_and_taken_back(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.say(DELETE)
    await expect(chat.question).to_be_visible(timeout=PATIENCE_MS)
    await chat.page.wait_for_timeout(600)
    await chat.page.get_by_role("button", name="For this session").click()
    await chat.answers("That is all.")
    await chat.is_at_rest()
    await chat.menu("Allowed commands")
    dialog = chat.page.get_by_role("dialog")
    await expect(dialog.get_by_role("listitem")).to_have_count(1)
    await dialog.get_by_role("button", name="Ask again").click()
    await expect(dialog.get_by_role("listitem")).to_have_count(0)


async def test_everything_is_allowed_and_the_header_says_so_until_it_is_not(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"text": "ready"}))
    await chat.answers("ready")
    await chat.is_at_rest()
    await chat.menu("Allow everything")
    await chat.page.get_by_role("dialog").get_by_role("button", name="Allow everything").click()
    badge = chat.page.get_by_role("button", name="Everything allowed")
    await expect(badge).to_be_visible()
    await chat.say(DELETE)
    await chat.answers("That is all.")
    await chat.is_at_rest()
    await expect(chat.question).to_have_count(0)
    await badge.click()
    await expect(badge).to_have_count(0)
    await chat.say(DELETE)
    await expect(chat.question).to_be_visible(timeout=PATIENCE_MS)
    await chat.page.get_by_role("button", name="Deny", exact=True).click()
    await chat.is_at_rest()


async def test_the_demo_asks_for_permission_and_a_question(browser: Browser, demo: ServerProcess) -> None:
    chat = await ChatPage.open(browser, demo.base)
    await chat.say("ask for permission")
    await expect(chat.question).to_contain_text("rm -rf ./propylon-demo-scratch", timeout=PATIENCE_MS)
    await chat.page.wait_for_timeout(600)
    await chat.page.get_by_role("button", name="Allow once").click()
    await chat.answers("The command was allowed and ran")
    await chat.is_at_rest()
    await chat.say("ask me a question")
    await expect(chat.question).to_contain_text("Which colour", timeout=PATIENCE_MS)
    await chat.page.get_by_role("button", name="Teal").click()
    await chat.answers("This is what I was told: Teal")
    await expect(chat.page.locator("[data-decision=answered]")).to_contain_text("You answered: Teal")
    await chat.is_clean()


async def test_what_is_written_while_the_agent_works_is_sent_next(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"text": "slowly " * 100, "delay": 0.02}))
    await chat.answers("slowly")
    await chat.write(script({"text": "the second answer"}))
    await expect(chat.queue).to_contain_text("the second answer")
    await chat.answers("the second answer")
    await expect(chat.queue).to_have_count(0)
    await expect(chat.conversation.locator("[data-message=user]")).to_have_count(2)
    await chat.is_at_rest()
    await chat.is_clean()


async def test_a_stop_keeps_the_queue_until_a_person_sends_it(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"text": "slowly " * 300, "delay": 0.02}))
    await chat.answers("slowly")
    await chat.write(script({"text": "the second answer"}))
    await expect(chat.queue).to_contain_text("the second answer")
    await chat.stop()
    await chat.is_at_rest()
    await expect(chat.queue).to_contain_text("nothing is sent by itself")
    await chat.page.get_by_role("button", name="Send now").click()
    await chat.answers("the second answer")


async def test_interrupting_stops_the_agent_and_sends_the_new_message(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"text": "slowly " * 300, "delay": 0.02}))
    await chat.answers("slowly")
    await chat.page.get_by_role("radio", name="Interrupt").check()
    await chat.write(script({"text": "the new answer"}))
    await chat.answers("the new answer")
    await chat.is_at_rest()
    await expect(chat.page.locator("[data-ending=stopped]")).to_have_count(1)
    await expect(chat.conversation.locator("[data-message=user]")).to_have_count(2)


async def test_words_to_the_agent_at_work_are_heard(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"tools": [["terminal", {"command": "sleep 3"}]]}, {"text": "That is all."}))
    await expect(chat.page.locator("[data-tool=terminal][data-tool-state=running]")).to_be_visible(timeout=PATIENCE_MS)
    await chat.page.get_by_role("radio", name="Steer").check()
    await chat.write("use bash instead")
    await expect(chat.page.locator("[data-notice=steer]")).to_contain_text("use bash instead")
    await chat.answers("That is all.")
    await chat.is_at_rest()
    await chat.is_clean()


async def test_a_message_is_edited_and_the_earlier_version_comes_back(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    await chat.say(script({"text": "the first answer"}))
    await chat.answers("the first answer")
    await chat.is_at_rest()
    await chat.conversation.locator("[data-message=user]").hover()
    await chat.page.get_by_role("button", name="Edit", exact=True).click()
    await chat.page.get_by_label("Edit message").fill(script({"text": "another answer"}))
    await chat.page.keyboard.press("Control+Enter")
    await chat.answers("another answer")
    await chat.is_at_rest()
    assert "the first answer" not in await chat.text()
    await chat.page.get_by_role("button", name="Undo", exact=True).click()
    await chat.answers("the first answer")
    assert "another answer" not in await chat.text()
    await chat.menu("Earlier versions")
    await chat.page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    await chat.answers("another answer")
    await chat.is_clean()


async def test_an_answer_is_made_again_an_exchange_taken_back_and_a_branch_made(browser: Browser, server: ServerProcess) -> None:
    chat = await ChatPage.open(browser, server.base)
    for number in (1, 2):
        await chat.say(script({"text": f"answer {number}"}))
        await chat.answers(f"answer {number}")
        await chat.is_at_rest()
    await chat.page.get_by_role("button", name="Answer again").click()
    await expect(chat.page.get_by_text("Replaced.")).to_be_visible()
    await chat.answers("answer 2")
    await chat.is_at_rest()
    await expect(chat.conversation.locator("[data-message=user]")).to_have_count(2)
    await chat.menu("Undo last exchange")
    await expect(chat.conversation.locator("[data-message=user]")).to_have_count(1)
    await chat.page.get_by_role("button", name="Undo", exact=True).click()
    await expect(chat.conversation.locator("[data-message=user]")).to_have_count(2)
    first = chat.page.url
    await chat.page.get_by_role("button", name="Branch from here").first.click(force=True)
    await expect(chat.page).not_to_have_url(first)
    await expect(chat.conversation.locator("[data-message=user]")).to_have_count(1)
    await chat.menu("Rename")
    await chat.page.get_by_label("Name of the session").fill("A better name")
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.get_by_role("heading", level=1)).to_have_text("A better name")
    await expect(chat.page.get_by_role("navigation", name="Sessions")).to_contain_text("A better name")
    await chat.is_clean()
