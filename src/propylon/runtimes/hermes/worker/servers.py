"""The MCP servers of this worker: connected in a thread of their own, so that no request waits for them for long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

LOOK_S = 0.05
"""Seconds between looks at whether waiting still makes sense."""
NOTICEABLE_S = 0.1

Server = dict[str, Any]
log = logging.getLogger(__name__)


class Servers:
    """`connect` connects all configured servers and returns when each has come or failed; `look` states them as the agent does."""

    def __init__(self, connect: Callable[[], None], look: Callable[[], list[Server]]) -> None:
        self._connect = connect
        self._look = look
        self._over = threading.Event()
        self._over.set()
        self._told: set[str] = set()
        self._arrived: frozenset[str] = frozenset()

    def start(self) -> None:
        """Begin to connect."""
        self._over.clear()
        threading.Thread(target=self._run, name="servers", daemon=True).start()

    def status(self) -> list[Server]:
        """Every configured server: `name`, `transport`, `status`, `tools` (their number), `error`."""
        over = self._over.is_set()
        return [stated(server, over=over) for server in self._look()]

    def arrived(self) -> frozenset[str]:
        """The names of those that have been connected at any time."""
        self._arrived |= {server["name"] for server in self.status() if server["status"] == "connected"}
        return self._arrived

    def failed(self) -> list[Server]:
        """Those that failed and were not returned before."""
        new = [server for server in self.status() if server["status"] == "failed" and server["name"] not in self._told]
        self._told |= {server["name"] for server in new}
        return new

    def wait(self, limit: float, tell: Callable[[str], None], stop: Callable[[], bool]) -> float:
        """Give the servers up to `limit` seconds to come; the seconds it took. `tell` gets a sentence when that is noticeable."""
        began = time.monotonic()
        told = False
        while not self._over.is_set() and not stop() and (waited := time.monotonic() - began) < limit:
            if not told and waited >= NOTICEABLE_S:
                told = True
                names = [server["name"] for server in self.status() if server["status"] == "connecting"]
                tell(f"Waiting for MCP servers: {', '.join(names)}")
            self._over.wait(LOOK_S)
        return time.monotonic() - began

    def _run(self) -> None:
        began = time.monotonic()
        try:
            self._connect()
        except Exception:
            log.exception("MCP servers")
        finally:
            self._over.set()
            log.info("MCP servers: %.1f s", time.monotonic() - began)


def stated(server: Server, *, over: bool) -> Server:
    """One server as the protocol states it. `over`: none is being connected any more."""
    status = str(server.get("status") or "")
    error = str(server.get("error") or "")
    if status not in ("connected", "disabled", "failed", "connecting"):
        status = "failed" if over else "connecting"
        error = error or ("It was never connected; is the package `mcp` there?" if over else "")
    return {
        "name": str(server.get("name") or ""),
        "transport": str(server.get("transport") or ""),
        "status": status,
        "tools": int(server.get("tools") or 0),
        "error": error if status == "failed" else "",
    }
