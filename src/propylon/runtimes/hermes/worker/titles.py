"""A title for a session, made in a thread of its own while everything else goes on. Pure of the agent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

WAIT_S = 30.0
"""Seconds after which there is no title."""

log = logging.getLogger(__name__)


class Titles:
    """`busy` counts the titles being made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.busy = 0

    def make(self, title: Callable[[], str], reply: Callable[[str], None], wait_s: float = WAIT_S) -> None:
        """Call `reply` once, on another thread: with what `title` returns, or "" when it fails or takes too long."""
        over = threading.Event()
        found: list[str] = []

        def work() -> None:
            try:
                found.append(title())
            except Exception:
                log.exception("no title")
            finally:
                over.set()

        def watch() -> None:
            threading.Thread(target=work, name="title", daemon=True).start()
            over.wait(wait_s)
            with self._lock:
                self.busy -= 1
            reply(found[0] if found else "")

        with self._lock:
            self.busy += 1
        threading.Thread(target=watch, name="title-wait", daemon=True).start()
