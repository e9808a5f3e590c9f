"""Waking a selector from elsewhere in the process."""

from __future__ import annotations

import contextlib
import os


class Waker:
    """Wakes a selector from any thread or signal, at the price of one write however often it is called."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)
        self._set = False

    def wake(self) -> None:
        """Make the reader readable."""
        if not self._set:
            self._set = True
            with contextlib.suppress(BlockingIOError):
                os.write(self.writer, b"\0")

    def clear(self) -> None:
        """Forget the wakes so far; what they announced must be looked at after this."""
        try:
            while len(os.read(self.reader, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        self._set = False
