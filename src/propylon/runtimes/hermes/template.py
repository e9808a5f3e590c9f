"""The template process of a profile: warm, single-threaded, and forked for each session."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

log = logging.getLogger(__name__)

WORKER = Path(__file__).parent / "worker" / "__main__.py"
WARM_S = 60.0
FORK_S = 10.0


class TemplateFailed(Exception):
    """The agent cannot be started for this profile; says why."""


class Provider(msgspec.Struct, frozen=True):
    """What the person configured for the agent. `configured` is false when it could not ask any model."""

    configured: bool = False
    model: str = ""
    provider: str = ""
    reason: str = ""


class Ready(msgspec.Struct, frozen=True):
    version: str = ""
    pid: int = 0
    warm_s: float = 0.0
    fork: bool = True
    why: str = ""
    provider: Provider = Provider()
    personalities: list[dict[str, str]] = []


@dataclass(frozen=True)
class Forked:
    pid: int
    start: int


class Template:
    """Started by `Template.start`; `ready` tells when it is warm or why it never will be."""

    def __init__(self, python: Path, environment: Mapping[str, str], output: IO[bytes]) -> None:
        self._python = python
        self._environment = dict(environment)
        self._output = output
        self._process: asyncio.subprocess.Process | None = None
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._forks: dict[str, asyncio.Future[Forked]] = {}
        self.was_ready = False
        self._ids = itertools.count(1)
        self._life: asyncio.Task[None] | None = None

    @classmethod
    def start(cls, python: Path, environment: Mapping[str, str], output: IO[bytes]) -> Template:
        template = cls(python, environment, output)
        template._life = asyncio.create_task(template._live())
        return template

    @property
    def state(self) -> str:
        """`starting`, `ready` or `failed`."""
        if not self._ready.done():
            return "starting"
        return "failed" if self._ready.exception() else "ready"

    async def ready(self) -> Ready:
        """Raises TemplateFailed."""
        return await asyncio.shield(self._ready)

    async def worker(self, spec: Mapping[str, Any]) -> Forked:
        """A new worker process: forked where that is safe, started cold elsewhere. Raises TemplateFailed."""
        ready = await self.ready()
        if not ready.fork:
            return await self._cold(spec)
        number = f"f{next(self._ids)}"
        answer = self._forks[number] = asyncio.get_running_loop().create_future()
        self._send({"c": "fork", "id": number, "spec": spec})
        try:
            return await asyncio.wait_for(answer, FORK_S)
        except TimeoutError as error:
            raise TemplateFailed("the agent's template does not answer") from error
        finally:
            self._forks.pop(number, None)

    async def close(self) -> None:
        """End the template; its workers live on."""
        process = self._process
        if process is not None and process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 3)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait({self._life})

    async def _live(self) -> None:
        try:
            await asyncio.wait_for(self._start(), WARM_S)
        except TimeoutError:
            self._fail(f"the agent was not ready after {WARM_S:.0f} s")
        except OSError as error:
            self._fail(f"{self._python}: {error.strerror or error}")
        if self._process is None:
            return
        try:
            assert self._process.stdout is not None
            async for line in self._process.stdout:
                self._hear(line)
            code = await self._process.wait()
            self._fail(f"the agent's template ended with code {code}")
        finally:
            self._fail("the agent's template was closed")

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            str(self._python),
            str(WORKER),
            "template",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._output,
            env=self._environment,
            start_new_session=True,
            limit=1 << 20,
        )
        assert self._process.stdout is not None
        self._hear(await self._process.stdout.readline())

    def _hear(self, line: bytes) -> None:
        try:
            message = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            if line:
                log.warning("the template said something unreadable: %r", line[:200])
            return
        match message.get("k"):
            case "ready":
                if not self._ready.done():
                    self._ready.set_result(msgspec.convert(message, Ready))
            case "failed":
                self._fail(str(message.get("error")))
            case "forked":
                self._answer(message, Forked(message["pid"], message["start"]))
            case "error":
                self._answer(message, TemplateFailed(str(message.get("error"))))
            case "exit" if message.get("signal"):
                log.warning("worker process %s was ended by %s", message.get("pid"), signal.Signals(message["signal"]).name)
            case _:
                pass

    def _answer(self, message: Mapping[str, Any], answer: Forked | TemplateFailed) -> None:
        future = self._forks.get(str(message.get("id")))
        if future is None or future.done():
            return
        if isinstance(answer, Forked):
            future.set_result(answer)
        else:
            future.set_exception(answer)

    def _fail(self, why: str) -> None:
        failure = TemplateFailed(why)
        waiting: list[asyncio.Future[Any]] = [self._ready, *self._forks.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(failure)
                future.exception()
        if self._ready.done() and not self._ready.exception():
            self.was_ready = True
            self._ready = asyncio.get_running_loop().create_future()
            self._ready.set_exception(failure)
            self._ready.exception()

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._process is None or self._process.stdin is None or self._process.stdin.is_closing():
            raise TemplateFailed("the agent's template is gone")
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")

    async def _cold(self, spec: Mapping[str, Any]) -> Forked:
        environment = {**self._environment, "HERMES_SESSION_KEY": spec["session"], "TERMINAL_CWD": spec["workspace"]}
        process = await asyncio.create_subprocess_exec(
            str(self._python),
            str(WORKER),
            "worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            env=environment,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(spec) + b"\n")
        with contextlib.suppress(ConnectionError):
            await process.stdin.drain()
        process.stdin.close()
        return Forked(process.pid, 0)
