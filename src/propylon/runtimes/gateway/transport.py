"""HTTP/1.1 for many streams at once: a transport of httpx2 on the event loop's own protocols and httptools' parser.

The usual transport takes some 60 us for every piece of a stream, which is more than all the rest of a run; this one takes a tenth of it.
It does what a gateway needs and nothing more: requests with a whole body, no proxies, no upgrades, connections kept for the next request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import cast

import httptools
import httpx2

MOST_HEADERS = 64 * 1024
"""Bytes of an answer before its body."""

MOST_HELD = 256 * 1024
"""Bytes of a body that may wait; then nothing more is read from the socket."""

_Key = tuple[str, str, int]


class Connection(asyncio.Protocol):
    """One connection, one request at a time. What the parser finds is kept until it is asked for."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self.lost = False
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._held = 0
        self._seen = 0
        self._sized = False
        self.headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.begun = False
        self.complete = False
        self.keep = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not say so themselves

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        if self.complete:
            # Nobody asked for this.
            self._fail(httpx2.RemoteProtocolError("the server sent more than its answer"))
            return
        if not self.begun:
            self._seen += len(data)
            if self._seen > MOST_HEADERS + MOST_HELD:
                self._fail(httpx2.RemoteProtocolError("the answer's headers are too long"))
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(httpx2.RemoteProtocolError(f"the answer is no HTTP: {type(error).__name__}"))
            return
        if self._held > MOST_HELD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self.begun and not self.complete and not self._sized and exc is None:
            self.complete = True
        elif not self.complete and self._error is None:
            words = (
                "the connection was closed before the answer" if not self.begun else "the connection was closed in the middle of the answer"
            )
            self._error = httpx2.ReadError(str(exc)) if exc is not None and str(exc) else httpx2.RemoteProtocolError(words)
        self._wake()

    def on_message_begin(self) -> None:
        if self.complete:
            # A second answer to one request: nothing of it is believed, and the connection is not used again.
            self.keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self.begun = True
            self._sized = any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
            self.keep = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        if self.complete:
            return
        self._pieces.append(body)
        self._held += len(body)

    def on_message_complete(self) -> None:
        if self.begun:
            self.complete = True
        else:
            # 100 and its like come before the answer.
            self.headers = []

    def ask(self, head: bytes, body: bytes) -> None:
        """Send a request on a connection that has none."""
        self._reset()
        assert self._transport is not None
        self._transport.write(head + body)

    async def answer(self, within: float | None) -> None:
        """Until status and headers are known. Raises httpx2.TransportError."""
        while not self.begun:
            if self._error is not None:
                raise self._error
            await self._wait(within)

    async def body(self, within: float | None) -> AsyncIterator[bytes]:
        """Raises httpx2.TransportError."""
        while True:
            if self._pieces:
                data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces = []
                self._held = 0
                if self._paused and self._transport is not None:
                    self._paused = False
                    self._transport.resume_reading()
                yield data
            elif self.complete:
                return
            elif self._error is not None:
                raise self._error
            else:
                await self._wait(within)

    def abort(self) -> None:
        """Gone at once, with whatever was on its way."""
        self.lost = True
        self._quiet()
        if self._transport is not None:
            self._transport.abort()

    def rest(self) -> None:
        """The answer is over, and nobody waits for the next one yet."""
        self._quiet()

    async def _wait(self, within: float | None) -> None:
        self._heard = self._loop.time()
        if within is not None and self._timer is None:
            self._timer = self._loop.call_later(within, self._check, within)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _check(self, within: float) -> None:
        """One timer for a whole stream: it looks when it fires how long nothing came, and only while somebody waits."""
        self._timer = None
        left = self._heard + within - self._loop.time()
        if self._waiter is None:
            return
        if left > 0.001:
            self._timer = self._loop.call_later(left, self._check, within)
        else:
            self._fail(httpx2.ReadTimeout(f"nothing came for {within:g} s"))

    def _quiet(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Body(httpx2.AsyncByteStream):
    """The body of an answer. Closing it gives the connection back, or ends it when the answer is not over."""

    def __init__(self, transport: Transport, key: _Key, connection: Connection, within: float | None) -> None:
        self._transport = transport
        self._key = key
        self._connection: Connection | None = connection
        self._within = within

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._connection is not None:
            async for piece in self._connection.body(self._within):
                yield piece

    async def aclose(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._transport.release(self._key, connection)


class Transport(httpx2.AsyncBaseTransport):
    """At most `limit` connections at once; one that is not used for `kept_s` seconds is not used again."""

    def __init__(self, limit: int, kept_s: float) -> None:
        self._places = asyncio.Semaphore(limit)
        self._kept_s = kept_s
        self._idle: dict[_Key, list[tuple[float, Connection]]] = defaultdict(list)
        self._busy: set[Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        timeout = request.extensions.get("timeout", {})
        url = request.url
        key = (url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))
        head, body = _head(request), request.read()
        try:
            async with asyncio.timeout(timeout.get("pool")):
                await self._places.acquire()
        except TimeoutError:
            raise httpx2.PoolTimeout("all connections are in use") from None
        connection: Connection | None = None
        try:
            connection = self._rested(key) or await self._connected(key, timeout.get("connect"))
            self._busy.add(connection)
            connection.ask(head, body)
            await connection.answer(timeout.get("read"))
        except BaseException:
            if connection is not None:
                connection.abort()
                self._busy.discard(connection)
            self._places.release()
            raise
        return httpx2.Response(
            connection.status, headers=connection.headers, stream=Body(self, key, connection, timeout.get("read")), extensions={}
        )

    def release(self, key: _Key, connection: Connection) -> None:
        """The caller has done with an answer."""
        self._places.release()
        self._busy.discard(connection)
        if connection.complete and connection.keep and not connection.lost:
            connection.rest()
            self._idle[key].append((asyncio.get_running_loop().time(), connection))
        else:
            connection.abort()

    async def aclose(self) -> None:
        for connections in self._idle.values():
            for _, connection in connections:
                connection.abort()
        for connection in list(self._busy):
            connection.abort()
        self._idle.clear()
        # An aborted connection is let go of in the next turn of the loop.
        await asyncio.sleep(0)

    def _rested(self, key: _Key) -> Connection | None:
        """A connection that was kept and is still there; the youngest, so that the others grow old."""
        oldest = asyncio.get_running_loop().time() - self._kept_s
        connections = self._idle[key]
        while connections and (connections[0][0] < oldest or connections[0][1].lost):
            connections.pop(0)[1].abort()
        while connections:
            _, connection = connections.pop()
            if not connection.lost:
                return connection
        return None

    async def _connected(self, key: _Key, within: float | None) -> Connection:
        scheme, host, port = key
        loop = asyncio.get_running_loop()
        tls = self._context() if scheme == "https" else None
        try:
            async with asyncio.timeout(within):
                _, connection = await loop.create_connection(Connection, host, port, ssl=tls, server_hostname=host if tls else None)
        except TimeoutError:
            raise httpx2.ConnectTimeout("no connection came about in time") from None
        except (OSError, ssl.SSLError, ssl.CertificateError, UnicodeError) as error:
            raise httpx2.ConnectError(str(error) or type(error).__name__) from error
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


def _head(request: httpx2.Request) -> bytes:
    """Request line and headers. Raises httpx2.LocalProtocolError for what would break out of its line."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%s: %s" % (name, value) for name, value in request.headers.raw]
    if any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines):
        raise httpx2.LocalProtocolError("a header holds a line break")
    return b"\r\n".join(lines) + b"\r\n\r\n"
