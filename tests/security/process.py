"""A whole server in a process of its own, whose runs say eight words; settings come from its environment."""

from __future__ import annotations

import sys

SERVER = """
import sys
from pathlib import Path
from propylon.app import scripted
from propylon.events import Token
from propylon.runtimes.base import Batch
from propylon.runtimes.scripted import completed
from propylon.serving import serve
from propylon.settings import Settings
import asyncio

async def script(run, controls):
    for word in range(8):
        yield Batch(events=[Token(text=f"word {word} ")])
        await asyncio.sleep(0.15)
    yield Batch(events=[], end=completed(run))

serve(Settings.load(), scripted(script))
"""

COMMAND = [sys.executable, "-c", SERVER]
