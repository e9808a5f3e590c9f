"""A client that costs little: requests on a kept connection, and streams read as a protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

PATIENCE_S = 120.0
KEPT_S = 3.0
"""A server closes a connection on which nothing was asked for 5 s."""

Hear = Callable[[str, bytes, int], None]
"""Called with event name, data and arrival (monotonic ns) of each frame."""


def address_of(base: str) -> tuple[str, int]:
    parts = urlsplit(base)
    assert parts.hostname is not None and parts.port is not None
    return parts.hostname, parts.port


class Http:
    """One kept connection, one request at a time."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def get(self, path: str) -> Any:
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    async def post(self, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        return await self._ask(head.encode() + data)

    async def _ask(self, request: bytes) -> Any:
        if self._stream is None or time.monotonic() - self._used > KEPT_S:
            self.close()
            self._stream = await asyncio.open_connection(*address_of(self._base), limit=1 << 24)
        reader, writer = self._stream
        writer.write(request)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)).decode("latin-1").lower()
        self._used = time.monotonic()
        body = await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        if " 200 " not in head.split("\r\n")[0]:
            raise RuntimeError(f"{head.split(chr(13))[0]}: {body[:300]!r}")
        return json.loads(body)

    def close(self) -> None:
        if self._stream is not None:
            self._stream[1].close()


class Stream(asyncio.Protocol):
    """Reads server-sent events until the server or `close` ends them."""

    def __init__(self, request: bytes, hear: Hear) -> None:
        self._request = request
        self._hear = hear
        self._raw = b""
        self._body = b""
        self._chunked: bool | None = None
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not say so themselves
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self._raw += data
        if self._chunked is None:
            head, found, rest = self._raw.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 200 " not in head.split(b"\r\n")[0]:
                self._end(RuntimeError(head.decode("latin-1")))
                return
            self._chunked = b"transfer-encoding: chunked" in head.lower()
            self._raw = rest
            self.opened.set_result(None)
        if self._chunked:
            self._unchunk()
        else:
            self._body, self._raw = self._body + self._raw, b""
        *frames, self._body = self._body.split(b"\n\n")
        for frame in frames:
            event, content = "", b""
            for line in frame.split(b"\n"):
                if line.startswith(b"event: "):
                    event = line[7:].decode()
                elif line.startswith(b"data: "):
                    content = line[6:]
            if content:
                self._hear(event, content, now)

    def _unchunk(self) -> None:
        pieces = [self._body]
        at = 0
        while (line := self._raw.find(b"\r\n", at)) >= 0:
            size = int(self._raw[at:line], 16)
            if len(self._raw) < line + 4 + size:
                break
            pieces.append(self._raw[line + 2 : line + 2 + size])
            at = line + 4 + size
            if size == 0:
                self._end(None)
        self._raw = self._raw[at:]
        self._body = b"".join(pieces)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        for future in (self.opened, self.ended):
            if not future.done() and error is not None:
                future.set_exception(error)
            elif not future.done():
                future.set_result(None)
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def stream(base: str, path: str, hear: Hear) -> Stream:
    """An open stream: its headers have come."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode()
    _, found = await asyncio.get_running_loop().create_connection(lambda: Stream(request, hear), *address_of(base))
    await asyncio.wait_for(asyncio.shield(found.opened), PATIENCE_S)
    return found


class _Text(msgspec.Struct):
    text: str


_text = msgspec.json.Decoder(_Text).decode


class Turn:
    """A turn as a viewer sees it that subscribes as soon as it knows the run. Times are ns; `delays` are ms of stamped tokens."""

    def __init__(self, *, stamped: bool = False) -> None:
        self._stamped = stamped
        self.sent = 0
        self.first = 0
        self.last = 0
        self.tokens = 0
        self.delays: list[float] = []
        self.end = ""

    def hear(self, event: str, data: bytes, now: int) -> None:
        if event == "token":
            self.first = self.first or now
            words = _text(data).text.split()
            self.tokens += len(words)
            if self._stamped:
                self.delays += [(now - int(word)) / 1e6 for word in words]
        elif event in ("stream_end", "cancel", "apperror"):
            self.end, self.last = event, now
            if event != "stream_end":
                raise RuntimeError(f"a run ended with {event}: {data[:500]!r}")

    async def take(self, http: Http, base: str, session: str, text: str) -> Turn:
        """From the message to the last frame."""
        following = await self.begin(http, base, session, text)
        await self.finish(following)
        return self

    async def begin(self, http: Http, base: str, session: str, text: str) -> Stream:
        self.sent = time.monotonic_ns()
        run = (await http.post("/api/chat/start", session_id=session, message=text))["stream_id"]
        return await stream(base, f"/api/chat/stream?stream_id={run}&after_seq=0", self.hear)

    async def finish(self, following: Stream) -> None:
        try:
            await asyncio.wait_for(following.ended, PATIENCE_S)
        finally:
            following.close()
        if self.end != "stream_end":
            raise RuntimeError(f"a stream ended without its last frame: {self.end!r}")

    @property
    def first_ms(self) -> float:
        """Until the first token."""
        return (self.first - self.sent) / 1e6

    @property
    def whole_s(self) -> float:
        return (self.last - self.sent) / 1e9


async def new_session(http: Http) -> str:
    return str((await http.post("/api/session/new"))["session"]["session_id"])


_numbers = itertools.count(1)


def distinct(text: str) -> str:
    """The same message, told apart from the others."""
    return f"{next(_numbers)}. {text}"
