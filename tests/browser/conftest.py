from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from support.process import ServerProcess, server_process

if importlib.util.find_spec("run_agent") is None:
    collect_ignore_glob = ["test_*.py"]

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def browser() -> AsyncGenerator[Browser]:
    path = os.environ.get("PROPYLON_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=QUIET)
        yield chromium
        await chromium.close()


@pytest.fixture
async def demo(folder: Path) -> AsyncGenerator[ServerProcess]:
    """A server as a new user starts it: no provider configured."""
    async with server_process(folder) as process:
        (process.workspace / "notes.txt").write_text("hi\n")
        await process.start()
        yield process
