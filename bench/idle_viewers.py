"""A thousand viewers that wait: on the list of sessions, and on a run that says nothing. Memory, and whether all are served."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import AsyncExitStack

from bench import client, processes, scripted_server
from bench.client import Http, Stream, Turn, new_session
from bench.report import Report, shown

VIEWERS = 1000
AT_ONCE = 50
PATIENCE_S = 40.0
SETTLE_S = 6.0
"""Longer than a heartbeat's silence."""


class Served:
    """Counts the viewers that heard an event."""

    def __init__(self, event: str) -> None:
        self.event = event
        self.heard: set[int] = set()
        self.last = 0
        self._all = asyncio.Event()

    def viewer(self, number: int) -> client.Hear:
        def hear(event: str, data: bytes, now: int) -> None:
            if event == self.event:
                self.heard.add(number)
                self.last = now
                if len(self.heard) == VIEWERS:
                    self._all.set()

        return hear

    async def all(self) -> None:
        """Until every viewer heard it, or long enough."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all.wait(), PATIENCE_S)


async def measure(report: Report, quick: bool) -> None:
    report.section(f"{VIEWERS:,} idle viewers")
    processes.many_files()
    await _list(report)
    await _run(report)


async def _list(report: Report) -> None:
    async with AsyncExitStack() as stack:
        where = stack.enter_context(processes.place())
        server = await stack.enter_async_context(processes.server(where, scripted=True))
        http = Http(server.base)
        await new_session(http)
        before = processes.rss_mb(server.pid)
        served = Served("sessions_changed")
        streams = await _open(server.base, "/api/sessions/events", served)
        cpu, rest = processes.cpu_s(server.pid), time.monotonic()
        await asyncio.sleep(SETTLE_S)
        cpu, rest = processes.cpu_s(server.pid) - cpu, time.monotonic() - rest
        memory = processes.rss_mb(server.pid)
        began = time.monotonic_ns()
        await new_session(http)
        await served.all()
        _tell(report, "on the list of sessions", before, memory, cpu / rest, served, began)
        _leave(streams)
        http.close()


async def _run(report: Report) -> None:
    async with AsyncExitStack() as stack:
        where = stack.enter_context(processes.place())
        server = await stack.enter_async_context(processes.server(where, scripted=True))
        http = Http(server.base)
        await Turn().take(http, server.base, await new_session(http), scripted_server.order(1))
        before = processes.rss_mb(server.pid)
        run = (await http.post("/api/chat/start", session_id=await new_session(http), message=scripted_server.order(1, rate=1, wait=25)))[
            "stream_id"
        ]
        started = time.monotonic()
        served = Served("token")
        streams = await _open(server.base, f"/api/chat/stream?stream_id={run}", served)
        cpu, rest = processes.cpu_s(server.pid), time.monotonic()
        await asyncio.sleep(SETTLE_S)
        cpu, rest = processes.cpu_s(server.pid) - cpu, time.monotonic() - rest
        memory = processes.rss_mb(server.pid)
        began = time.monotonic_ns() + int((25 - (time.monotonic() - started)) * 1e9)
        await served.all()
        _tell(report, "on a silent run", before, memory, cpu / rest, served, began)
        _leave(streams)
        http.close()


async def _open(base: str, path: str, served: Served) -> list[Stream]:
    streams: list[Stream] = []
    for start in range(0, VIEWERS, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, VIEWERS))
        streams += await asyncio.gather(*(client.stream(base, path, served.viewer(number)) for number in numbers))
    return streams


def _tell(report: Report, what: str, before: float, memory: float, cores: float, served: Served, began: int) -> None:
    reference = f"the last after {shown((served.last - began) / 1e6)} ms"
    report.add(f"{what}: served", len(served.heard), "viewers", reference=reference, at_least=VIEWERS)
    grown = f"+{shown(memory - before)}, {shown((memory - before) * 1000 / VIEWERS)} kB each"
    report.add("  memory of the server", memory, "MB", reference=grown, at_most=150)
    report.add("  CPU at rest", cores * 100, "% of a core")


def _leave(streams: list[Stream]) -> None:
    for stream in streams:
        stream.close()
