"""Photographs of the built page over the mock server, in both themes and three widths.

    npm run build && npx vite preview --mode mock --port 4180 &
    python e2e/look.py <folder for the pictures> [beginning of names of scenes]

Fails on any policy violation, console error, layout shift or finding of axe.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

BASE = os.environ.get("PAGE", "http://localhost:4180/any/prefix/")
AXE = Path(__file__).parent.parent / "node_modules/axe-core/axe.min.js"
SIZES = {1440: 900, 900: 800, 390: 844}
# The columns of a table that is still being written may move a little.
SHIFT_LIMIT = 0.035
# Steps folding away, and what is opened by hand, is the one movement that is meant.
FOLD_LIMIT = 0.2

WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput)
    // What stands at the end of a growing text moves down with it.
    if (!entry.sources.every(({node}) => node?.className?.includes?.('foot')))
    window.shifts.push([entry.value, entry.sources.map(({node}) => node?.className || node?.nodeName)]);
}).observe({ type: 'layout-shift', buffered: true });
"""


def send(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def finished(page: Page, state: str = "done") -> None:
    expect(page.locator(f"[data-run-state={state}]")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(400)


def streaming(page: Page) -> None:
    send(page, "Show me markdown")
    page.wait_for_timeout(1900)


def markdown(page: Page) -> None:
    send(page, "Show me markdown")
    finished(page)


def markdown_top(page: Page) -> None:
    markdown(page)
    page.get_by_role("log").evaluate("box => { box.scrollTop = 0 }")
    page.wait_for_timeout(200)


def tools_live(page: Page) -> None:
    send(page, "Use some tools")
    expect(page.locator("[data-tool-state=failed]")).to_be_visible(timeout=20_000)
    page.wait_for_timeout(700)


def tools_folded(page: Page) -> None:
    send(page, "Use some tools")
    finished(page)


def tools_open(page: Page) -> None:
    tools_folded(page)
    page.get_by_role("button", name="Worked for").last.click()
    page.locator("[data-tool=patch] button").first.click()
    page.locator("[data-tool-state=failed] button").first.click()
    page.wait_for_timeout(200)


def failure(page: Page) -> None:
    send(page, "Please fail")
    finished(page, "failed")
    page.get_by_text("Technical details").first.click()
    page.wait_for_timeout(200)


def stopped(page: Page) -> None:
    send(page, "Tell me a long story")
    page.wait_for_timeout(900)
    page.keyboard.press("Escape")
    finished(page, "cancelled")


def refused(page: Page) -> None:
    send(page, "refuse me, please")
    expect(page.get_by_role("alert")).to_be_visible()


def drawer(page: Page) -> None:
    page.get_by_role("button", name="Sessions").click()
    page.wait_for_timeout(500)


def model_note(page: Page) -> None:
    page.get_by_role("button", name="Model:").click()
    page.wait_for_timeout(200)


def long_thread(page: Page) -> None:
    page.goto(f"{BASE}#/s/long")
    page.wait_for_timeout(900)


def first_start(page: Page) -> None:
    page.wait_for_timeout(300)


def asked(page: Page, text: str) -> None:
    send(page, text)
    expect(page.locator("[data-question]")).to_be_visible(timeout=20_000)
    page.wait_for_timeout(1800)


def approval(page: Page) -> None:
    asked(page, "Ask for permission")


def approval_long(page: Page) -> None:
    asked(page, "Ask about a long command")


def approval_hidden(page: Page) -> None:
    asked(page, "Ask about something hidden")
    page.get_by_role("button", name="Deny with a reason").click()
    page.get_by_label("Reason for the denial").fill("Download it and read it first")


def approval_failed(page: Page) -> None:
    asked(page, "Ask for permission")
    page.get_by_role("button", name="Deny with a reason").click()
    page.get_by_label("Reason for the denial").fill("refuse me")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your answer did not arrive")).to_be_visible()


def approvals(page: Page) -> None:
    asked(page, "Ask several at once")
    expect(page.get_by_text("1 of 3")).to_be_visible()


def denied_with_reason(page: Page) -> None:
    asked(page, "Ask for permission")
    page.get_by_role("button", name="Deny with a reason").click()
    page.get_by_label("Reason for the denial").fill("Keep it, I still need it")
    page.keyboard.press("Enter")
    finished(page)


def expired(page: Page) -> None:
    asked(page, "Ask in a hurry")
    finished(page)


def clarify(page: Page) -> None:
    asked(page, "Ask me which database")


def clarify_free(page: Page) -> None:
    asked(page, "Ask me anything")


def queue(page: Page) -> None:
    send(page, "Work for a while")
    expect(page.locator("[data-run-state=running]")).to_be_visible()
    for text in ("Then write the changelog", "And bump the version, but only if the tests pass on both machines", "Thank you"):
        page.get_by_label("Message", exact=True).fill(text)
        page.get_by_role("button", name="Queue").last.click()
        expect(page.get_by_role("region", name="Queue")).to_contain_text(text)
    page.get_by_label("Message", exact=True).fill("One more thing")


def queue_paused(page: Page) -> None:
    queue(page)
    page.get_by_label("Message", exact=True).fill("")
    page.get_by_role("button", name="Stop").click()
    finished(page, "cancelled")
    page.get_by_role("button", name="Edit").last.click()


def steer(page: Page) -> None:
    send(page, "Work for a while")
    page.get_by_role("radio", name="Steer").check()
    expect(page.locator("[data-tool-state=running]")).to_be_visible()
    page.get_by_label("Message", exact=True).fill("Use pnpm instead")
    page.keyboard.press("Enter") if page.viewport_size["width"] > 560 else page.get_by_role("button", name="Steer").last.click()
    expect(page.get_by_text("Use pnpm instead")).to_be_visible()
    page.wait_for_timeout(300)


def steer_refused(page: Page) -> None:
    send(page, "Do not listen")
    page.get_by_role("radio", name="Steer").check()
    page.get_by_label("Message", exact=True).fill("Hurry")
    page.get_by_role("button", name="Steer").last.click()
    expect(page.get_by_role("alert")).to_contain_text("did not take it")


def subagents(page: Page) -> None:
    send(page, "Delegate this")
    expect(page.locator("[data-subagent=failed]")).to_be_visible(timeout=20_000)
    page.wait_for_timeout(400)


def subagents_done(page: Page) -> None:
    send(page, "Delegate this")
    finished(page)
    page.get_by_role("button", name="Worked for").last.click()
    page.locator("[data-subagent=completed] button").first.click()
    page.wait_for_timeout(200)


def editing(page: Page) -> None:
    send(page, "What can you do?")
    finished(page)
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Edit message").fill("What can you do in this folder?\nBe brief.")


def edited(page: Page) -> None:
    editing(page)
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(600)
    finished(page)


def menu(page: Page) -> None:
    send(page, "What can you do?")
    finished(page)
    page.get_by_role("button", name="Session", exact=True).click()
    page.wait_for_timeout(200)


def settings(page: Page) -> None:
    menu(page)
    page.get_by_role("menuitem", name="Manner and thinking").click()
    page.wait_for_timeout(400)
    page.get_by_label("Manner").last.select_option("teacher")
    page.wait_for_timeout(200)


def context(page: Page) -> None:
    send(page, "What can you do?")
    finished(page)
    page.get_by_role("button", name="Context").click()
    page.wait_for_timeout(200)


def versions(page: Page) -> None:
    edited(page)
    page.get_by_role("button", name="Session", exact=True).click()
    page.get_by_role("menuitem", name="Undo last exchange").click()
    page.wait_for_timeout(400)
    page.get_by_role("button", name="Session", exact=True).click()
    page.get_by_role("menuitem", name="Earlier versions").click()
    expect(page.get_by_role("button", name="Restore").first).to_be_visible()
    page.wait_for_timeout(300)


def everything_asked(page: Page) -> None:
    menu(page)
    page.get_by_role("menuitem", name="Allow everything").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(300)


def everything(page: Page) -> None:
    everything_asked(page)
    page.get_by_role("button", name="Allow everything").last.click()
    expect(page.get_by_role("button", name="Turn off")).to_be_visible()
    send(page, "Ask for permission")
    finished(page)


def permissions(page: Page) -> None:
    asked(page, "Ask for permission")
    page.get_by_role("button", name="For this session").click()
    finished(page)
    page.get_by_role("button", name="Session", exact=True).click()
    page.get_by_role("menuitem", name="Allowed commands").click()
    page.wait_for_timeout(400)


SCENES: dict[str, tuple[Callable[[Page], None], tuple[int, ...]]] = {
    "first-start": (first_start, (1440, 900, 390)),
    "streaming": (streaming, (1440, 390)),
    "markdown": (markdown, (1440, 390)),
    "markdown-top": (markdown_top, (1440, 900, 390)),
    "tools-live": (tools_live, (1440, 390)),
    "tools-folded": (tools_folded, (1440, 900, 390)),
    "tools-open": (tools_open, (1440, 390)),
    "failure": (failure, (1440, 390)),
    "stopped": (stopped, (1440,)),
    "refused": (refused, (1440, 390)),
    "drawer": (drawer, (900 - 1, 390)),
    "model-note": (model_note, (1440, 390)),
    "long": (long_thread, (1440,)),
    "approval": (approval, (1440, 390)),
    "approval-long": (approval_long, (1440, 390)),
    "approval-hidden": (approval_hidden, (1440, 390)),
    "approval-failed": (approval_failed, (1440, 390)),
    "approvals": (approvals, (1440, 390)),
    "approval-denied": (denied_with_reason, (1440, 390)),
    "approval-expired": (expired, (1440, 390)),
    "clarify": (clarify, (1440, 390)),
    "clarify-free": (clarify_free, (1440, 390)),
    "queue": (queue, (1440, 390)),
    "queue-paused": (queue_paused, (1440, 390)),
    "steer": (steer, (1440, 390)),
    "steer-refused": (steer_refused, (1440, 390)),
    "subagents": (subagents, (1440, 390)),
    "subagents-done": (subagents_done, (1440, 390)),
    "editing": (editing, (1440, 390)),
    "edited": (edited, (1440, 390)),
    "menu": (menu, (1440, 390)),
    "settings": (settings, (1440, 390)),
    "context": (context, (1440, 390)),
    "versions": (versions, (1440, 390)),
    "everything-asked": (everything_asked, (1440, 390)),
    "everything": (everything, (1440, 390)),
    "permissions": (permissions, (1440, 390)),
}


def main(folder: Path, only: str | None) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for name, (play, widths) in SCENES.items():
            if only and not name.startswith(only):
                continue
            for theme in ("light", "dark"):
                for width in widths:
                    where = f"{name}-{width}-{theme}"
                    context = browser.new_context(
                        viewport={"width": width, "height": SIZES.get(width, 800)},
                        color_scheme=theme,
                        has_touch=width < 560,
                        is_mobile=width < 560,
                        device_scale_factor=1,
                    )
                    page = context.new_page()
                    page.set_default_timeout(8_000)
                    page.on(
                        "console",
                        lambda m, w=where: problems.append(f"{w}: {m.text}") if m.type == "error" and "503" not in m.text else None,
                    )
                    page.on("pageerror", lambda e, w=where: problems.append(f"{w}: {e}"))
                    page.add_init_script(WATCH_SHIFTS)
                    page.goto(BASE)
                    expect(page.locator("[data-connection=live]")).to_be_visible(timeout=10_000)
                    try:
                        play(page)
                    except Exception as error:  # noqa: BLE001
                        problems.append(f"{where}: {str(error)[:400]}")
                    page.screenshot(path=folder / f"{where}.png")
                    shifts = page.evaluate("window.shifts")
                    if sum(value for value, _ in shifts) > (FOLD_LIMIT if name.startswith(("tools-", "subagents")) else SHIFT_LIMIT):
                        problems.append(f"{where}: layout shift {shifts}")
                    page.evaluate(AXE.read_text())
                    for found in page.evaluate("axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)"):
                        nodes = [f"{node['target']} {node['failureSummary']}" for node in found["nodes"][:3]]
                        problems.append(f"{where}: axe {found['id']}: {nodes}")
                    context.close()
        browser.close()
    sys.stdout.write("\n".join(problems or ["nothing found"]) + "\n")
    return len(problems)


if __name__ == "__main__":
    sys.exit(min(1, main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)))
