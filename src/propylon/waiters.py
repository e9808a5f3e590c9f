"""Waiting for the next of something, cheaply and by many: bare futures, all released at once, one timer for all of them."""

from __future__ import annotations

import asyncio


class Waiters:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, within: float) -> None:
        """Until the next `wake`, or `within` seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        waiter = loop.create_future()
        self._waiting.append((deadline, waiter))
        if self._timer is None or deadline < self._timer.when():
            self._set_timer(loop, deadline)
        await waiter

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for _, waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(deadline, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        # A wake leaves the timer alone: it finds later deadlines here, or nobody.
        self._timer = None
        now = loop.time() + 0.001
        late = [waiter for deadline, waiter in self._waiting if deadline <= now]
        self._waiting = [(deadline, waiter) for deadline, waiter in self._waiting if deadline > now]
        for waiter in late:
            if not waiter.done():
                waiter.set_result(None)
        if self._waiting:
            self._set_timer(loop, min(deadline for deadline, _ in self._waiting))
