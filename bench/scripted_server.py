"""The server with a runtime that plays what the message orders: everything around the agent, without the agent.

A message is JSON: `tokens`, `rate` (a second; 0: flat out), `batch` (events handed over at once), `wait` (seconds of silence before them).
Paced tokens are the time at which they are handed over (monotonic ns).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator

from propylon.app import scripted
from propylon.errors import Unusable
from propylon.events import Token
from propylon.runtimes.base import Batch, Controls, RunInput
from propylon.runtimes.scripted import completed
from propylon.serving import serve
from propylon.settings import Settings


def order(tokens: int, rate: float = 0, batch: int = 1, wait: float = 0) -> str:
    """The message that asks for it."""
    return json.dumps({"tokens": tokens, "rate": rate, "batch": batch, "wait": wait})


async def play(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
    wanted = json.loads(run.text)
    tokens, rate, batch = int(wanted["tokens"]), float(wanted["rate"]), int(wanted["batch"])
    if wanted["wait"]:
        await asyncio.sleep(wanted["wait"])
    loop = asyncio.get_running_loop()
    began = loop.time()
    for said in range(0, tokens, batch):
        if rate:
            await asyncio.sleep(began + said / rate - loop.time())
            yield Batch(events=[Token(text=f"{time.monotonic_ns()} ") for _ in range(batch)])
        else:
            yield Batch(events=[Token(text="token ") for _ in range(min(batch, tokens - said))])
    yield Batch(events=[], end=completed(run))


def main() -> int:
    try:
        serve(Settings.load(port=0), scripted(play))
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
