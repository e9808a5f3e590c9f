"""Hermes as a Runtime: one worker process a session, driven over its socket."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from propylon.events import Status
from propylon.runtimes.base import (
    NOT_LISTENING,
    AnswerApproval,
    AnswerClarify,
    Batch,
    Batches,
    Capabilities,
    Command,
    Controls,
    RunInput,
    SetYolo,
    Steer,
)
from propylon.runtimes.failures import RuntimeFailure, failure
from propylon.runtimes.hermes import frames, translate
from propylon.runtimes.hermes.connection import WorkerGone
from propylon.runtimes.hermes.frames import Numbered
from propylon.runtimes.hermes.handle import WorkerHandle
from propylon.runtimes.hermes.pool import NoPlace, Pool
from propylon.runtimes.hermes.processes import WorkerNote
from propylon.runtimes.hermes.template import Ready, TemplateFailed

DEMO = "demo"
"""Model and provider that a worker answers with its built-in demo."""

PATIENCE_S = 1.5
FACTS_S = 5.0
TITLE_S = 35.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelChoice:
    """A model by name and provider."""

    model: str
    provider: str

    @property
    def demo(self) -> bool:
        return self.provider == DEMO


def choice(ready: Ready) -> ModelChoice:
    """What the person configured, else the demo."""
    found = ready.provider
    return ModelChoice(found.model, found.provider) if found.configured else ModelChoice(DEMO, DEMO)


class HermesRuntime:
    capabilities = Capabilities(survives_restart=True, approvals=True, clarify=True, steer=True)

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._preparing: set[asyncio.Task[None]] = set()

    async def default_model(self, profile: str) -> ModelChoice | None:
        """What the profile's agent is configured for, else the demo; None while that is not known."""
        try:
            return choice(await asyncio.wait_for(self._pool.ready(profile), FACTS_S))
        except (TimeoutError, TemplateFailed):
            return None

    def prepare(self, session: str, profile: str, workspace: Path, model: str, provider: str) -> None:
        """Have an agent ready for a session that will probably be used. Failures surface in the run."""
        task = asyncio.create_task(self._prepare(session, profile, workspace, model, provider))
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)

    async def _prepare(self, session: str, profile: str, workspace: Path, model: str, provider: str) -> None:
        try:
            worker = await self._pool.acquire(session, profile, workspace, None)
            if worker.run is None and model:
                worker.connection.send("prepare", model=model, provider=provider or None)
        except (TemplateFailed, WorkerGone, NoPlace):
            return

    async def title(self, session: str, said: str, answer: str) -> str:
        """By the agent's own generator, while the session's worker is there."""
        value = await self._value(session, "title", TITLE_S, user=said, answer=answer)
        return value if isinstance(value, str) else ""

    async def servers(self, session: str) -> list[dict[str, Any]]:
        """The MCP servers of the session's worker; none while it has no worker."""
        value = await self._value(session, "servers", FACTS_S)
        return value if isinstance(value, list) else []

    async def personalities(self, profile: str) -> list[dict[str, str]]:
        """Name and description of those that the profile's configuration has; none while the agent is starting."""
        try:
            found = await asyncio.wait_for(self._pool.ready(profile), FACTS_S)
        except (TimeoutError, TemplateFailed):
            return []
        return found.personalities

    async def _value(self, session: str, control: str, within: float, **fields: Any) -> Any:
        worker = self._pool.worker(session)
        if worker is None:
            return None
        try:
            return (await worker.connection.ask(control, within=within, **fields)).value
        except WorkerGone as error:
            log.info("%s: %s", control, error)
            return None

    async def run(self, run: RunInput, controls: Controls) -> Batches:
        acquiring = asyncio.create_task(self._pool.acquire(run.session, run.profile, run.workspace, run.run))
        worker, ended = None, False
        try:
            done, _ = await asyncio.wait({acquiring}, timeout=PATIENCE_S)
            if not done:
                yield Batch(events=[Status(text=self._why_slow(run.profile))])
            worker = await asyncio.shield(acquiring)
            await self._begin(worker, await self._decided(run))
            controls.listen(partial(_obey, worker, run.run))
            async with aclosing(self._follow(worker, run.run, 0)) as batches:
                async for batch in batches:
                    ended = batch.end is not None
                    yield batch
        except NoPlace as error:
            raise RuntimeFailure(failure("capacity", details=str(error))) from error
        except TemplateFailed as error:
            raise RuntimeFailure(failure("not_started", details=str(error))) from error
        except WorkerGone as error:
            raise RuntimeFailure(failure("interrupted" if worker else "not_started", details=str(error))) from error
        finally:
            if worker is not None:
                self._pool.release(worker, run.run, ended=ended, cancelled=controls.cancelled.is_set())
            else:
                acquiring.add_done_callback(partial(self._unused, run.run))

    def resume(self, run: str, session: str, mark: int, controls: Controls) -> Batches | None:
        """The rest of a run that an earlier server began: from its living worker, or from what it wrote down before it left."""
        notes = self._pool.claim(session)
        return self._resumed(notes, run, session, mark, controls) if notes else None

    async def _resumed(self, notes: list[WorkerNote], run: str, session: str, mark: int, controls: Controls) -> Batches:
        worker, ended = None, False
        try:
            worker = await self._pool.attach(notes, run, mark)
            if worker is not None:
                controls.listen(partial(_obey, worker, run))
            rest = self._follow(worker, run, mark) if worker else _replayed(session, self._pool.left_frames(notes, run, mark))
            async with aclosing(rest) as batches:
                async for batch in batches:
                    ended = batch.end is not None
                    yield batch
        finally:
            if worker is not None:
                self._pool.release(worker, run, ended=ended, cancelled=controls.cancelled.is_set())
            else:
                self._pool.abandon(notes, stop=controls.cancelled.is_set())

    async def _decided(self, run: RunInput) -> RunInput:
        """The run with a model: one that was accepted before the agent was warm may have none yet."""
        if run.model:
            return run
        meant = choice(await self._pool.ready(run.profile))
        return replace(run, model=meant.model, provider=meant.provider)

    async def _begin(self, worker: WorkerHandle, run: RunInput) -> None:
        """Hand over the turn; the history only when the worker does not hold the context this turn goes on from."""
        base = run.context.base
        history = None if base is not None and worker.context == base else await run.context.load()
        reply = await self._ask(worker, run, history)
        if not reply.ok and reply.error == "history":
            reply = await self._ask(worker, run, await run.context.load())
        if not reply.ok and reply.error != "again":
            raise RuntimeFailure(failure("not_started", details=f"the agent's process refused the turn: {reply.error}"))

    async def _ask(self, worker: WorkerHandle, run: RunInput, history: list[dict[str, object]] | None) -> frames.Reply:
        return await worker.connection.ask(
            "run",
            run=run.run,
            text=run.text,
            model=run.model or None,
            provider=run.provider or None,
            base=run.context.base,
            history=history,
            note=run.note,
            personality=run.personality,
            effort=run.effort,
            yolo=run.permissions.yolo,
            granted=run.permissions.granted,
        )

    async def _follow(self, worker: WorkerHandle, run: str, mark: int) -> Batches:
        """Batches of the run's frames. The caller coming back for more means that a batch is kept: only then is it acknowledged."""
        while True:
            try:
                taken = await worker.connection.take()
            except WorkerGone:
                if await self._pool.reattach(worker, mark):
                    continue
                async for batch in _replayed(worker.note.session, self._pool.left_frames([worker.note], run, mark)):
                    yield batch
                return
            fresh = _of_run(taken, run, mark)
            if fresh:
                batch = translate.batch(worker.note.session, fresh)
                yield batch
                mark = batch.mark
                if batch.end is not None:
                    worker.context = run if batch.end.context is not None else None
                    worker.turns += 1
                    worker.acknowledge(taken[-1].n)
                    return
            worker.acknowledge(taken[-1].n)

    def _unused(self, run: str, acquiring: asyncio.Task[WorkerHandle]) -> None:
        """A worker that came for a run which had been given up meanwhile."""
        if not acquiring.cancelled() and acquiring.exception() is None:
            self._pool.release(acquiring.result(), run, ended=True, cancelled=False)

    def _why_slow(self, profile: str) -> str:
        if self._pool.state(profile) == "starting":
            return "The agent is starting."
        return f"Waiting for a place: {self._pool.busy} agents are at work."


async def _obey(worker: WorkerHandle, run: str, command: Command) -> str:
    connection = worker.connection
    try:
        match command:
            case AnswerApproval():
                reply = await connection.ask("answer", q=command.question, choice=command.choice, reason=command.reason)
            case AnswerClarify():
                reply = await connection.ask("answer", q=command.question, text=command.text)
            case Steer():
                reply = await connection.ask("steer", run=run, text=command.text, word=command.id)
            case SetYolo():
                reply = await connection.ask("yolo", on=command.on)
    except WorkerGone as error:
        log.info("a command did not reach the worker: %s", error)
        return NOT_LISTENING
    return "" if reply.ok else reply.error


def _of_run(taken: list[Numbered], run: str, mark: int) -> list[Numbered]:
    """Frames that are new and of this run; an unreadable one may not even say whose it is."""
    return [frame for frame in taken if frame.n > mark and (frame.run == run or not frame.run)]


async def _replayed(session: str, left: list[Numbered]) -> Batches:
    """The last words of a worker that is gone; without an end among them the run was interrupted."""
    if left:
        batch = translate.batch(session, left)
        yield batch
        if batch.end is not None:
            return
    raise RuntimeFailure(failure("interrupted"))
