"""What the worker has said and the server has not acknowledged: in memory, then in a spill file, then by holding the agent.

Numbers are given when a frame is kept. Only the last, never sent, piece of text may still grow. Text passes a `HoldBack` first, so that no
frame ends inside a secret.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .frames import DELTA_LIMIT, Frame, encode
from .holdback import HoldBack, joined_lead

MEMORY_LIMIT = 4 * 1024 * 1024
"""Bytes kept in memory before frames go to the spill file."""
HARD_LIMIT = 64 * 1024 * 1024
"""Bytes kept in memory when the disk takes no more; beyond it the agent's threads wait."""

ENDING = frozenset({"tool", "answer", "leftover", "end"})
"""Frames that end a stretch of text: what is held back goes out before them."""
BREAKING = frozenset({"approval", "clarify"})
"""Frames before which it goes out too, though the text may go on after them. Any other frame lets it wait."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Kept:
    """One kept frame. `data` is None when its `size` bytes lie in the spill file at `at`."""

    n: int
    run: str
    end: bool
    size: int
    data: bytes | None
    at: int = 0


class Spool:
    """The numbered frames of one worker. Agent threads add, the socket thread takes and acknowledges; `wake` follows
    what begins a frame."""

    def __init__(self, spill: Path, wake: Callable[[], None], memory_limit: int = MEMORY_LIMIT, hard_limit: int = HARD_LIMIT) -> None:
        self._spill = spill
        self._wake = wake
        self._memory_limit = memory_limit
        self._hard_limit = hard_limit
        self._changed = threading.Condition()
        self._kept: dict[int, Kept] = {}
        self._first = 1
        self._last = 0
        self._memory = 0
        self._ended: set[str] = set()
        self._tail: tuple[str, str] | None = None
        self._pieces: list[str] = []
        self._lead = ""
        self._length = 0
        self._stretch: tuple[str, str] | None = None
        self._back = HoldBack()
        self._file = -1
        self._file_end = 0
        self._in_file = 0
        self._disk_refused = False

    # What the agent's threads call.

    def add(self, frame: Frame, *, wait: bool = True) -> None:
        """Keep a frame (with `k` and `run`). Dropped when its run has ended. Waits at the hard limit unless `wait` is false."""
        run = str(frame["run"])
        with self._changed:
            if wait:
                self._hold()
            if run in self._ended:
                return
            self._release(run, str(frame["k"]))
            self._seal()
            if frame["k"] == "end":
                self._ended.add(run)
            self._keep(run, frame)
        self._wake()

    def add_text(self, kind: str, run: str, text: str) -> None:
        """Add to the growing `text` or `reason` of a run, or begin one; what may become a secret is held back. Waits at the hard limit."""
        if not text:
            return
        with self._changed:
            self._hold()
            if run in self._ended:
                return
            begun = False
            if self._stretch != (kind, run):
                begun = self._stretch is not None and self._grow(*self._stretch, *self._back.end())
                self._stretch = (kind, run)
            begun = self._grow(kind, run, *self._back.feed(text)) or begun
        if begun:
            self._wake()

    # What the socket thread calls; none of it waits.

    def next(self, after: int, *, seal: bool = True) -> Kept | None:
        """The first kept frame above `after`; if there is no other and `seal`, the text that was still growing."""
        with self._changed:
            wanted = max(after + 1, self._first)
            if wanted > self._last and seal:
                self._seal()
            return self._kept.get(wanted)

    def growing(self) -> bool:
        """Whether there is text that has no number yet."""
        return self._tail is not None

    def read(self, kept: Kept) -> bytes:
        """The line of a frame that is still kept. Raises OSError when the spill file cannot be read."""
        if kept.data is not None:
            return kept.data
        data = b""
        while len(data) < kept.size:
            piece = os.pread(self._file, kept.size - len(data), kept.at + len(data))
            if not piece:
                raise OSError(f"the spill file ends inside frame {kept.n}")
            data += piece
        return data

    def acknowledge(self, n: int) -> None:
        """Forget the frames up to `n`."""
        with self._changed:
            while self._first <= min(n, self._last):
                kept = self._kept.pop(self._first)
                self._first += 1
                if kept.data is not None:
                    self._memory -= kept.size
                else:
                    self._in_file -= 1
            if self._in_file == 0 and self._file_end:
                os.ftruncate(self._file, 0)
                self._file_end = 0
            self._changed.notify_all()

    def seal(self) -> int:
        """Number what is still growing; the last number given."""
        with self._changed:
            self._seal()
            return self._last

    def pending(self) -> bool:
        """Whether anything is not acknowledged."""
        with self._changed:
            return bool(self._kept) or bool(self._pieces)

    def done(self) -> list[str]:
        """Ended runs with unacknowledged frames."""
        with self._changed:
            return [kept.run for kept in self._kept.values() if kept.end]

    def lines(self) -> Iterator[bytes]:
        """Every unacknowledged frame, in order."""
        last = self.seal()
        for n in range(self._first, last + 1):
            yield self.read(self._kept[n])

    def close(self) -> None:
        """Remove the spill file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._spill.unlink(missing_ok=True)

    # Under the lock.

    def _release(self, run: str, kind: str) -> None:
        """Let go what is held back, if this frame of the run comes after it."""
        if self._stretch is None or self._stretch[1] != run:
            return
        if kind in ENDING:
            self._grow(*self._stretch, *self._back.end())
            self._stretch = None
        elif kind in BREAKING:
            self._grow(*self._stretch, *self._back.flush())

    def _grow(self, kind: str, run: str, text: str, lead: str) -> bool:
        """Whether a frame was begun for it."""
        if not text:
            return False
        begun = self._tail != (kind, run) or self._length + len(text) > DELTA_LIMIT
        if begun:
            self._seal()
            self._tail = (kind, run)
        if lead:
            self._lead = joined_lead(self._length, self._lead, lead)
        self._pieces.append(text)
        self._length += len(text)
        return begun

    def _seal(self) -> None:
        if self._tail is None:
            return
        kind, run = self._tail
        text = "".join(self._pieces)
        frame = {"k": kind, "run": run, "t": text}
        if self._lead:
            frame["lead"] = self._lead
        self._tail, self._length, self._lead = None, 0, ""
        self._pieces.clear()
        self._keep(run, frame)

    def _keep(self, run: str, frame: Frame) -> None:
        n = self._last + 1
        data = encode({"n": n, **frame})
        kept = Kept(n, run, frame["k"] == "end", len(data), data)
        self._memory += kept.size
        self._kept[n] = kept
        self._last = n
        if self._memory > self._memory_limit:
            self._move_to_file(kept)

    def _hold(self) -> None:
        while self._memory >= self._hard_limit:
            for kept in self._kept.values():
                if self._memory <= self._memory_limit or not self._move_to_file(kept):
                    break
            if self._memory >= self._hard_limit:
                self._changed.wait(1.0)

    def _move_to_file(self, kept: Kept) -> bool:
        """Whether the frame's bytes now lie in the file."""
        if kept.data is None:
            return True
        try:
            if self._file < 0:
                self._file = os.open(self._spill, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            written = 0
            while written < kept.size:
                written += os.pwrite(self._file, memoryview(kept.data)[written:], self._file_end + written)
        except OSError as error:
            if not self._disk_refused:
                log.warning("cannot write %s (%s): keeping frames in memory", self._spill, error)
            self._disk_refused = True
            return False
        self._disk_refused = False
        kept.at, kept.data = self._file_end, None
        self._file_end += kept.size
        self._memory -= kept.size
        self._in_file += 1
        return True
