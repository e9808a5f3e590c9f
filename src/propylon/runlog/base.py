"""The run log: append, then show; replay from any cursor, then follow.

Events of a run are numbered 1, 2, 3 ... without gaps. `append` returns when they are committed, and only then can a reader see
them. Readers are cursors into one shared list: any number, any start, slow or fast, each record exactly once and in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from propylon.errors import PropylonError
from propylon.events import Event
from propylon.waiters import Waiters


class RunEnded(PropylonError):
    """Nothing is appended after the terminal event of a run."""


class Record:
    """One event in the log. `frame` is a place for the viewers' encoding, made once and shared; `size` is bytes in the log."""

    __slots__ = ("event", "frame", "seq", "size")

    def __init__(self, seq: int, event: Event) -> None:
        self.seq = seq
        self.event = event
        self.frame: bytes | None = None
        self.size = 0


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a run stands: number of its last event, the runtime's mark stored with it, kind of its terminal event or None."""

    seq: int
    mark: int
    terminal: str | None


class RunLog(Protocol):
    def begin(self, run: str) -> None:
        """Make a new run known, before its first event, so that it can be followed."""
        ...

    async def append(self, run: str, events: Sequence[Event], mark: int = 0) -> int:
        """Commit, then show. Returns the number of the last event.

        Raises KeyError for an unknown run, RunEnded after a terminal event, OSError when the events cannot be stored.
        """
        ...

    async def position(self, run: str) -> Position | None:
        """None for a run that the log does not know."""
        ...

    async def read(self, run: str, after: int = 0, limit: int = 1000) -> list[Record]:
        """At most `limit` committed records above `after`."""
        ...

    async def follow(self, run: str, after: int | None) -> Reader | None:
        """A reader from a cursor; None as cursor goes on after what any reader was sent last. None for an unknown run."""
        ...

    async def unfinished(self) -> list[str]:
        """Runs without a terminal event."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Held:
    """How much of one run stays in memory."""

    records: int
    bytes: int


class Channel:
    """The newest records of one run in this process, and who waits for more."""

    def __init__(self, run: str, position: Position) -> None:
        self.run = run
        self.last = position.seq
        self.mark = position.mark
        self.terminal = position.terminal
        self.sent = 0
        self.claimed = position.seq
        self.records: list[Record] = []
        self._bytes = 0
        self.changed = Waiters()

    @property
    def first(self) -> int:
        """Number of the oldest record held, or the next one's when none is."""
        return self.records[0].seq if self.records else self.last + 1

    def publish(self, records: list[Record], mark: int) -> None:
        self.records += records
        self._bytes += sum(record.size for record in records)
        self.last = records[-1].seq
        self.mark = max(self.mark, mark)
        if records[-1].event.terminal:
            self.terminal = records[-1].event.kind
        self.changed.wake()

    def above(self, after: int) -> list[Record] | None:
        """What is held above the cursor, or None when some of it is no longer held."""
        start = after + 1 - self.first
        return self.records[start:] if start >= 0 else None

    def trim(self, held: Held) -> None:
        """Forget the oldest records beyond `held`; a quarter more is let be, so that it costs little."""
        if len(self.records) * 4 <= held.records * 5 and self._bytes * 4 <= held.bytes * 5:
            return
        drop = 0
        while drop < len(self.records) - 1 and (len(self.records) - drop > held.records or self._bytes > held.bytes):
            self._bytes -= self.records[drop].size
            drop += 1
        del self.records[:drop]


class Reader:
    """A cursor into one run. `ended` is true once the terminal record was returned."""

    def __init__(self, log: RunLog, channel: Channel, after: int) -> None:
        self._log = log
        self._channel = channel
        self.after = after
        self.ended = channel.terminal is not None and after >= channel.last

    async def next(self, within: float) -> list[Record]:
        """All that is committed above the cursor, at once; waits at most `within` seconds for more and returns [] in silence."""
        records = await self._ready()
        if not records and not self.ended:
            await self._channel.changed.wait(within)
            records = await self._ready()
        if records:
            self.after = records[-1].seq
            self.ended = records[-1].event.terminal
        return records

    async def _ready(self) -> list[Record]:
        held = self._channel.above(self.after)
        return held if held is not None else await self._log.read(self._channel.run, self.after)

    def delivered(self) -> None:
        """What `next` returned has left for the viewer."""
        self._channel.sent = max(self._channel.sent, self.after)


def start_of(channel: Channel, after: int | None) -> int:
    """The cursor to begin with. One that names no record means "from the start"; none at all means "where the others are", but a
    finished run always gives its last frames."""
    if after is not None:
        return after if 0 <= after <= channel.last else 0
    if channel.terminal is not None:
        return max(0, min(channel.sent, channel.last - 2))
    return channel.sent
