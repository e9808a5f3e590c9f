"""A model whose tokens say when they were sent (monotonic ns): `python -m bench.upstream` prints its port.

A message holding `BENCH {"tokens": n, "rate": r, "burst": b}` gets n tokens, r a second (0: as fast as they go), b in one write. The same
query as GET /v1/raw is the plain stream for the pass-through. Anything else gets one word.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
ORDER = re.compile(r"BENCH (\{.*?\})")
BEFORE = b'data: {"id": "b", "created": 1, "model": "fake-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": '
AFTER = b', "finish_reason": null}]}\n\n'
END = (
    BEFORE
    + b'{}, "finish_reason": "stop"}]}\n\n'
    + b'data: {"id": "b", "created": 1, "model": "fake-1", "object": "chat.completion.chunk", "choices": [], '
    + b'"usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}}\n\ndata: [DONE]\n\n'
)


def order(tokens: int, rate: float = 0, burst: int = 1) -> str:
    """The message that asks for it."""
    return "BENCH " + json.dumps({"tokens": tokens, "rate": rate, "burst": burst})


def query(tokens: int, rate: float = 0, burst: int = 1) -> str:
    return f"tokens={tokens}&rate={rate}&burst={burst}"


def piece() -> bytes:
    return BEFORE + b'{"content": "%d "}' % time.monotonic_ns() + AFTER


async def say(writer: asyncio.StreamWriter, wanted: Mapping[str, Any]) -> None:
    tokens, rate, burst = int(wanted["tokens"]), float(wanted["rate"]), int(wanted["burst"])
    writer.write(HEAD + BEFORE + b'{"role": "assistant"}' + AFTER)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for said in range(0, tokens, burst):
        if rate:
            await asyncio.sleep(began + said / rate - loop.time())
        writer.write(b"".join(piece() for _ in range(min(burst, tokens - said))))
        await writer.drain()
    writer.write(END)


def wanted_by(body: Mapping[str, Any]) -> dict[str, Any]:
    """The order in the last message of the person."""
    for message in reversed(body.get("messages") or []):
        if message.get("role") == "user":
            found = ORDER.search(json.dumps(message.get("content")).replace('\\"', '"'))
            if found:
                return dict(json.loads(found[1]))
            break
    return {"tokens": 1, "rate": 0, "burst": 1}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split(" ", 2)
        length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
        body = json.loads(await reader.readexactly(int(length[1]))) if length and int(length[1]) else {}
        if target.startswith("/v1/raw"):
            await say(writer, {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()})
        elif method == "POST" and target.endswith("/chat/completions") and body.get("stream"):
            await say(writer, wanted_by(body))
        elif method == "POST" and target.endswith("/chat/completions"):
            choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
            _send(writer, {"id": "b", "object": "chat.completion", "created": 1, "model": "fake-1", "choices": [choice]})
        elif target.rstrip("/").endswith("/models"):
            _send(writer, {"object": "list", "data": [{"id": "fake-1", "object": "model", "context_length": 131_072}]})
        else:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def _send(writer: asyncio.StreamWriter, answer: Mapping[str, Any]) -> None:
    data = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + data)


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
