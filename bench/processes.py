"""The processes of a measurement, each ended by whoever started it, and what they cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from propylon.runtimes.hermes import processes
from propylon.runtimes.hermes.environment import agent_environment
from propylon.runtimes.hermes.template import WORKER
from propylon.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
LINE_LIMIT = 1 << 24
START_S = 60.0
LEAVE_S = 15.0

QUIET = """
model: {{default: fake-1, provider: custom, base_url: "{address}", api_key: x, context_length: 131072}}
agent: {{environment_probe: false}}
approvals: {{mode: manual}}
security: {{tirith_enabled: false, allow_lazy_installs: false}}
skills: {{creation_nudge_interval: 0}}
memory: {{nudge_interval: 0}}
"""
"""An agent that asks nobody but the model at the address."""


class Place:
    """A temporary directory with a home and a workspace in it; its name leaves room for socket names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.workspace = folder / "work"
        self.home.mkdir()
        self.workspace.mkdir()

    @property
    def state(self) -> Path:
        return Settings.load(home=self.home, state_dir=self.home / "webui").state

    def configure(self, address: str) -> None:
        (self.home / "config.yaml").write_text(QUIET.format(address=address))

    def environment(self) -> dict[str, str]:
        """Nothing of the user's own settings reaches the measurement."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": str(self.folder), "HERMES_HOME": str(self.home), "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="pb"))
    try:
        yield Place(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Child:
    """A process that speaks lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def line(self, within: float = START_S) -> str:
        """Its next line. Raises RuntimeError when it ended instead."""
        assert self._process.stdout is not None
        found = await asyncio.wait_for(self._process.stdout.readline(), within)
        if not found:
            raise RuntimeError(f"a process of the measurement ended with code {await self._process.wait()}; its log is on stderr")
        return found.decode()

    async def ask(self, within: float = START_S, **question: Any) -> Any:
        """One JSON line there, one back."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        return json.loads(await self.line(within))

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), LEAVE_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


@asynccontextmanager
async def child(*arguments: str, cwd: Path, environment: Mapping[str, str]) -> AsyncGenerator[Child]:
    """A Python process; its own words go to the log in its directory, which is shown when the measurement fails."""
    log = cwd.parent / f"{cwd.name}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=cwd,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=output,
            limit=LINE_LIMIT,
        )
    found = Child(process)
    try:
        yield found
    except BaseException:
        sys.stderr.write(log.read_text(errors="replace")[-4000:])
        raise
    finally:
        await found.end()


class Server(Child):
    """The product. `base` is where it listens."""

    base = ""
    started_ns = 0


@asynccontextmanager
async def server(where: Place, *, scripted: bool = False) -> AsyncGenerator[Server]:
    """`propylon serve` with the real agent, or with the scripted runtime; its workers end with it."""
    mode = ("bench.scripted_server",) if scripted else ("propylon.cli", "serve", "--port", "0")
    try:
        async with child("-m", *mode, cwd=where.workspace, environment=where.environment()) as started:
            found = Server(started._process)
            found.base = (await found.line()).split(" is at ")[1].split("/  ")[0]
            yield found
    finally:
        for note in processes.read_notes(where.state / "workers"):
            if processes.is_same(note):
                processes.end(note, signal.SIGKILL)


@asynccontextmanager
async def scripted_model(where: Place) -> AsyncGenerator[str]:
    """The address of the product's own scripted model, which answers as fast as it can."""
    async with child(str(WORKER), "demo", "0", cwd=where.workspace, environment=where.environment()) as started:
        yield f"http://127.0.0.1:{int(await started.line())}/v1"


@asynccontextmanager
async def stamping_model(where: Place) -> AsyncGenerator[str]:
    """The address of a model whose tokens are the time at which they are sent."""
    async with child("-m", "bench.upstream", cwd=where.workspace, environment=where.environment()) as started:
        yield f"http://127.0.0.1:{int(await started.line())}/v1"


@asynccontextmanager
async def relay(where: Place, upstream: str) -> AsyncGenerator[Server]:
    """The pass-through: a minimal application that relays the upstream's stream."""
    async with child("-m", "bench.relay", upstream, cwd=where.workspace, environment=where.environment()) as started:
        found = Server(started._process)
        found.base = f"http://127.0.0.1:{int(await found.line())}"
        yield found


@asynccontextmanager
async def bare_agents(where: Place) -> AsyncGenerator[Child]:
    """Agents as threads of one warm process without a server, made as the product makes them (and spared the same certificate check)."""
    environment = agent_environment(where.environment(), where.home) | {"HERMES_SKIP_SSL_GUARD": "1", "PYTHONPATH": str(ROOT)}
    async with child("-m", "bench.bare_agent", cwd=where.workspace, environment=environment) as started:
        await started.line()
        yield started


def cpu_s(pid: int) -> float:
    """CPU seconds of a living process, to the nanosecond where the system tells."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system


def rss_mb(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1e6


def many_files() -> None:
    """Take what the system allows: a thousand viewers are a thousand sockets on each side."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536) if most != resource.RLIM_INFINITY else 65_536, most))
