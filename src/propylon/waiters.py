"""Waiting for the next of something, cheaply and by many: bare futures, all released at once."""

from __future__ import annotations

import asyncio


class Waiters:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self, within: float) -> None:
        """Until the next `wake`, or `within` seconds."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(within, _release, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            _release(waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
