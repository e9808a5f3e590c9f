"""A server's side of the worker protocol, small and blocking: a template, its workers, connections to them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import propylon.runtimes.hermes.worker as package

FOLDER = Path(package.__file__).parent
PYTHON = sys.executable
PATIENCE = 30.0

Message = dict[str, Any]

QUIET = """
model: {{default: fake-1, provider: custom, base_url: "{address}", api_key: x{window}}}
agent: {{environment_probe: false{agent}}}
approvals: {{mode: {mode}{approvals}}}
security: {{tirith_enabled: false, allow_lazy_installs: false}}
skills: {{creation_nudge_interval: 0}}
memory: {{nudge_interval: 0}}
{more}
"""


def write_home(home: Path, address: str, **more: str) -> Path:
    """A profile for the model at `address`. `more`: `mode` of approvals, further keys of sections (`, key: value`), `more` sections."""
    home.mkdir(parents=True, exist_ok=True)
    usual = {"mode": "manual", "window": ", context_length: 131072", "agent": "", "approvals": "", "more": ""}
    (home / "config.yaml").write_text(QUIET.format(address=address, **usual | more))
    return home


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    fixed = {"HOME": str(home), "HERMES_HOME": str(home), "HERMES_EXEC_ASK": "1", "HERMES_GATEWAY_SESSION": "1"}
    return kept | fixed | {"HERMES_DISABLE_LAZY_INSTALLS": "1", "PYTHONDONTWRITEBYTECODE": "1"} | more


def script(*steps: dict[str, Any]) -> str:
    return "SCRIPT: " + json.dumps(list(steps))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the condition did not come true")
        time.sleep(0.01)


class Lines:
    """JSON lines of a file descriptor, with a deadline."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.buffer = b""
        self.waiting: list[Message] = []

    def next(self, seconds: float = PATIENCE) -> Message:
        until = time.monotonic() + seconds
        while not self.waiting:
            if not select.select([self.fd], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("nothing came")
            data = os.read(self.fd, 1 << 20)
            if not data:
                raise EOFError
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            self.waiting += map(json.loads, lines)
        return self.waiting.pop(0)


class Demo:
    """A scripted model that runs alone."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "requests.jsonl"
        self.process = subprocess.Popen([PYTHON, str(FOLDER / "demo.py"), "0", str(self.record)], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.address = f"http://127.0.0.1:{int(self.process.stdout.readline())}/v1"

    def requests(self) -> list[Message]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Connection:
    """An attached server. Takes each frame once, whole; acknowledges when told to (`ack`) or always (`acks`)."""

    def __init__(self, worker: Worker, after: int = 0, epoch: int = 1, acks: bool = True, token: str | None = None) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(worker.spec["socket"])
        self.lines = Lines(self.sock.fileno())
        self.acks = acks
        self.parts: list[str] = []
        self.frames: list[Message] = []
        self.replies: list[Message] = []
        self.last = after
        self.count = 0
        self.send(c="attach", token=token or worker.spec["token"], after=after, epoch=epoch)
        self.hello = self.lines.next()

    def send(self, **control: Any) -> None:
        self.sock.sendall(json.dumps(control).encode() + b"\n")

    def ack(self) -> None:
        self.send(c="ack", n=self.last)

    def take(self, seconds: float = PATIENCE) -> Message:
        """The next message; numbered ones are checked for order and joined from parts."""
        message = self.lines.next(seconds)
        if message["k"] in ("reply", "pong"):
            self.replies.append(message)
            return message
        if message["k"] == "part":
            assert message["n"] == self.last + 1
            self.parts.append(message["s"])
            if not message["last"]:
                return message
            message = json.loads("".join(self.parts))
            self.parts.clear()
        assert message["n"] == self.last + 1, (message, self.last)
        self.last = message["n"]
        self.frames.append(message)
        if self.acks:
            self.ack()
        return message

    def until(self, wanted: Callable[[Message], bool], seconds: float = PATIENCE) -> Message:
        until = time.monotonic() + seconds
        while True:
            message = self.take(max(0.0, until - time.monotonic()))
            if wanted(message):
                return message

    def ask(self, **control: Any) -> Message:
        """Send a control and wait for its reply."""
        self.count += 1
        self.send(id=f"c{self.count}", **control)
        return self.until(lambda message: message["k"] == "reply" and message["id"] == f"c{self.count}")

    def start(self, run: str, text: str, **more: Any) -> Message:
        return self.ask(c="run", run=run, text=text, **{"model": None, "provider": None, "base": None, "history": None, "note": ""} | more)

    def end(self, run: str, seconds: float = PATIENCE) -> Message:
        """The end frame of a run, which may have been taken already."""
        for frame in self.frames:
            if frame["k"] == "end" and frame["run"] == run:
                return frame
        return self.until(lambda message: message["k"] == "end" and message["run"] == run, seconds)

    def turn(self, run: str, text: str, **more: Any) -> Message:
        assert self.start(run, text, **more)["ok"]
        return self.end(run)

    def asked(self, seconds: float = PATIENCE) -> Message:
        """The next question."""
        return self.until(lambda message: message["k"] in ("approval", "clarify"), seconds)

    def of(self, run: str, *kinds: str) -> list[Message]:
        return [frame for frame in self.frames if frame["run"] == run and frame["k"] in kinds]

    def text(self, run: str) -> str:
        return "".join(frame["t"] for frame in self.of(run, "text"))

    def close(self) -> None:
        self.sock.close()


class Worker:
    """One worker process and the connections to it."""

    def __init__(self, spec: Message, pid: int) -> None:
        self.spec = spec
        self.pid = pid
        self.workspace = Path(spec["workspace"])
        self.connections: list[Connection] = []

    def attach(self, after: int = 0, epoch: int = 1, acks: bool = True, token: str | None = None) -> Connection:
        wait_until(Path(self.spec["socket"]).exists)
        connection = Connection(self, after, epoch, acks, token)
        self.connections.append(connection)
        return connection

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: not alive(self.pid), 3)
            os.kill(self.pid, signal.SIGKILL)


class Template:
    """A template process; its workers end with it here, though not in life."""

    def __init__(self, home: Path, folder: Path, **more: str) -> None:
        self.home = home
        self.folder = folder
        self.log = (folder / "stderr.log").open("ab")
        self.process = subprocess.Popen(
            [PYTHON, str(FOLDER / "__main__.py"), "template"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment(home, **more),
            cwd="/",
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.lines = Lines(self.stdout.fileno())
        self.workers: list[Worker] = []
        self.ready = self.lines.next(60)

    def spec(self, **more: Any) -> Message:
        number = len(self.workers) + 1
        workspace = self.folder / f"w{number}"
        workspace.mkdir(exist_ok=True)
        paths = {name: str(self.folder / f"{number}.{name}") for name in ("socket", "left", "spill")}
        return {"id": f"w{number}", "token": "secret", "session": f"s{number}", "workspace": str(workspace), **paths, **more}

    def say(self, command: Message) -> None:
        self.stdin.write(json.dumps(command).encode() + b"\n")
        self.stdin.flush()

    def until(self, wanted: Callable[[Message], bool]) -> Message:
        while True:
            message = self.lines.next()
            if wanted(message):
                return message

    def fork(self, **more: Any) -> Worker:
        spec = self.spec(**more)
        self.say({"c": "fork", "id": spec["id"], "spec": spec})
        worker = Worker(spec, self.until(lambda message: message["k"] == "forked")["pid"])
        self.workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.stdin.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.stdout.close()
            self.log.close()


@contextlib.contextmanager
def template_of(
    place: Path, name: str, demo: Demo, *, env: str = "", settings: dict[str, str] | None = None, **more: str
) -> Iterator[Template]:
    """A template with a profile of its own. `env` is its `.env`, `settings` as `write_home` takes them, `more` is its environment."""
    folder = place / name
    folder.mkdir()
    home = write_home(folder / "home", demo.address, **settings or {})
    (home / ".env").write_text(env)
    template = Template(home, folder, **more)
    try:
        assert template.ready["k"] == "ready", template.ready
        yield template
    finally:
        template.close()


@contextlib.contextmanager
def cold(folder: Path, home: Path, spec: Message) -> Iterator[Worker]:
    """A worker started without a template."""
    with (folder / "cold.log").open("ab") as log:
        process = subprocess.Popen(
            [PYTHON, str(FOLDER / "__main__.py"), "worker"], stdin=subprocess.PIPE, stderr=log, env=environment(home), cwd="/"
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(spec).encode() + b"\n")
        process.stdin.close()
        worker = Worker(spec, process.pid)
        try:
            yield worker
        finally:
            worker.close()
            process.wait(PATIENCE)
