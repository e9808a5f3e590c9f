"""From whoever hears of events to the one who takes them in batches: what came while a batch was stored is the next one."""

from __future__ import annotations

import asyncio

from propylon.events import Event
from propylon.runtimes.gateway.withheld import Withheld

MOST = 4096
"""Events that may wait; then reading waits too, and with it the gateway."""


class Feed:
    def __init__(self) -> None:
        self._withheld = Withheld()
        self._events: list[Event] = []
        self._closed = False
        self._wake: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self.mark = 0

    def put(self, events: list[Event], mark: int = 0) -> None:
        """`mark` is the cursor behind the events; it never goes back."""
        if not events:
            return
        self._events += self._withheld.passed(events)
        self.mark = max(self.mark, mark)
        if self._events:
            self._notify()

    def close(self) -> None:
        """Nothing more will come; what was kept back of the text goes out."""
        self._events += self._withheld.rest()
        self._closed = True
        self._notify()

    async def room(self) -> None:
        """Until there is room for more."""
        while len(self._events) > MOST and not self._closed:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await self._room

    async def take(self, within: float) -> list[Event] | None:
        """All that waits, at least one event; [] when nothing will come any more; None when nothing came within so many seconds."""
        if not self._events and not self._closed:
            loop = asyncio.get_running_loop()
            self._wake = loop.create_future()
            timer = loop.call_later(within, self._notify)
            try:
                await self._wake
            finally:
                self._wake = None
                timer.cancel()
            if not self._events and not self._closed:
                return None
        taken, self._events = self._events, []
        if self._room is not None:
            self._room.set_result(None)
            self._room = None
        return taken

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
