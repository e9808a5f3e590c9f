"""Server-Sent Events: encoding, and a response that pushes.

A frame is masked and encoded once, kept with its record, and shared by all viewers. What waits for a viewer leaves in one write.
`await send` is the flow control: a slow viewer is a cursor that stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from propylon.events import Done, encode, for_viewer
from propylon.runlog.base import Reader, Record
from propylon.web.masking import Masking
from propylon.web.security.caller import caller_of
from propylon.web.security.refusal import Refusal
from propylon.web.security.streams import Streams

SILENCE_S = 5.0
END_S = 1.0
HEARTBEAT = b": heartbeat\n\n"
FULL = Refusal(503, "full", "Too many event streams are open; close some pages", {"Retry-After": "5"})

_encode = msgspec.json.Encoder().encode

Details = Callable[[Done], Awaitable[dict[str, Any]]]
"""The session with its last rows, for the `done` frame."""


def frame(event: str, data: bytes, number: str | None = None) -> bytes:
    """One event on the wire. `data` is JSON on one line."""
    head = f"id: {number}\nevent: {event}\ndata: " if number else f"event: {event}\ndata: "
    return head.encode() + data + b"\n\n"


def json_frame(event: str, data: Any) -> bytes:
    return frame(event, _encode(data))


async def run_frames(run: str, reader: Reader, details: Details, masking: Masking) -> AsyncGenerator[bytes]:
    """A run from the reader's cursor to its end, with a comment in every silence; the empty piece at first sends the headers."""
    yield b""
    while not reader.ended:
        records = await reader.next(SILENCE_S)
        if not records:
            yield HEARTBEAT
            continue
        frames = [record.frame or await _encoded(run, record, details, masking) for record in records]
        yield b"".join(frames)
        reader.delivered()


async def _encoded(run: str, record: Record, details: Details, masking: Masking) -> bytes:
    event = record.event
    if isinstance(event, Done):
        fields = msgspec.structs.asdict(event)
        data = _encode({**fields, "session": masking.value(await details(event))})
    else:
        data = encode(masking.event(for_viewer(event)))
    record.frame = frame(event.kind, data, f"{run}:{record.seq}")
    return record.frame


class EventStream(Response):
    """Sends what the generator yields until it ends, the client leaves or its login ends; 503 where too many are open."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        super().__init__(headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        streams: Streams = scope["app"].state.streams
        if streams.full(caller.key):
            await self._chunks.aclose()
            await FULL.answer(caller.id)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        pushing = asyncio.ensure_future(self._push(send))
        streams.add(pushing, caller.key)
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({pushing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if pushing.cancelled():
                await _end(send)
            elif pushing.done():
                pushing.result()
        finally:
            streams.discard(pushing)
            for task in (pushing, leaving):
                task.cancel()
            await asyncio.gather(pushing, leaving, return_exceptions=True)

    async def _push(self, send: Send) -> None:
        try:
            async for chunk in self._chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._chunks.aclose()


async def _end(send: Send) -> None:
    """The end of an answer that was cut by us; whoever does not take it in time is cut off."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
