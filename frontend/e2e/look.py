"""Photographs of the built page over the mock server, in both themes and three widths.

    npm run build && npx vite preview --mode mock --port 4180 &
    python e2e/look.py <folder for the pictures> [name of one scene]

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
SHIFT_LIMIT = 0.03
# Steps folding away is the one movement that is meant.
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
    page.get_by_role("button", name="Send").click()


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


def denied(page: Page) -> None:
    send(page, "Delete the build folder")
    finished(page)


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


SCENES: dict[str, tuple[Callable[[Page], None], tuple[int, ...]]] = {
    "first-start": (first_start, (1440, 900, 390)),
    "streaming": (streaming, (1440, 390)),
    "markdown": (markdown, (1440, 390)),
    "markdown-top": (markdown_top, (1440, 900, 390)),
    "tools-live": (tools_live, (1440, 390)),
    "tools-folded": (tools_folded, (1440, 900, 390)),
    "tools-open": (tools_open, (1440, 390)),
    "failure": (failure, (1440, 390)),
    "denied": (denied, (1440, 390)),
    "stopped": (stopped, (1440,)),
    "refused": (refused, (1440, 390)),
    "drawer": (drawer, (900 - 1, 390)),
    "model-note": (model_note, (1440, 390)),
    "long": (long_thread, (1440,)),
}


def main(folder: Path, only: str | None) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for name, (play, widths) in SCENES.items():
            if only and only != name:
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
                    page.on(
                        "console",
                        lambda m, w=where: problems.append(f"{w}: {m.text}") if m.type == "error" and "503" not in m.text else None,
                    )
                    page.on("pageerror", lambda e, w=where: problems.append(f"{w}: {e}"))
                    page.add_init_script(WATCH_SHIFTS)
                    page.goto(BASE)
                    expect(page.locator("[data-connection=live]")).to_be_visible(timeout=10_000)
                    play(page)
                    page.screenshot(path=folder / f"{where}.png")
                    shifts = page.evaluate("window.shifts")
                    if sum(value for value, _ in shifts) > (FOLD_LIMIT if name.startswith("tools-") else SHIFT_LIMIT):
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
