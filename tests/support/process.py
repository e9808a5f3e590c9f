"""The product as a user runs it: `propylon serve` as a process of its own, with the real agent and a scripted model beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

import propylon.runtimes.hermes.worker as worker_package
from propylon.runtimes.hermes import processes

DEMO = Path(worker_package.__file__).parent / "demo.py"

CONFIG = """
model: {{default: {name}, provider: custom, base_url: "{address}", api_key: x, context_length: 131072}}
agent: {{environment_probe: false}}
approvals: {{mode: manual}}
security: {{tirith_enabled: false, allow_lazy_installs: false}}
skills: {{creation_nudge_interval: 0}}
memory: {{nudge_interval: 0}}
"""


def script(*steps: dict[str, Any]) -> str:
    """A message that tells the scripted model what to do."""
    return "SCRIPT: " + json.dumps(steps)


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary directory whose name leaves room for socket names."""
    folder = Path(tempfile.mkdtemp(prefix="pp", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def scripted_model(record: Path | None = None) -> Iterator[str]:
    """The address of a model that does what messages say, and writes down what it is asked."""
    process = subprocess.Popen([sys.executable, str(DEMO), "0", *([str(record)] if record else [])], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def write_config(home: Path, address: str, name: str = "fake-1") -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.yaml").write_text(CONFIG.format(address=address, name=name))


async def until(condition: Callable[[], object], within: float = 20.0) -> None:
    """Waits for what no event tells: the state of another process."""
    for _ in range(int(within / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not so within {within} s")


class ServerProcess:
    """`propylon serve` over a home; may be killed and started again."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.workspace = folder / "work"
        self.home.mkdir(exist_ok=True)
        self.workspace.mkdir(exist_ok=True)
        self.process: asyncio.subprocess.Process | None = None
        self.base = ""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self._environment = {**kept, "HOME": str(folder), "HERMES_HOME": str(self.home), **environment}

    @property
    def state(self) -> Path:
        return self.home / "webui" / "propylon"

    async def start(self, *options: str) -> None:
        """Until it says where it listens."""
        port = self.base.rpartition(":")[2] or "0"
        with (self.folder / "server.log").open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "propylon.cli",
                "serve",
                "--port",
                port,
                *options,
                cwd=self.workspace,
                env=self._environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
            )
        assert self.process.stdout is not None
        line = (await asyncio.wait_for(self.process.stdout.readline(), 30)).decode()
        assert " is at http" in line, (self.folder / "server.log").read_text()
        self.base = line.split(" is at ")[1].split("/  ")[0]

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the server; its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        code = await asyncio.wait_for(self.process.wait(), 30)
        self.process = None
        return code

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.base, timeout=30)

    def workers(self) -> list[processes.WorkerNote]:
        """Living workers of this state."""
        return [note for note in processes.read_notes(self.state / "workers") if processes.is_same(note)]

    async def clear(self) -> None:
        """End the server and everything it started."""
        children = psutil.Process(self.process.pid).children(recursive=True) if self.process and self.process.returncode is None else []
        if self.process is not None:
            await self.stop(signal.SIGKILL)
        for note in self.workers():
            processes.end(note, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


@asynccontextmanager
async def server_process(folder: Path, **environment: str) -> AsyncGenerator[ServerProcess]:
    server = ServerProcess(folder, **environment)
    try:
        yield server
    finally:
        await server.clear()
