"""The worker's socket: one thread that receives controls, sends frames, and decides when to leave."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import frames
from .agent import Order, Session
from .memory import own_memory
from .spec import Spec
from .spool import Kept, Spool
from .waker import Waker

OUT_LIMIT = 64 * 1024
"""Bytes prepared for sending ahead of the socket; a reply waits behind no more."""
SENDS_AT_ONCE = 4
JOIN_S = 0.004
"""Seconds in which text is joined after some was sent; words at reading pace come further apart and are not delayed."""
ACK_WAIT = 3.0
"""Seconds a leaving worker waits for its last acknowledgement."""
STOP_WAIT = 10.0
"""Seconds a terminated worker waits for its run to end."""
FILE_CHECK = 15.0
"""Seconds between looks at whether the socket's file is still ours."""
GREETING_WAIT = 10.0
MOST_STRANGERS = 16

_CREDENTIALS = struct.Struct("3i")
"""Process, user and group of the other end."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Peer:
    """A connection; `sent` is the last frame number put into `out`."""

    sock: socket.socket
    since: float
    attached: bool = False
    closing: bool = False
    sent: int = 0
    received: bytearray = field(default_factory=bytearray)
    scanned: int = 0
    replies: deque[bytes] = field(default_factory=deque)
    out: bytearray = field(default_factory=bytearray)
    pieces: Iterator[bytes] | None = None
    mask: int = 0


def is_ours(sock: socket.socket) -> bool:
    """Whether the process at the other end runs as our user; where the system does not tell, the token alone has to do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return bool(uid == os.getuid())


class Server:
    """Serves one worker until it leaves. `run` returns after the last frame is acknowledged or written to `left`."""

    def __init__(self, spec: Spec, waker: Waker, spool: Spool, session: Session) -> None:
        self._spec = spec
        self._waker = waker
        self._spool = spool
        self._session = session
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._inode = 0
        self._strangers: list[Peer] = []
        self._peer: Peer | None = None
        self._epoch = -1
        self._started = self._detached_at = time.monotonic()
        self._next_file_check = self._started + FILE_CHECK
        self._file_gone = False
        self._terminated_at = 0.0
        self._interrupted = self._abandoned = False
        self._leaving_at = 0.0
        self._join_until = 0.0

    def listen(self) -> None:
        """Bind the socket, and rename it into place only when it answers. Raises OSError."""
        path = self._spec.socket
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        self._listener.bind(str(new))
        new.chmod(0o600)
        self._listener.listen(16)
        self._listener.setblocking(False)
        self._inode = new.stat().st_ino
        new.rename(path)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._waker.reader, selectors.EVENT_READ, None)

    def terminate(self) -> None:
        """End the live run and leave; called by a signal handler."""
        self._terminated_at = self._terminated_at or time.monotonic()
        self._waker.wake()

    def run(self) -> None:
        """Serve until it is time to leave, then tidy up; also after a fault of its own."""
        signal.set_wakeup_fd(self._waker.writer, warn_on_full_buffer=False)
        try:
            while not self._step(now := time.monotonic()):
                for key, mask in self._selector.select(self._pause(now)):
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.data is not None:
                        self._serve(key.data, mask)
                self._waker.clear()
                self._pump()
        finally:
            self._tidy()

    # When to leave.

    def _step(self, now: float) -> bool:
        """Whether the worker is done."""
        if now >= self._next_file_check:
            self._next_file_check = now + FILE_CHECK
            self._file_gone = self._file_gone or not self._file_is_ours()
        for peer in [peer for peer in self._strangers if now - peer.since > GREETING_WAIT]:
            self._drop(peer)
        if self._terminated_at and not self._abandoned and self._session.live is not None:
            if not self._interrupted:
                self._interrupted = True
                self._session.cancel(None)
            if now - self._terminated_at < STOP_WAIT:
                return False
            log.error("the run does not stop; leaving without it")
            self._abandoned = True
            self._session.abandon()
        if not self._leaving_at and self._may_leave(now):
            log.info("leaving")
            self._leaving_at = now
        if not self._leaving_at:
            return False
        self._pump()
        flushed = self._peer is None or (not self._spool.pending() and not self._peer.out and not self._peer.replies)
        return flushed or now - self._leaving_at > ACK_WAIT

    def _may_leave(self, now: float) -> bool:
        if self._terminated_at:
            return True
        if self._session.busy():
            return False
        return (self._file_gone and self._peer is None) or now >= self._leave_time()

    def _leave_time(self) -> float:
        idle_since = max(self._started, self._session.idle_since)
        if self._peer is None and self._spool.pending():
            return max(idle_since, self._detached_at) + self._spec.unclaimed_s
        return idle_since + (self._spec.idle_s if self._session.turns else self._spec.fresh_idle_s)

    def _pause(self, now: float) -> float:
        if self._leaving_at or self._terminated_at:
            return 0.1
        until = self._next_file_check
        if self._peer is not None and not self._peer.out and self._spool.growing():
            until = min(until, self._join_until)
        if not self._session.busy():
            until = min(until, self._leave_time())
        return max(0.001, until - now)

    def _file_is_ours(self) -> bool:
        try:
            return self._spec.socket.stat().st_ino == self._inode
        except OSError:
            return False

    def _tidy(self) -> None:
        if self._file_is_ours():
            self._spec.socket.unlink(missing_ok=True)
        if self._spool.pending():
            new = self._spec.left.with_name(self._spec.left.name + ".new")
            try:
                with new.open("wb") as file:
                    for line in self._spool.lines():
                        file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self._spec.left)
            except OSError:
                log.exception("frames are lost: %s", self._spec.left)
        self._spool.close()
        for peer in [*self._strangers, *([self._peer] if self._peer else [])]:
            peer.sock.close()
        self._listener.close()

    # Connections.

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            log.warning("accept: %s", error)
            return
        if not is_ours(sock):
            log.warning("a connection of another user was closed")
            sock.close()
            return
        sock.setblocking(False)
        peer = Peer(sock, time.monotonic(), mask=selectors.EVENT_READ)
        self._selector.register(sock, selectors.EVENT_READ, peer)
        self._strangers.append(peer)
        if len(self._strangers) > MOST_STRANGERS:
            self._drop(self._strangers[0])

    def _serve(self, peer: Peer, mask: int) -> None:
        try:
            if mask & selectors.EVENT_READ:
                self._receive(peer)
            if mask & selectors.EVENT_WRITE:
                self._send(peer)
        except OSError as error:
            log.info("connection: %s", error)
            self._drop(peer)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("unreadable control: %s", error)
            self._drop(peer)

    def _drop(self, peer: Peer) -> None:
        if peer.mask:
            peer.mask = 0
            self._selector.unregister(peer.sock)
        peer.sock.close()
        if peer in self._strangers:
            self._strangers.remove(peer)
        if peer is self._peer:
            self._peer = None
            self._detached_at = time.monotonic()

    def _receive(self, peer: Peer) -> None:
        for _ in range(16):
            try:
                data = peer.sock.recv(256 * 1024)
            except BlockingIOError:
                break
            if not data:
                self._drop(peer)
                return
            peer.received += data
        while peer.mask and not peer.closing:
            end = peer.received.find(b"\n", peer.scanned)
            if end < 0:
                peer.scanned = len(peer.received)
                return
            line = bytes(peer.received[:end])
            del peer.received[: end + 1]
            peer.scanned = 0
            if line.strip():
                self._control(peer, json.loads(line))

    # Sending.

    def _pump(self) -> None:
        """Send what is ready to the attached server, and to those that were refused."""
        for peer in [*self._strangers, *([self._peer] if self._peer else [])]:
            try:
                self._send(peer)
            except OSError as error:
                log.info("connection: %s", error)
                self._drop(peer)

    def _send(self, peer: Peer) -> None:
        """Send until the socket takes no more, or for a while: controls must be heard between the parts of a long frame, and replies go
        before the next part."""
        for _ in range(SENDS_AT_ONCE):
            self._fill(peer)
            if not peer.out:
                if peer.closing:
                    self._drop(peer)
                    return
                self._watch(peer, selectors.EVENT_READ)
                return
            try:
                done = peer.sock.send(peer.out)
            except BlockingIOError:
                self._watch(peer, selectors.EVENT_READ | selectors.EVENT_WRITE)
                return
            del peer.out[:done]
        self._watch(peer, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _watch(self, peer: Peer, mask: int) -> None:
        if peer.mask != mask:
            peer.mask = mask
            self._selector.modify(peer.sock, mask, peer)

    def _fill(self, peer: Peer) -> None:
        while len(peer.out) < OUT_LIMIT:
            if peer.replies:
                peer.out += peer.replies.popleft()
                continue
            if peer is not self._peer:
                return
            if peer.pieces is not None:
                piece = next(peer.pieces, None)
                if piece is None:
                    peer.pieces = None
                else:
                    peer.out += piece
                continue
            kept = self._next(peer.sent)
            if kept is None:
                return
            line = self._spool.read(kept)
            if kept.size > frames.WHOLE_LIMIT:
                peer.pieces = frames.parts(kept.n, kept.run, line)
            else:
                peer.out += line
            peer.sent = kept.n

    def _next(self, sent: int) -> Kept | None:
        """The next frame to send. Text that grows fast is taken at most every `JOIN_S`: a frame costs more than its words."""
        kept = self._spool.next(sent, seal=False)
        now = time.monotonic()
        if kept is None and now >= self._join_until:
            kept = self._spool.next(sent)
            if kept is not None:
                self._join_until = now + JOIN_S
        return kept

    # Controls.

    def _control(self, peer: Peer, message: dict[str, Any]) -> None:
        name = message.get("c")
        if not peer.attached:
            if name != "attach":
                raise ValueError("the first control must be attach")
            self._attach(peer, message)
            return
        if name == "ack":
            self._spool.acknowledge(int(message["n"]))
        elif name == "ping":
            peer.replies.append(frames.encode({"k": "pong", "turns": self._session.turns, "rss": own_memory()}))
        elif name == "title":
            self._session.title(
                str(message.get("user") or ""),
                str(message.get("answer") or ""),
                lambda value: self._reply_later(peer, {"k": "reply", "id": message.get("id"), "ok": True, "value": value}),
            )
        elif name == "servers":
            peer.replies.append(frames.encode({"k": "reply", "id": message.get("id"), "ok": True, "value": self._session.servers()}))
        else:
            error = self._obey(str(name), message)
            peer.replies.append(
                frames.encode({"k": "reply", "id": message.get("id"), "ok": not error, **({"error": error} if error else {})})
            )

    def _reply_later(self, peer: Peer, reply: frames.Frame) -> None:
        """Called on any thread; a server that is gone by then gets nothing."""
        peer.replies.append(frames.encode(reply))
        self._waker.wake()

    def _obey(self, name: str, message: dict[str, Any]) -> str:
        """ "" or why not."""
        if name == "prepare":
            self._session.prepare(message.get("model"), message.get("provider"))
            return ""
        if name == "run":
            return "leaving" if self._leaving_at or self._terminated_at else self._session.run(order_of(message))
        if name == "cancel":
            return self._session.cancel(str(message.get("run")))
        if name == "answer":
            words = {key: str(message.get(key) or "") for key in ("choice", "text", "reason")}
            return self._session.answer(str(message.get("q")), **words)
        if name == "steer":
            return self._session.steer(str(message.get("run")), str(message.get("text") or ""), str(message.get("word") or ""))
        if name == "yolo":
            self._session.yolo(bool(message.get("on")))
            return ""
        if name == "leave":
            if self._session.live is not None:
                return "busy"
            self._leaving_at = self._leaving_at or time.monotonic()
            return ""
        return f"unknown control {name}"

    def _attach(self, peer: Peer, message: dict[str, Any]) -> None:
        epoch = int(message.get("epoch") or 0)
        why = "token" if message.get("token") != self._spec.token else "epoch" if epoch < self._epoch else ""
        if why:
            peer.replies.append(frames.encode({"k": "refused", "why": why}))
            peer.closing = True
            return
        if self._peer is not None:
            self._drop(self._peer)
        self._epoch = epoch
        after = int(message.get("after") or 0)
        self._spool.acknowledge(after)
        peer.attached = True
        peer.sent = after
        self._strangers.remove(peer)
        self._peer = peer
        peer.replies.append(
            frames.encode(
                {
                    "k": "hello",
                    "id": self._spec.id,
                    "pid": os.getpid(),
                    "session": self._spec.session,
                    "n": self._spool.seal(),
                    "run": self._session.live,
                    "done": self._spool.done(),
                    "context": self._session.context,
                    "turns": self._session.turns,
                }
            )
        )


def order_of(message: dict[str, Any]) -> Order:
    """The `run` control as an order. Raises KeyError or TypeError for an unfit one."""
    history = message.get("history")
    if history is not None and not isinstance(history, list):
        raise TypeError("history must be a list")
    granted = message.get("granted") or []
    if not isinstance(granted, list):
        raise TypeError("granted must be a list")
    return Order(
        model=message.get("model") or None,
        provider=message.get("provider") or None,
        run=str(message["run"]),
        text=str(message.get("text") or ""),
        base=message.get("base"),
        history=history,
        note=str(message.get("note") or ""),
        personality=str(message.get("personality") or ""),
        effort=str(message.get("effort") or ""),
        yolo=bool(message.get("yolo")),
        granted=tuple(map(str, granted)),
    )
