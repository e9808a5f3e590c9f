"""Requests as bytes, for what no client would send."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass

import httpx2

from security.conftest import PASSWORD


def port_of(client: httpx2.AsyncClient) -> int:
    assert client.base_url.port is not None
    return client.base_url.port


@dataclass(frozen=True)
class Said:
    """What came back until the server closed the connection or was silent."""

    text: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.text)]


async def raw(port: int, *pieces: bytes, silence: float = 0.6, local: str = "127.0.0.1") -> Said:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0))
    found, closed = b"", False
    try:
        for piece in pieces:
            writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        while not closed:
            try:
                piece = await asyncio.wait_for(reader.read(65536), silence)
            except TimeoutError:
                break
            except ConnectionError:
                piece = b""
            found += piece
            closed = not piece
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return Said(found, closed)


def request(
    method: str = "GET", target: str = "/api/sessions", *, host: str | None = "localhost", body: bytes = b"", **headers: str
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


async def logged_in(client: httpx2.AsyncClient, **headers: str) -> httpx2.AsyncClient:
    """A browser of its own that knows the password."""
    browser = httpx2.AsyncClient(base_url=client.base_url, timeout=30, headers=headers)
    answer = await browser.post("/api/auth/login", json={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return browser
