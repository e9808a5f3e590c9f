"""What changes in sessions, told to everybody who watches. Nothing here is durable: a watcher that missed something lists anew."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from propylon.waiters import Waiters

KEPT = 1024


@dataclass(frozen=True)
class Change:
    """`version` counts from 1 over the server's life.

    `reason` is created, title, settings, history, run_started or run_finished, or what another part of the server tells of.
    """

    version: int
    reason: str
    session_id: str
    facts: dict[str, Any] = field(default_factory=dict)


class Changes:
    def __init__(self) -> None:
        self.version = 0
        self._kept: deque[Change] = deque(maxlen=KEPT)
        self._told = Waiters()

    def tell(self, reason: str, session_id: str, **facts: Any) -> None:
        self.version += 1
        self._kept.append(Change(self.version, reason, session_id, facts))
        self._told.wake()

    def since(self, version: int) -> list[Change]:
        """Changes above the version that are still kept."""
        if version >= self.version:
            return []
        return [change for change in self._kept if change.version > version]

    async def next(self, version: int, within: float) -> list[Change]:
        """Changes above the version; waits at most `within` seconds for one and returns [] in silence."""
        if version >= self.version:
            await self._told.wait(within)
        return self.since(version)
