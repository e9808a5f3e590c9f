"""What the page must do over the mock server, in a real browser: reload, two tabs, a dropped line, drafts, stop, paging.

npm run build && npx vite preview --mode mock --port 4180 &
python e2e/behave.py [part of the names of cases]
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

BASE = os.environ.get("PAGE", "http://localhost:4180/any/prefix/")


def opened(context: BrowserContext, address: str = BASE) -> Page:
    page = context.new_page()
    page.goto(address)
    expect(page.locator("[data-connection=live]")).to_be_visible(timeout=10_000)
    return page


def send(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def state(page: Page, name: str) -> None:
    expect(page.locator(f"[data-run-state={name}]")).to_be_visible(timeout=30_000)


def answer(page: Page) -> str:
    return page.locator("[data-message=assistant]").last.inner_text()


def a_reload_resumes_the_run(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Tell me a long story")
    page.wait_for_timeout(1500)
    page.reload()
    state(page, "running")
    expect(page.locator("[data-message=user]")).to_have_count(1)
    state(page, "done")
    live = answer(page)
    assert live.count("The gate stood open") == 30, live[-300:]
    page.reload()
    expect(page.locator("[data-message=assistant]")).to_have_count(1)
    page.wait_for_timeout(300)
    assert answer(page) == live


def another_tab_joins(context: BrowserContext) -> None:
    one = opened(context)
    send(one, "What can you do?")
    state(one, "done")
    two = opened(context, one.url)
    expect(two.locator("[data-message=assistant]")).to_have_count(1)
    send(one, "Use some tools")
    state(two, "running")
    expect(two.locator("[data-message=user]")).to_have_count(2)
    state(two, "done")
    state(one, "done")
    assert answer(one) == answer(two)


def a_dropped_line_loses_nothing(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Please drop the line")
    state(page, "done")
    words = re.findall(r"word\d+", answer(page))
    assert words == [f"word{n + 1}" for n in range(60)], words


def stop_keeps_what_was_shown(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Tell me a long story")
    page.wait_for_timeout(1200)
    page.get_by_role("button", name="Stop").click()
    state(page, "cancelled")
    expect(page.locator("[data-ending=stopped]")).to_be_visible()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()


def a_draft_outlives_the_page(context: BrowserContext) -> None:
    page = opened(context)
    page.get_by_label("Message", exact=True).fill("half a thought")
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_have_value("half a thought")
    page.get_by_label("Message", exact=True).fill("")


def a_refused_message_comes_back(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "refuse me")
    expect(page.get_by_role("alert")).to_contain_text("not sent")
    expect(page.get_by_label("Message", exact=True)).to_have_value("refuse me")


def enter_while_working_queues(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Work for a while")
    state(page, "running")
    send(page, "What can you do?")
    expect(page.get_by_role("region", name="Queue")).to_contain_text("What can you do?")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    expect(page.locator("[data-message=user]")).to_have_count(2, timeout=20_000)
    state(page, "done")
    expect(page.get_by_role("region", name="Queue")).to_have_count(0)


def a_stop_pauses_the_queue(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Work for a while")
    state(page, "running")
    for text in ("first", "second"):
        send(page, text)
        expect(page.get_by_role("region", name="Queue")).to_contain_text(text)
    page.keyboard.press("Escape")
    state(page, "cancelled")
    expect(page.get_by_role("region", name="Queue")).to_contain_text("nothing is sent by itself")
    page.get_by_role("button", name="Move down").first.click()
    expect(page.locator("[aria-label=Queue] li").first).to_contain_text("second")
    page.get_by_role("button", name="Send now").click()
    expect(page.locator("[data-message=user]").nth(1)).to_contain_text("second")


def steering_is_said_and_what_was_not_heard_comes_next(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Just talk")
    page.get_by_role("radio", name="Steer").check()
    send(page, "In short, please")
    expect(page.locator("[data-notice=steer]")).to_contain_text("In short, please")
    expect(page.locator("[data-notice=steer_leftover]")).to_be_visible(timeout=30_000)
    expect(page.locator("[data-message=user]").last).to_contain_text("In short, please", timeout=20_000)
    state(page, "done")


def refused_words_come_back(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Do not listen")
    page.get_by_role("radio", name="Steer").check()
    send(page, "Hurry")
    expect(page.get_by_role("alert").filter(has_text="did not take it")).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_have_value("Hurry")


def interrupting_starts_something_else(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Tell me a long story")
    state(page, "running")
    page.get_by_role("radio", name="Interrupt").check()
    send(page, "What can you do?")
    expect(page.locator("[data-message=user]")).to_have_count(2)
    state(page, "done")
    expect(page.locator("[data-ending=stopped]")).to_have_count(1)
    expect(page.locator("[data-message=assistant]").last).to_contain_text("Tell me what you want done")


def asked(page: Page, text: str) -> None:
    send(page, text)
    expect(page.locator("[data-question]")).to_be_visible(timeout=20_000)


def enter_never_allows(context: BrowserContext) -> None:
    page = opened(context)
    asked(page, "Ask for permission")
    page.wait_for_timeout(1700)
    expect(page.get_by_role("button", name="Deny", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    state(page, "done")
    expect(page.locator("[data-decision=denied]")).to_be_visible()


def typing_is_left_alone_by_a_question(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Ask for permission")
    field = page.get_by_label("Message", exact=True)
    field.press_sequentially("while I type this", delay=100)
    expect(page.locator("[data-question]")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("while I type this")


def a_letter_typed_on_deny_goes_to_the_composer(context: BrowserContext) -> None:
    page = opened(context)
    asked(page, "Ask for permission")
    expect(page.get_by_role("button", name="Deny", exact=True)).to_be_focused()
    page.keyboard.type("no, wait", delay=40)
    expect(page.get_by_label("Message", exact=True)).to_have_value("no, wait")
    expect(page.locator("[data-question]")).to_be_visible()


def a_question_is_answered_in_another_tab(context: BrowserContext) -> None:
    one = opened(context)
    asked(one, "Ask for permission")
    two = opened(context, one.url)
    two.wait_for_timeout(700)
    expect(two.locator("[data-question]")).to_be_visible()
    expect(two).to_have_title(re.compile("^Waiting for you"))
    two.get_by_role("button", name="Allow once").click()
    for page in (one, two):
        state(page, "done")
        expect(page.locator("[data-question]")).to_have_count(0)
        expect(page.locator("[data-decision=allowed]")).to_be_visible()


def each_of_several_is_answered_by_itself(context: BrowserContext) -> None:
    page = opened(context)
    asked(page, "Ask several at once")
    expect(page.get_by_text("1 of 3")).to_be_visible()
    page.get_by_role("button", name="Next question").click()
    expect(page.get_by_label("Command")).to_contain_text("rm -rf .cache")
    page.wait_for_timeout(600)
    page.get_by_role("button", name="Allow once").click()
    expect(page.get_by_text("1 of 2")).to_be_visible()
    page.get_by_role("button", name="Deny", exact=True).click()
    page.get_by_role("button", name="Yes").click()
    state(page, "done")
    decisions = page.locator("[data-decision]").evaluate_all("all => all.map(one => one.dataset.decision)")
    assert decisions == ["denied", "allowed", "answered"], decisions


def a_late_answer_can_be_asked_for_again(context: BrowserContext) -> None:
    page = opened(context)
    asked(page, "Ask in a hurry")
    state(page, "done")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator("[data-question]")).to_be_visible(timeout=15_000)


def an_edit_replaces_and_undo_restores(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "What can you do?")
    state(page, "done")
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Edit message").fill("Write a haiku")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-message=assistant]").last).to_contain_text("I wrote the haiku", timeout=20_000)
    expect(page.locator("[data-message=user]")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-message=user]").last).to_contain_text("What can you do?")


def an_edit_of_what_changed_keeps_the_text(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "What can you do?")
    state(page, "done")
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Edit message").fill("changed elsewhere")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("changed elsewhere meanwhile")
    expect(page.get_by_label("Edit message")).to_have_value("changed elsewhere")


def a_branch_is_another_session(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "What can you do?")
    state(page, "done")
    before = page.url
    page.get_by_role("button", name="Branch from here").last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("(branch)")
    assert page.url != before


def a_long_thread_pages_upward(context: BrowserContext) -> None:
    page = opened(context, f"{BASE}#/s/long")
    log = page.get_by_role("log", name="Conversation")
    expect(page.locator("[data-message=assistant]").last).to_contain_text("ask about a file by name")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "msg_before" in request.url else None)
    log.hover()
    for _ in range(40):
        page.mouse.wheel(0, -900)
        page.wait_for_timeout(40)
    expect(page.get_by_role("button", name="Jump to latest")).to_be_visible()
    assert len(asked) >= 2, asked
    assert page.locator("[data-message]").count() < 60
    page.get_by_role("button", name="Jump to latest").click()
    page.wait_for_timeout(400)
    gap = log.evaluate("box => box.scrollHeight - box.clientHeight - box.scrollTop")
    assert gap < 4, gap


def reading_further_up_is_left_in_peace(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Tell me a long story")
    page.wait_for_timeout(3500)
    log = page.get_by_role("log", name="Conversation")
    log.hover()
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(200)
    before = log.evaluate("box => box.scrollTop")
    page.wait_for_timeout(1500)
    assert log.evaluate("box => box.scrollTop") == before
    page.keyboard.press("Escape")
    state(page, "cancelled")


def large_results_are_fetched_whole(context: BrowserContext) -> None:
    page = opened(context)
    send(page, "Read a large file")
    state(page, "done")
    page.locator("[data-tool=read_file] button").first.click()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_text("line 4000 of a long log")).to_be_attached()


def a_missing_session_says_so(context: BrowserContext) -> None:
    page = opened(context, f"{BASE}#/s/nothing")
    expect(page.get_by_text("This session does not exist")).to_be_visible()
    page.get_by_role("button", name="Start a new session").click()
    expect(page.get_by_role("textbox", name="Message")).to_be_visible()


def offline_is_said(context: BrowserContext) -> None:
    page = opened(context)
    context.set_offline(True)
    expect(page.locator("[data-connection=offline]")).to_be_visible()
    context.set_offline(False)
    expect(page.locator("[data-connection=live]")).to_be_visible(timeout=15_000)


CASES: list[Callable[[BrowserContext], None]] = [
    a_reload_resumes_the_run,
    another_tab_joins,
    a_dropped_line_loses_nothing,
    stop_keeps_what_was_shown,
    a_draft_outlives_the_page,
    a_refused_message_comes_back,
    enter_while_working_queues,
    a_stop_pauses_the_queue,
    steering_is_said_and_what_was_not_heard_comes_next,
    refused_words_come_back,
    interrupting_starts_something_else,
    enter_never_allows,
    typing_is_left_alone_by_a_question,
    a_letter_typed_on_deny_goes_to_the_composer,
    a_question_is_answered_in_another_tab,
    each_of_several_is_answered_by_itself,
    a_late_answer_can_be_asked_for_again,
    an_edit_replaces_and_undo_restores,
    an_edit_of_what_changed_keeps_the_text,
    a_branch_is_another_session,
    a_long_thread_pages_upward,
    reading_further_up_is_left_in_peace,
    large_results_are_fetched_whole,
    a_missing_session_says_so,
    offline_is_said,
]


def main(only: str) -> int:
    failures = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for case in CASES:
            if only not in case.__name__:
                continue
            context = browser.new_context(viewport={"width": 1200, "height": 800})
            noise: list[str] = []
            context.on("console", lambda message, noise=noise: noise.append(message.text) if "ecurity" in message.text else None)
            try:
                case(context)
                assert not noise, noise
                sys.stdout.write(f"ok   {case.__name__}\n")
            except Exception as error:  # noqa: BLE001
                failures += 1
                sys.stdout.write(f"FAIL {case.__name__} {str(error)[:600]}\n")
            context.close()
        browser.close()
    return failures


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1] if len(sys.argv) > 1 else "")))
