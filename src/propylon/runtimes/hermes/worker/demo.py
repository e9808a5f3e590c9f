"""An OpenAI-compatible chat endpoint on the loopback: the built-in demo model, and the scripted model of tests and benches.

It lives in the worker (`Endpoint`), or runs alone as an ordinary provider: `demo.py [port] [request-log.jsonl]` prints the port it bound.
One event loop serves every stream, so that many cost little.
"""

from __future__ import annotations

if __package__ in (None, ""):
    import runpy
    import sys
    from pathlib import Path

    sys.argv[1:1] = ["demo"]
    runpy.run_path(str(Path(__file__).with_name("__main__.py")), run_name="__main__")

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import replies, script

CONTEXT_LENGTH = 131_072
MODELS = ("demo", "fake-1", "fake-2")
MOST_BYTES = 256 * 1024 * 1024
BURST = 256
"""Pieces written at once when no pace is asked for."""

log = logging.getLogger(__name__)


class Stream(asyncio.Future[None]):
    """Writes pieces to a transport at a pace, all that are due in one write; done when all are written or the reader is gone."""

    def __init__(self, transport: asyncio.WriteTransport, pieces: Iterator[bytes], pause: float) -> None:
        super().__init__()
        self._transport = transport
        self._pieces = pieces
        self._pause = pause
        self._began = self.get_loop().time()
        self._written = 0
        self._tick()

    def _tick(self) -> None:
        if self.done():
            return
        if self._transport.is_closing():
            self.set_result(None)
            return
        now = self.get_loop().time()
        due = int((now - self._began) / self._pause) + 1 - self._written if self._pause else BURST
        out = [piece for _, piece in zip(range(due), self._pieces, strict=False)]
        self._written += len(out)
        if out:
            self._transport.write(b"".join(out))
        if len(out) < due:
            self.set_result(None)
        elif self._pause:
            self.get_loop().call_at(self._began + self._written * self._pause, self._tick)
        elif self._transport.get_write_buffer_size() > 1 << 20:
            self.get_loop().call_later(0.005, self._tick)
        else:
            self.get_loop().call_soon(self._tick)


class Api:
    """Answers requests; `record` is a file that gets each of them as a line."""

    def __init__(self, record: Path | None = None) -> None:
        self._record = record

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; the connection is closed after its answer."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *rest = head.split("\r\n")
            method, path, _ = first.split(" ", 2)
            headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
            body = await reader.readexactly(min(int(headers.get("content-length") or 0), MOST_BYTES))
            await self._answer(writer, method, path, headers, json.loads(body) if body else {})
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError, TypeError) as error:
            log.debug("request: %s", error)
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, method: str, path: str, headers: dict[str, str], body: dict[str, Any]) -> None:
        self._note({"t": time.time(), "method": method, "path": path, "auth": headers.get("authorization"), "body": body})
        if method == "GET" and path.rstrip("/").endswith("/models"):
            models = [{"id": name, "object": "model", "context_length": CONTEXT_LENGTH} for name in MODELS]
            _send(writer, 200, {"object": "list", "data": models})
        elif method == "POST" and path.endswith("/chat/completions"):
            await self._complete(writer, body)
        else:
            _send(writer, 404, {"error": {"message": "not found"}})

    async def _complete(self, writer: asyncio.StreamWriter, body: dict[str, Any]) -> None:
        messages = body.get("messages") or []
        step = script.scripted(messages) or replies.reply(messages, body.get("tools") or [])
        if step.wait:
            await asyncio.sleep(step.wait)
        if step.error:
            status, error, headers = step.error
            _send(writer, status, {"error": error}, headers)
            return
        meta = {"id": f"cmpl-{time.time_ns()}", "created": int(time.time()), "model": str(body.get("model") or MODELS[0])}
        if not body.get("stream"):
            _send(writer, 200, script.completion(step, meta, len(messages)))
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        pieces = iter(script.chunks(step, meta, len(messages)))
        if step.drop is not None:
            pieces = iter([piece for _, piece in zip(range(step.drop), pieces, strict=False)])
        await Stream(writer.transport, pieces, step.pause)
        if step.drop is not None:
            await writer.drain()
            writer.transport.abort()

    def _note(self, request: dict[str, Any]) -> None:
        if self._record is not None:
            with self._record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(request) + "\n")


def _send(writer: asyncio.StreamWriter, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {'OK' if status < 400 else 'Error'}", "Content-Type: application/json", f"Content-Length: {len(data)}"]
    lines += ["Connection: close", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


class Endpoint:
    """The endpoint in a thread of its own. `address` is the base URL, known once started."""

    def __init__(self, port: int = 0, record: Path | None = None) -> None:
        self.address = ""
        self._port = port
        self._api = Api(record)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._serve, name="demo", daemon=True)

    def start(self) -> None:
        """Listen. Raises OSError."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it, and wait for its thread."""
        if self._loop is not None and self._over is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except OSError as error:
            self._error = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        server = await asyncio.start_server(self._api.connection, "127.0.0.1", self._port, limit=1 << 20)
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        await self._over.wait()
        server.close()


async def _serve_alone(port: int, record: Path | None) -> None:
    server = await asyncio.start_server(Api(record).connection, "127.0.0.1", port, limit=1 << 20, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


def main(arguments: list[str]) -> int:
    """`[port] [request-log.jsonl]`; serves until it is ended."""
    port = int(arguments[0]) if arguments else 0
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_alone(port, Path(arguments[1]) if len(arguments) > 1 else None))
    return 0
