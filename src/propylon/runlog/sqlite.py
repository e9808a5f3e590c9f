"""The run log in one append-only SQLite file.

All that arrives in one turn of the event loop is one transaction, committed in line (0.03 ms without fsync), then shown. Commits are
durable against the death of the process at once and against power loss at the next checkpoint, which runs on a thread of its own
because its fsync would stall the loop. The table is keyed by arrival: one page is touched per commit, and the events of a run are a
range of it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from propylon.errors import StoreUnusable
from propylon.events import Event, decode, encode
from propylon.runlog.base import Channel, Held, Position, Reader, Record, RunEnded, start_of

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

VERSION = 1
HELD_LIVE = Held(records=16_384, bytes=16 << 20)
HELD_ENDED = Held(records=512, bytes=1 << 20)
HELD_RUNS = 32
CHECKPOINT_S = 0.5
SHARE_S = 0.003

_SCHEMA = f"""
CREATE TABLE run (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, first INTEGER NOT NULL, last INTEGER, seq INTEGER, terminal TEXT);
CREATE TABLE ev (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL, mark INTEGER NOT NULL, kind TEXT NOT NULL,
                 data BLOB NOT NULL);
CREATE INDEX run_open ON run (no) WHERE terminal IS NULL;
PRAGMA user_version = {VERSION};
"""


class _Append(NamedTuple):
    """One call of `append` that waits for its commit; cancelled while it waits, it is committed all the same."""

    channel: Channel
    records: list[Record]
    mark: int
    committed: asyncio.Future[None]


class SqliteRunLog:
    """Made by `open`; used from one event loop."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._db = connection
        self._next_id: int = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM ev").fetchone()[0]
        self._numbers: dict[str, int] = {}
        self._channels: OrderedDict[str, Channel] = OrderedDict()
        self._last_at = 0.0
        self._last_of: Channel | None = None
        self._pending: list[_Append] = []
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="runlog-read")
        self._reading: sqlite3.Connection | None = None
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._checkpointer = threading.Thread(target=self._checkpoint, name="runlog-checkpoint", daemon=True)
        self._checkpointer.start()

    @staticmethod
    def check(path: Path) -> bool:
        """Whether there is a run log at the path. Raises StoreUnusable, with the file as it was, when there is something else."""
        try:
            if not path.exists() or path.stat().st_size == 0:
                return False
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                connection.execute("SELECT max(id) FROM ev").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise StoreUnusable(f"The run log {path} cannot be read ({error}). Move it away to start without it.") from error
        if version != VERSION:
            raise StoreUnusable(f"The run log {path} is of version {version}; this Propylon knows version {VERSION}.")
        return True

    @classmethod
    def open(cls, path: Path) -> SqliteRunLog:
        """The run log at the path, made if there is none. Raises StoreUnusable."""
        exists = cls.check(path)
        try:
            connection = sqlite3.connect(path, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA wal_autocheckpoint=0")
                if not exists:
                    connection.executescript("BEGIN;" + _SCHEMA + "COMMIT;")
                path.chmod(0o600)
                return cls(path, connection)
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise StoreUnusable(f"The run log {path} cannot be written: {error}") from error

    def begin(self, run: str) -> None:
        if run not in self._channels:
            self._channels[run] = Channel(run, Position(seq=0, mark=0, terminal=None))
            self._forget_ended()

    async def append(self, run: str, events: Sequence[Event], mark: int = 0) -> int:
        channel = self._channels.get(run) or await self._channel(run)
        if channel is None:
            raise KeyError(run)
        if channel.terminal is not None:
            raise RunEnded(f"Run {run} has ended")
        if not events:
            return channel.last
        start = channel.claimed + 1
        channel.claimed += len(events)
        loop = asyncio.get_running_loop()
        if not self._pending:
            self._schedule(loop, channel)
        waiting = _Append(channel, [Record(start + i, event) for i, event in enumerate(events)], mark, loop.create_future())
        self._pending.append(waiting)
        await waiting.committed
        return channel.last

    def _schedule(self, loop: asyncio.AbstractEventLoop, channel: Channel) -> None:
        """Commit when this turn of the loop is over; a little later when other runs committed just now, so that many share one.

        A run that is alone never waits: it would pay with its own speed.
        """
        if self._last_of is channel or loop.time() - self._last_at > SHARE_S:
            loop.call_soon(self._flush)
        else:
            loop.call_at(self._last_at + SHARE_S, self._flush)

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        rows: list[tuple[int, int, int, int, str, bytes]] = []
        next_id = self._next_id
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for channel, records, mark, _ in pending:
                    number = self._numbers.get(channel.run) or self._register(channel.run, next_id)
                    for record in records:
                        data = encode(record.event)
                        record.size = len(data)
                        rows.append((next_id, number, record.seq, mark, record.event.kind, data))
                        next_id += 1
                    final = records[-1]
                    if final.event.terminal:
                        ended = (next_id - 1, final.seq, final.event.kind, number)
                        self._db.execute("UPDATE run SET last = ?, seq = ?, terminal = ? WHERE no = ?", ended)
                self._db.executemany("INSERT INTO ev VALUES (?, ?, ?, ?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        except Exception as error:
            log.exception("events could not be stored")
            for channel, _, _, committed in pending:
                channel.claimed = channel.last
                if channel.last == 0:
                    self._numbers.pop(channel.run, None)
                if not committed.done():
                    committed.set_exception(OSError(f"The run log {self._path.name} cannot be written: {error}"))
                    committed.exception()
            return
        self._next_id = next_id
        self._last_at = asyncio.get_running_loop().time()
        self._last_of = pending[0].channel if len(pending) == 1 else None
        for channel, records, mark, committed in pending:
            channel.publish(records, mark)
            channel.trim(HELD_LIVE)
            if not committed.done():
                committed.set_result(None)
        if not self._dirty.is_set():
            self._dirty.set()

    def _register(self, run: str, first: int) -> int:
        number = self._db.execute("INSERT INTO run (id, first) VALUES (?, ?)", (run, first)).lastrowid
        assert number is not None
        self._numbers[run] = number
        return number

    async def position(self, run: str) -> Position | None:
        channel = await self._channel(run)
        return None if channel is None else Position(seq=channel.last, mark=channel.mark, terminal=channel.terminal)

    async def follow(self, run: str, after: int | None) -> Reader | None:
        channel = await self._channel(run)
        return None if channel is None else Reader(self, channel, start_of(channel, after))

    async def read(self, run: str, after: int = 0, limit: int = 1000) -> list[Record]:
        return await self._on_reader(self._read, run, after, limit)

    async def unfinished(self) -> list[str]:
        return await self._on_reader(self._unfinished)

    async def close(self) -> None:
        """Commit what is pending and leave one file without a write-ahead log."""
        self._flush()
        self._closing.set()
        self._dirty.set()
        await asyncio.to_thread(self._checkpointer.join)
        await self._on_reader(self._close_reader)
        self._reader.shutdown()
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    async def _channel(self, run: str) -> Channel | None:
        if run in self._channels:
            return self._channels[run]
        found = await self._on_reader(self._find, run)
        if run in self._channels:
            return self._channels[run]
        if found is None:
            return None
        self._numbers[run], position = found
        channel = self._channels[run] = Channel(run, position)
        self._forget_ended()
        return channel

    def _forget_ended(self) -> None:
        """Readers keep the channel they follow; a later one starts from the file."""
        ended = [run for run, channel in self._channels.items() if channel.terminal is not None]
        for run in ended[: max(0, len(ended) - HELD_RUNS)]:
            del self._channels[run]
            self._numbers.pop(run, None)
        for run in ended[-HELD_RUNS:]:
            self._channels[run].trim(HELD_ENDED)

    # What follows runs on the reading thread, with a connection of its own.

    async def _on_reader(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, partial(work, *args, **kwargs))

    def _reading_connection(self) -> sqlite3.Connection:
        if self._reading is None:
            self._reading = sqlite3.connect(self._path, isolation_level=None)
            self._reading.execute("PRAGMA query_only=ON")
        return self._reading

    def _find(self, run: str) -> tuple[int, Position] | None:
        db = self._reading_connection()
        row = db.execute("SELECT no, first, seq, terminal FROM run WHERE id = ?", (run,)).fetchone()
        if row is None:
            return None
        number, first, seq, terminal = row
        mark = 0
        if terminal is None:
            seq, mark = db.execute(
                "SELECT coalesce(max(seq), 0), coalesce(max(mark), 0) FROM ev WHERE id >= ? AND run = ?", (first, number)
            ).fetchone()
        return number, Position(seq=seq, mark=mark, terminal=terminal)

    def _read(self, run: str, after: int, limit: int) -> list[Record]:
        db = self._reading_connection()
        row = db.execute("SELECT no, first, last FROM run WHERE id = ?", (run,)).fetchone()
        if row is None:
            return []
        number, first, last = row
        found = db.execute(
            "SELECT seq, kind, data FROM ev WHERE id >= ? AND id <= ? AND run = ? AND seq > ? ORDER BY id LIMIT ?",
            (first + after, last if last is not None else (1 << 62), number, after, limit),
        )
        return [Record(seq, decode(kind, data)) for seq, kind, data in found]

    def _unfinished(self) -> list[str]:
        return [row[0] for row in self._reading_connection().execute("SELECT id FROM run WHERE terminal IS NULL ORDER BY no")]

    def _close_reader(self) -> None:
        if self._reading is not None:
            self._reading.close()

    def _checkpoint(self) -> None:
        db = sqlite3.connect(self._path, isolation_level=None)
        try:
            while not self._closing.is_set():
                self._dirty.wait()
                self._closing.wait(CHECKPOINT_S)
                self._dirty.clear()
                try:
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                except sqlite3.Error:
                    log.exception("the run log could not be checkpointed; its write-ahead log grows until it can")
        finally:
            db.close()
