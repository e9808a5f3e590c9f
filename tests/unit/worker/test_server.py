"""The socket and its rules of leaving, with a session that runs no agent."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from propylon.runtimes.hermes.worker import server as module
from propylon.runtimes.hermes.worker.agent import Session
from propylon.runtimes.hermes.worker.server import Server, order_of
from propylon.runtimes.hermes.worker.spec import Spec
from propylon.runtimes.hermes.worker.spool import Spool
from propylon.runtimes.hermes.worker.waker import Waker


class Rig:
    def __init__(self, folder: Path, **more: float) -> None:
        self.spec = Spec(
            id="w",
            socket=folder / "s",
            left=folder / "left",
            spill=folder / "spill",
            token="t",
            session="s1",
            workspace=folder,
            **more,
        )
        self.waker = Waker()
        self.spool = Spool(self.spec.spill, self.waker.wake)
        self.session = Session("s1", self.spool, self.waker.wake)
        self.server = Server(self.spec, self.waker, self.spool, self.session)
        self.server.listen()
        self.thread = threading.Thread(target=self.server.run)
        self.sockets: list[socket.socket] = []
        self.closed = False

    def start(self) -> Rig:
        self.thread.start()
        return self

    def attach(self, **more: Any) -> tuple[socket.socket, dict[str, Any]]:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(5)
        sock.connect(str(self.spec.socket))
        self.sockets.append(sock)
        sock.sendall(json.dumps({"c": "attach", "token": "t", "after": 0, "epoch": 1} | more).encode() + b"\n")
        received = b""
        while not received.endswith(b"\n"):
            received += sock.recv(1)
        return sock, json.loads(received)

    def left(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.spec.left.read_text().splitlines()] if self.spec.left.exists() else []

    def close(self) -> None:
        """End everything; harmless when repeated."""
        if self.closed:
            return
        self.closed = True
        self.server.terminate()
        self.thread.join(5)
        for sock in self.sockets:
            sock.close()
        for fd in (self.waker.reader, self.waker.writer):
            module.os.close(fd)


Make = Callable[..., Rig]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes rigs in a folder with a short name, and ends them."""
    monkeypatch.setattr(module.signal, "set_wakeup_fd", lambda *_, **__: -1)
    rigs: list[Rig] = []
    with tempfile.TemporaryDirectory(dir="/tmp") as name:

        def made(**more: float) -> Rig:
            rigs.append(Rig(Path(name), **more))
            return rigs[-1]

        yield made
        for rig in rigs:
            rig.close()


def test_the_socket_is_private_and_gone_afterwards(make: Make) -> None:
    rig = make().start()
    assert rig.spec.socket.stat().st_mode & 0o777 == 0o600
    _, hello = rig.attach()
    assert hello["k"] == "hello" and hello["run"] is None and hello["context"] is None and hello["n"] == 0
    rig.close()
    assert list(rig.spec.socket.parent.iterdir()) == []


def test_a_first_line_that_is_no_attach_ends_the_connection(make: Make) -> None:
    rig = make().start()
    for line in (b'{"c":"ping"}\n', b"nonsense\n", b"[]\n"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(5)
        rig.sockets.append(sock)
        sock.connect(str(rig.spec.socket))
        sock.sendall(line)
        assert sock.recv(10) == b""
    assert rig.attach()[1]["k"] == "hello"
    rig.close()


def test_frames_after_the_last_committed_one_come_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACK_WAIT", 0.2)
    rig = make().start()
    for i in range(5):
        rig.spool.add({"k": "note", "run": "r", "level": "info", "t": str(i)})
    sock, hello = rig.attach(after=2)
    assert hello["n"] == 5
    received = b""
    while received.count(b"\n") < 3:
        received += sock.recv(65536)
    assert [json.loads(line)["t"] for line in received.splitlines()] == ["2", "3", "4"]
    rig.close()
    assert [frame["n"] for frame in rig.left()] == [3, 4, 5], "never acknowledged"


def test_a_run_that_does_not_stop_is_abandoned(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_WAIT", 0.2)
    rig = make().start()
    assert rig.session.run(order_of({"run": "r1", "text": "x"})) == ""
    rig.server.terminate()
    rig.thread.join(5)
    assert not rig.thread.is_alive()
    (end,) = rig.left()
    assert (end["k"], end["outcome"], end["context"]) == ("end", "interrupted", None)
    rig.close()


def test_a_worker_whose_file_is_gone_leaves(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_CHECK", 0.1)
    rig = make()
    rig.start()
    rig.spec.socket.unlink()
    rig.thread.join(20)
    assert not rig.thread.is_alive()
    rig.close()


def test_idle_means_without_a_run(make: Make) -> None:
    rig = make(fresh_idle_s=0.2, idle_s=0.2)
    assert rig.session.run(order_of({"run": "r1", "text": "x"})) == ""
    rig.start()
    rig.thread.join(0.6)
    assert rig.thread.is_alive(), "a run lives"
    rig.session._live = None
    rig.session.idle_since = time.monotonic()
    rig.waker.wake()
    rig.thread.join(5)
    assert not rig.thread.is_alive()
    rig.close()


def test_controls_are_checked(make: Make) -> None:
    rig = make()
    run = rig.session.run
    assert run(order_of({"run": "r1", "text": "x", "base": "elsewhere"})) == "history"
    assert run(order_of({"run": "r1", "text": "x"})) == "" and run(order_of({"run": "r1", "text": "x"})) == "again"
    assert run(order_of({"run": "r2", "text": "x"})) == "busy"
    assert rig.session.cancel("r2") == "not running" and rig.session.cancel("r1") == ""
    with pytest.raises(TypeError):
        order_of({"run": "r", "history": "text"})
    with pytest.raises(KeyError):
        order_of({"text": "x"})
    rig.session._live = None
    rig.start()
    rig.close()
