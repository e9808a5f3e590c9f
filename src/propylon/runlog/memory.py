"""A run log that lives as long as the process: for tests, and the measure for the one on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from propylon.events import Event
from propylon.runlog.base import Channel, Position, Reader, Record, RunEnded, start_of


class MemoryRunLog:
    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}

    def begin(self, run: str) -> None:
        self._channels.setdefault(run, Channel(run, Position(seq=0, mark=0, terminal=None)))

    async def append(self, run: str, events: Sequence[Event], mark: int = 0) -> int:
        channel = self._channels[run]
        if channel.terminal is not None:
            raise RunEnded(f"Run {run} has ended")
        if events:
            channel.publish([Record(channel.last + 1 + i, event) for i, event in enumerate(events)], mark)
        await asyncio.sleep(0)
        return channel.last

    async def position(self, run: str) -> Position | None:
        channel = self._channels.get(run)
        return None if channel is None else Position(seq=channel.last, mark=channel.mark, terminal=channel.terminal)

    async def read(self, run: str, after: int = 0, limit: int = 1000) -> list[Record]:
        channel = self._channels.get(run)
        return channel.records[after : after + limit] if channel else []

    async def follow(self, run: str, after: int | None) -> Reader | None:
        channel = self._channels.get(run)
        return None if channel is None else Reader(self, channel, start_of(channel, after))

    async def unfinished(self) -> list[str]:
        return [run for run, channel in self._channels.items() if channel.terminal is None]

    async def close(self) -> None:
        self._channels.clear()
