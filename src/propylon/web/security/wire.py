"""The connection below HTTP: requests whose head never ends, too many connections of one stranger, and the target as it was sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from propylon.web.security.hosts import is_loopback
from propylon.web.security.proxies import Network, peer_of
from propylon.web.security.syntax import MOST_HEADER_BYTES

HEAD_S = 10.0
MOST_HEAD_BYTES = 2 * MOST_HEADER_BYTES + 1024
"""Request line and headers, until they are complete; the exact limits are the guard's."""

PER_STRANGER = 64
"""Connections of one address that is not of this machine and not a listed proxy, until a request on it had a login."""

IN_ALL = 10_000


@dataclass
class Doorway:
    """What the connections of one server share. `head`: seconds for the head of a request."""

    trusted: tuple[Network, ...] = ()
    head: float = HEAD_S
    per_stranger: int = PER_STRANGER
    in_all: int = IN_ALL
    strangers: Counter[str] = field(default_factory=Counter)
    open: int = 0

    def protocol(self) -> type[asyncio.Protocol]:
        """The class that uvicorn makes a connection of."""
        return type("Connection", (_Connection,), {"doorway": self})


class _Connection(HttpToolsProtocol):
    doorway: Doorway

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._head: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._stranger: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.doorway.open += 1
        if self.doorway.open > self.doorway.in_all:
            self._say(503, "Service Unavailable", "The server has no place for more connections", "Retry-After: 5\r\n")
            return
        address = str(self.client[0]) if self.client else ""
        if address and not is_loopback(address) and not peer_of(address, [], self.doorway.trusted).believed:
            self._stranger = address
            self.doorway.strangers[address] += 1
            if self.doorway.strangers[address] > self.doorway.per_stranger:
                self._say(429, "Too Many Requests", "Too many connections from this address", "Retry-After: 10\r\n")
                return
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.doorway.open -= 1
        self._end_head()
        self.is_known()

    def is_known(self) -> None:
        """A login came in over it: it is no stranger's any more."""
        if self._stranger is not None:
            self.doorway.strangers[self._stranger] -= 1
            if self.doorway.strangers[self._stranger] <= 0:
                del self.doorway.strangers[self._stranger]
            self._stranger = None

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._head is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head is not None and self._head_bytes > MOST_HEAD_BYTES:
            self._say(431, "Request Header Fields Too Large", "The request has more headers than this server takes")

    def send_400_response(self, msg: str) -> None:
        self._say(400, "Bad Request", "This is not a valid HTTP request")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["propylon.connection"] = self  # type: ignore[typeddict-unknown-key]
        if self._head is None:
            self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        self.scope["propylon.target"] = self.url  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def _begin_head(self) -> None:
        self._head_bytes = 0
        self._head = self.loop.call_later(self.doorway.head, self._too_late)

    def _end_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _too_late(self) -> None:
        self._head = None
        self._say(408, "Request Timeout", "The request did not arrive in time")

    def _say(self, status: int, reason: str, sentence: str, headers: str = "") -> None:
        """An answer below HTTP, and the end of the connection."""
        self._end_head()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:  # never into the middle of another answer
            body = f'{{"error":"{sentence}"}}'
            self.transport.write(
                f"HTTP/1.1 {status} {reason}\r\nServer: HermesWebUI\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n{body}".encode()
            )
        self.transport.close()
