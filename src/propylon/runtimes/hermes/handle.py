"""One living worker, as this server sees it, and the ladder that stops its run."""

from __future__ import annotations

import asyncio
import signal

from propylon.runtimes.hermes import frames, processes
from propylon.runtimes.hermes.connection import WorkerConnection, WorkerGone
from propylon.runtimes.hermes.processes import WorkerNote

ACK_S = 0.05
KILL_S = 2.0


class WorkerHandle:
    """`run` is the run that holds the worker, `context` the run whose model context it holds."""

    def __init__(self, note: WorkerNote, connection: WorkerConnection) -> None:
        assert connection.hello is not None
        self.note = note
        self.connection = connection
        self.context = connection.hello.context
        self.turns = connection.hello.turns
        self.run: str | None = None
        self.used_at = asyncio.get_running_loop().time()
        self._acknowledged = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def memory(self) -> int:
        """Bytes of its own, as it last said."""
        return self.connection.pong.rss if self.connection.pong else 0

    def acknowledge(self, n: int) -> None:
        """Soon, and in one message with what follows soon: the worker only needs it to forget."""
        self._acknowledged = max(self._acknowledged, n)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(ACK_S, self._send_ack)

    def leave(self) -> None:
        """Ask it to go; it does so when no run is live."""
        self.connection.send("leave", id="leave")

    async def stop(self, run: str, *, interrupt_s: float, terminate_s: float) -> bool:
        """Down the ladder: interrupt, terminate, kill. True if the run ended and the worker can be used again.

        What the run still says is acknowledged and dropped.
        """
        self.connection.send("cancel", run=run, id="stop")
        ended = asyncio.create_task(self._until_end(run))
        try:
            await asyncio.wait({ended}, timeout=interrupt_s)
            if ended.done() and ended.result():
                return True
            for how, patience in ((signal.SIGTERM, terminate_s), (signal.SIGKILL, KILL_S)):
                processes.end(self.note, how)
                await asyncio.wait({ended}, timeout=patience)
                if self.connection.closed:
                    break
            return False
        finally:
            ended.cancel()

    async def _until_end(self, run: str) -> bool:
        try:
            while True:
                for frame in await self.connection.take():
                    self.acknowledge(frame.n)
                    if isinstance(frame, frames.End) and frame.run == run:
                        return True
        except WorkerGone:
            return False

    def _send_ack(self) -> None:
        self._timer = None
        self.connection.send("ack", n=self._acknowledged)
