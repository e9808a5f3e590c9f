"""Templates and workers: one template a profile, one worker a session.

Workers are made on demand, kept warm while they are used, and leave when they are not. This server may be the second or tenth that
a worker has seen: notes beside the sockets tell whom to look for after a start.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from propylon import ids
from propylon.runtimes.hermes import frames, processes
from propylon.runtimes.hermes.connection import WorkerConnection, WorkerGone
from propylon.runtimes.hermes.handle import WorkerHandle
from propylon.runtimes.hermes.processes import WorkerNote
from propylon.runtimes.hermes.template import Ready, TemplateFailed
from propylon.runtimes.hermes.templates import Templates

log = logging.getLogger(__name__)

SOCKET_S = 10.0
POLL_S = 0.002
PING_S = 2.0
RETRY_S = 0.1
SILENT_S = 8.0
HOUSEKEEPING_S = 30.0
LEAST_WORKERS = 2
"""However little memory there is: with none the product would be of no use on a small machine."""

WORKER_BYTES = 60 << 20
SPARE_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds, bytes and counts; the defaults are measured advice."""

    idle_s: float = 300.0
    fresh_idle_s: float = 60.0
    unclaimed_s: float = 600.0
    template_idle_s: float = 600.0
    drain_s: float = 2.0
    interrupt_s: float = 5.0
    terminate_s: float = 3.0
    place_s: float = 60.0
    most_workers: int = 256
    recycle_bytes: int = 150 << 20
    recycle_turns: int = 300


class NoPlace(Exception):
    """All places for workers are taken by runs."""


class Pool:
    """Owns every template and worker connection of this server."""

    def __init__(
        self,
        folder: Path,
        *,
        python: Path,
        environment: Mapping[str, str],
        home_of: Callable[[str], Path],
        epoch: int,
        output: Path,
        limits: Limits,
    ) -> None:
        self._folder = folder
        self._epoch = epoch
        self._output = output.open("ab")
        self._limits = limits
        self._templates = Templates(python, environment, home_of, self._output, limits.template_idle_s)
        self._workers: dict[str, WorkerHandle] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._draining: dict[asyncio.Task[None], WorkerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._place = asyncio.Condition()
        self._found = {note.id: note for note in processes.read_notes(folder)}
        self._housekeeping = asyncio.create_task(self._keep_house())

    async def ready(self, profile: str) -> Ready:
        """The template's facts once it is warm. Raises TemplateFailed."""
        return await self._templates.of(profile).ready()

    def state(self, profile: str) -> str:
        """`starting`, `ready` or `failed`."""
        return self._templates.of(profile).state

    async def acquire(self, session: str, profile: str, workspace: Path, run: str | None) -> WorkerHandle:
        """The session's worker, warm if it can be, and taken for `run` if one is named. Raises TemplateFailed, WorkerGone, NoPlace."""
        async with self._locks.setdefault(session, asyncio.Lock()):
            await self._drained(session)
            settings = f"{self._templates.settings(profile)}:{workspace}"
            worker = self._workers.get(session)
            if worker is not None and self._fit(worker, settings):
                worker.run = run or worker.run
                return worker
            if worker is not None:
                self._dismiss(worker)
            await self._make_place()
            worker = await self._start(session, profile, workspace, settings)
            worker.run = run
            self._workers[session] = worker
            return worker

    def worker(self, session: str) -> WorkerHandle | None:
        """The session's worker if it has one."""
        worker = self._workers.get(session)
        return None if worker is None or worker.connection.closed else worker

    def claim(self, session: str) -> list[WorkerNote]:
        """The workers, alive or not, that an earlier server left with the session. Each is given once."""
        notes = [note for note in self._found.values() if note.session == session]
        for note in notes:
            del self._found[note.id]
        return notes

    async def attach(self, notes: list[WorkerNote], run: str, mark: int) -> WorkerHandle | None:
        """The one of these workers that has the run; None when none of them has it. Frames above `mark` follow.

        Patient while a process lives: a loaded machine is slow to answer, and only a dead worker's run may be closed.
        """
        for note in notes:
            worker = await self._patiently(note, mark)
            if worker is None:
                continue
            hello = worker.connection.hello
            assert hello is not None
            if run == hello.run or run in hello.done:
                worker.run = run
                self._workers[note.session] = worker
                self._watch(worker)
                return worker
            self._settle(worker)
        return None

    async def _patiently(self, note: WorkerNote, mark: int) -> WorkerHandle | None:
        began = asyncio.get_running_loop().time()
        while processes.is_same(note):
            worker = await self._connect(note, mark)
            if worker is not None:
                return worker
            if asyncio.get_running_loop().time() - began > SILENT_S and processes.state(note.pid) == "T":
                log.warning("worker %s is frozen and is ended", note.id)
                processes.end(note, signal.SIGKILL)
            await asyncio.sleep(RETRY_S)
        return None

    async def reattach(self, worker: WorkerHandle, mark: int) -> bool:
        """Connect again to a worker whose connection broke. False when it is gone."""
        again = await self._patiently(worker.note, mark)
        if again is not None:
            worker.connection = again.connection
        return again is not None

    async def adopt(self) -> None:
        """Take over the workers that were left without a run of ours, and clear away what dead ones left."""
        await asyncio.gather(*(self._adopt(note) for note in self._found.values()))
        self._found.clear()

    async def _adopt(self, note: WorkerNote) -> None:
        worker = await self._connect(note, 0)
        if worker is not None:
            self._settle(worker)
        elif not processes.is_same(note):
            self.clear(note)

    def left_frames(self, notes: list[WorkerNote], run: str, mark: int) -> list[frames.Numbered]:
        """What these workers wrote down of the run before they left, above `mark`."""
        found: list[frames.Numbered] = []
        for note in notes:
            path = self._path(note.id, "left")
            if path.exists():
                read = frames.FrameReader().feed(path.read_bytes())
                found += [frame for frame in read if isinstance(frame, frames.Frame) and frame.run == run and frame.n > mark]
        return found

    def abandon(self, notes: list[WorkerNote], *, stop: bool) -> None:
        """Workers that could not be attached: those that are gone leave no files, the others are ended if they are to stop."""
        for note in notes:
            if stop:
                processes.end(note, signal.SIGKILL)
            if not processes.is_same(note):
                self.clear(note)

    def clear(self, note: WorkerNote) -> None:
        """Remove the files of a worker that is gone."""
        for kind in ("sock", "left", "spill", "json"):
            self._path(note.id, kind).unlink(missing_ok=True)

    def release(self, worker: WorkerHandle, run: str, *, ended: bool, cancelled: bool) -> None:
        """The owner of a run is done with its worker: the run ended, or is to be stopped, or lives on without us."""
        worker.used_at = asyncio.get_running_loop().time()
        if worker.connection.closed:
            self._forget(worker)
            if cancelled:
                processes.end(worker.note, signal.SIGTERM)
            if not processes.is_same(worker.note):
                self.clear(worker.note)
        elif ended:
            worker.run = None
            if worker.turns >= self._limits.recycle_turns or worker.memory > self._limits.recycle_bytes:
                self._dismiss(worker)
        elif cancelled:
            self._forget(worker)
            self._drain(worker, run)
        else:
            self._forget(worker)
            worker.connection.close()
        self._background(self._tell_place())

    async def close(self) -> None:
        """Idle workers and templates leave; workers with a run are let live on."""
        self._housekeeping.cancel()
        for task in list(self._draining):
            task.cancel()
        for worker in [*self._workers.values(), *self._draining.values()]:
            if worker.run is None:
                worker.leave()
        await self._templates.close()
        deadline = asyncio.get_running_loop().time() + 3
        while any(w.run is None and not w.connection.closed for w in self._workers.values()):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.01)
        for worker in [*self._workers.values(), *self._draining.values()]:
            if worker.connection.closed and not processes.is_same(worker.note):
                self.clear(worker.note)
            worker.connection.close()
        for background in self._tasks:
            background.cancel()
        self._output.close()

    @property
    def busy(self) -> int:
        return sum(1 for worker in self._workers.values() if worker.run is not None)

    def _fit(self, worker: WorkerHandle, settings: str) -> bool:
        idle = asyncio.get_running_loop().time() - worker.used_at
        patience = self._limits.idle_s if worker.turns else self._limits.fresh_idle_s
        return not worker.connection.closed and worker.note.settings == settings and idle < patience - 5

    async def _start(self, session: str, profile: str, workspace: Path, settings: str) -> WorkerHandle:
        template = self._templates.of(profile)
        number, token = ids.worker_id(), secrets.token_hex(16)
        spec: dict[str, Any] = {
            "id": number,
            "socket": str(self._path(number, "sock")),
            "left": str(self._path(number, "left")),
            "spill": str(self._path(number, "spill")),
            "token": token,
            "session": session,
            "workspace": str(workspace),
            "idle_s": self._limits.idle_s,
            "fresh_idle_s": self._limits.fresh_idle_s,
            "unclaimed_s": self._limits.unclaimed_s,
        }
        try:
            forked = await template.worker(spec)
        except TemplateFailed:
            if not template.was_ready:
                raise
            forked = await self._templates.of(profile).worker(spec)
        note = WorkerNote(
            id=number,
            session=session,
            profile=profile,
            token=token,
            pid=forked.pid,
            start=forked.start or processes.start_ticks(forked.pid),
            boot=processes.boot_id(),
            settings=settings,
        )
        note.write(self._folder)
        socket = self._path(number, "sock")
        deadline = asyncio.get_running_loop().time() + SOCKET_S
        while not socket.exists():
            if asyncio.get_running_loop().time() > deadline or not processes.is_same(note):
                self.clear(note)
                raise WorkerGone("the agent's process ended before it could be reached")
            await asyncio.sleep(POLL_S)
        connection = await WorkerConnection.connect(socket, token=token, after=0, epoch=self._epoch, within=SOCKET_S)
        worker = WorkerHandle(note, connection)
        self._watch(worker)
        return worker

    async def _connect(self, note: WorkerNote, mark: int) -> WorkerHandle | None:
        if not processes.is_same(note):
            return None
        try:
            socket = self._path(note.id, "sock")
            connection = await WorkerConnection.connect(socket, token=note.token, after=mark, epoch=self._epoch)
        except WorkerGone:
            return None
        return WorkerHandle(note, connection)

    def _settle(self, worker: WorkerHandle) -> None:
        """A found worker without a run of ours: one that still works on something is stopped, one at rest is kept."""
        hello = worker.connection.hello
        assert hello is not None
        if hello.run is not None:
            self._drain(worker, hello.run)
        elif worker.note.session in self._workers:
            worker.acknowledge(hello.n)
            self._dismiss(worker)
        else:
            worker.acknowledge(hello.n)
            self._workers[worker.note.session] = worker
            self._watch(worker)

    def _watch(self, worker: WorkerHandle) -> None:
        self._background(self._ping(worker))

    async def _ping(self, worker: WorkerHandle) -> None:
        """A worker that is stopped by a signal gives no sign and no end of file: it is ended, so that its run can be."""
        loop = asyncio.get_running_loop()
        while not worker.connection.closed:
            if worker.run is not None:
                worker.connection.send("ping")
                if loop.time() - worker.connection.last_heard > SILENT_S and processes.state(worker.note.pid) == "T":
                    log.warning("worker %s is frozen and is ended", worker.note.id)
                    processes.end(worker.note, signal.SIGKILL)
            await asyncio.sleep(PING_S)
        if worker.run is None:
            self._forget(worker)
            if not processes.is_same(worker.note):
                self.clear(worker.note)

    def _drain(self, worker: WorkerHandle, run: str) -> None:
        task = asyncio.create_task(self._stop(worker, run))
        self._draining[task] = worker
        task.add_done_callback(lambda task: self._draining.pop(task, None))

    async def _stop(self, worker: WorkerHandle, run: str) -> None:
        stopped = await worker.stop(run, interrupt_s=self._limits.interrupt_s, terminate_s=self._limits.terminate_s)
        if not stopped:
            self.clear(worker.note)
            return
        worker.run = None
        if worker.note.session in self._workers:
            worker.leave()
        else:
            self._workers[worker.note.session] = worker

    async def _drained(self, session: str) -> None:
        tasks = [task for task, worker in self._draining.items() if worker.note.session == session]
        if tasks:
            await asyncio.wait(tasks, timeout=self._limits.drain_s)

    def _dismiss(self, worker: WorkerHandle) -> None:
        self._forget(worker)
        worker.leave()

    def _forget(self, worker: WorkerHandle) -> None:
        if self._workers.get(worker.note.session) is worker:
            del self._workers[worker.note.session]
        lock = self._locks.get(worker.note.session)
        if lock is not None and not lock.locked():
            del self._locks[worker.note.session]

    def _path(self, number: str, kind: str) -> Path:
        return self._folder / f"{number}.{kind}"

    # Places

    def _room(self) -> bool:
        count = len(self._workers) + len(self._draining)
        if count >= self._limits.most_workers:
            return False
        return count < LEAST_WORKERS or psutil.virtual_memory().available > SPARE_BYTES + WORKER_BYTES

    async def _make_place(self) -> None:
        """Let the longest unused worker go when there is no room, or wait for one. Raises NoPlace."""
        if self._room():
            return
        idle = sorted((w for w in self._workers.values() if w.run is None), key=lambda w: w.used_at)
        if idle:
            self._dismiss(idle[0])
            return
        async with self._place:
            try:
                await asyncio.wait_for(self._place.wait_for(lambda: self._room() or self._idle()), self._limits.place_s)
            except TimeoutError as error:
                raise NoPlace(f"{len(self._workers)} agents are at work") from error
        await self._make_place()

    def _idle(self) -> bool:
        return any(worker.run is None for worker in self._workers.values())

    async def _tell_place(self) -> None:
        async with self._place:
            self._place.notify_all()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self._templates.tidy()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
