"""The pass-through: the least an application can do between an upstream and a browser. `python -m bench.relay UPSTREAM` prints its port."""

from __future__ import annotations

import asyncio
import socket
import sys

import uvicorn
from starlette.types import Receive, Scope, Send

from bench.client import address_of


class Relay:
    """Every request is the upstream's `/raw` with the same query; what comes is sent on, piece by piece."""

    def __init__(self, upstream: str) -> None:
        self._address = address_of(upstream)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        writer.write(b"GET /v1/raw?%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % scope["query_string"])
        await reader.readuntil(b"\r\n\r\n")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        while data := await reader.read(1 << 16):
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        writer.close()


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Relay(sys.argv[1]), http="httptools", loop="uvloop", ws="none", lifespan="off", log_config=None, access_log=False
    )
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
