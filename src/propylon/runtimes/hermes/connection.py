"""The server's end of a worker's socket."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Any, cast

import msgspec

from propylon.runtimes.hermes.frames import Frame, FrameReader, Hello, Numbered, Pong, Refused, Reply

log = logging.getLogger(__name__)

HELLO_S = 2.0
REPLY_S = 10.0
MOST_WAITING = 4096

_encode = msgspec.json.Encoder().encode
_CREDENTIALS = struct.Struct("3i")
"""Process, user, group."""


class WorkerGone(Exception):
    """The worker's end is closed, or nobody answers there."""


class WorkerConnection(asyncio.Protocol):
    """Made by `connect`. Frames wait in order until `take`; reading pauses while too many do, which holds the agent in the end."""

    def __init__(self) -> None:
        self.hello: Hello | None = None
        self.pong: Pong | None = None
        self.last_heard = 0.0
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader()
        self._frames: list[Numbered] = []
        self._waiter: asyncio.Future[None] | None = None
        self._greeted: asyncio.Future[Hello] = self._loop.create_future()
        self._replies: dict[str, asyncio.Future[Reply]] = {}
        self._ids = itertools.count(1)
        self._transport: asyncio.Transport | None = None
        self._paused = False

    @classmethod
    async def connect(cls, path: Path, *, token: str, after: int, epoch: int, within: float = HELLO_S) -> WorkerConnection:
        """Attach to the worker at `path`. Only its hello counts: a frozen worker's socket still accepts. Raises WorkerGone."""
        try:
            _, connection = await asyncio.get_running_loop().create_unix_connection(cls, str(path))
        except OSError as error:
            raise WorkerGone(str(error)) from error
        if not connection.is_ours():
            connection.close()
            raise WorkerGone("another user answers there")
        connection.send("attach", token=token, after=after, epoch=epoch)
        try:
            await asyncio.wait_for(asyncio.shield(connection._greeted), within)
        except (TimeoutError, WorkerGone) as error:
            connection.close()
            raise WorkerGone(str(error) or "no answer") from error
        return connection

    def is_ours(self) -> bool:
        """Whether the process at the other end runs as our user; where the system does not tell, the folder's mode has to do."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is None or not hasattr(socket, "SO_PEERCRED"):
            return True
        _, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        return bool(uid == os.getuid())

    def send(self, control: str, **fields: Any) -> None:
        """A control without an answer. Nothing happens when the worker is gone: that is learnt by reading."""
        if self._transport is not None and not self.closed:
            self._transport.write(_encode({"c": control, **fields}) + b"\n")

    async def ask(self, control: str, *, within: float = REPLY_S, **fields: Any) -> Reply:
        """A control and its reply, waited for `within` seconds. Raises WorkerGone."""
        if self.closed:
            raise WorkerGone("closed")
        number = str(next(self._ids))
        reply = self._replies[number] = self._loop.create_future()
        self.send(control, id=number, **fields)
        try:
            return await asyncio.wait_for(reply, within)
        except TimeoutError as error:
            raise WorkerGone(f"no reply to {control}") from error
        finally:
            self._replies.pop(number, None)

    async def take(self) -> list[Numbered]:
        """All frames that wait, at least one. Raises WorkerGone when there are none and never will be."""
        while not self._frames:
            if self.closed:
                raise WorkerGone("closed")
            self._waiter = self._loop.create_future()
            await self._waiter
        taken, self._frames = self._frames, []
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return taken

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.last_heard = self._loop.time()
        for message in self._reader.feed(data):
            if isinstance(message, Frame):
                self._frames.append(message)
            else:
                self._answer(message)
        if self._frames:
            self._wake()
            if len(self._frames) > MOST_WAITING and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        gone = WorkerGone(str(exc or "closed"))
        waiting: list[asyncio.Future[Any]] = [self._greeted, *self._replies.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(gone)
                future.exception()
        self._wake()

    def _answer(self, message: Hello | Refused | Reply | Pong) -> None:
        match message:
            case Hello():
                self.hello = message
                if not self._greeted.done():
                    self._greeted.set_result(message)
            case Refused(why=why):
                log.warning("a worker refused this server: %s", why)
                self.close()
            case Reply(id=number) if number in self._replies:
                if not self._replies[number].done():
                    self._replies[number].set_result(message)
            case Pong():
                self.pong = message
            case _:
                pass

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
