"""The live runs of this process: started, cancelled, left to live on, taken up again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from propylon.events import Cancelled, Failed
from propylon.runlog.base import RunLog
from propylon.runs import history
from propylon.runs.fold import Row, Transcript
from propylon.runs.runner import Outcome, Runner, failed_event, last_events
from propylon.runtimes.base import NOT_LISTENING, Batch, Batches, Capabilities, Command, Controls, RunInput, Runtime
from propylon.runtimes.failures import Failure, failure
from propylon.sessions.changes import Changes
from propylon.store import messages as message_rows
from propylon.store import runs as run_rows
from propylon.store.engine import Database
from propylon.store.records import Run, Session

log = logging.getLogger(__name__)

ALL = 1 << 30
"""As many messages of the earlier context as there are."""

REPLAY = 4096

TELL_S = 5.0
"""Seconds for a runtime to listen, and to answer."""

Finished = Callable[[Run, Session, list[Row]], None]
"""Told of a run whose outcome is stored: its row, its session after it, and the rows it made. Must not wait."""


@dataclass(frozen=True)
class _Live:
    runner: Runner
    runtime: Runtime
    task: asyncio.Task[None]


class Supervisor:
    def __init__(self, database: Database, runlog: RunLog, runtimes: Mapping[str, Runtime], changes: Changes) -> None:
        self._database = database
        self._log = runlog
        self._runtimes = runtimes
        self._changes = changes
        self._live: dict[str, _Live] = {}
        self._waiting: set[str] = set()
        self.finished: list[Finished] = []

    @property
    def count(self) -> int:
        return len(self._live)

    def can(self, run: str) -> Capabilities:
        """What the runtime of a live run can do; nothing when the run is not live."""
        live = self._live.get(run)
        return live.runtime.capabilities if live else Capabilities()

    def waiting(self, session: str) -> bool:
        """Whether a question to the person is open in the session."""
        return session in self._waiting

    def transcript(self, run: str | None) -> Transcript | None:
        """What a live run has said so far."""
        live = self._live.get(run) if run else None
        return live.runner.transcript if live else None

    async def tell(self, run: str, command: Command) -> str:
        """Pass a command on to a live run; "" when it was taken, else why not."""
        live = self._live.get(run)
        if live is None or live.runner.ending:
            return NOT_LISTENING
        return await live.runner.controls.tell(command, TELL_S)

    def spawn(self, name: str, run: RunInput) -> None:
        """Start the run on the runtime of this name."""
        runtime = self._runtimes[name]
        controls = Controls()
        self._log.begin(run.run)
        runner = self._runner(run.run, run.session, Transcript(run.run), controls)
        self._launch(runner, runtime, runtime.run(run, controls))

    async def cancel(self, run: str) -> bool:
        """Stop the run; true if it was live. Its outcome is stored when this returns."""
        live = self._live.get(run)
        if live is None or live.runner.ending:
            return False
        live.runner.controls.cancelled.set()
        await asyncio.wait({live.task})
        return True

    async def drain(self) -> None:
        """Let go of all live runs without ending them."""
        if self._live:
            await asyncio.gather(*(live.runner.detach() for live in self._live.values()))

    async def recover(self) -> None:
        """After a start: go on with runs whose owner lives, close those whose owner is gone, finish logs that lack their last event."""
        active = await self._database.read(run_rows.active_runs)
        for run in active:
            await self._take_up(run)
        known = {run.id for run in active}
        for number in await self._log.unfinished():
            if number not in known:
                await self._close_log(number)

    async def _take_up(self, run: Run) -> None:
        position = await self._log.position(run.id)
        if position is None:
            self._log.begin(run.id)
        transcript = Transcript(run.id)
        after = 0
        while position is not None and after < position.seq:
            records = await self._log.read(run.id, after, REPLAY)
            for record in records:
                transcript.apply(record.event)
            after = records[-1].seq
        controls = Controls()
        runner = self._runner(run.id, run.session_id, transcript, controls)
        if transcript.open_questions():
            self._waiting.add(run.session_id)
        runtime = self._runtimes[run.runtime]
        batches = runtime.resume(run.id, run.session_id, position.mark if position else 0, controls)
        self._launch(runner, runtime, batches if batches is not None else _nothing())

    async def _close_log(self, number: str) -> None:
        """The outcome is in the rows, its events are not: the server died between the two."""
        run = await self._database.read(lambda connection: run_rows.get_run(connection, number))
        if run is None:
            found = failure("interrupted")
            await self._log.append(number, [failed_event("", found)])
            return
        last: Cancelled | Failed | None = None
        if run.status == "cancelled":
            last = Cancelled(session_id=run.session_id)
        elif run.status != "completed":
            last = failed_event(run.session_id, Failure(**(run.failure or {"kind": run.status, "label": "", "message": ""})))
        await self._log.append(number, last_events(run.session_id, run.end_position or 0, run.usage, last))

    def _runner(self, run: str, session: str, transcript: Transcript, controls: Controls) -> Runner:
        return Runner(run, session, runlog=self._log, store=self._store, asked=self._asked, transcript=transcript, controls=controls)

    def _asked(self, session: str, waiting: int) -> None:
        if waiting:
            self._waiting.add(session)
        else:
            self._waiting.discard(session)
        self._changes.tell("question", session, open=waiting)

    def _launch(self, runner: Runner, runtime: Runtime, batches: Batches) -> None:
        task = asyncio.create_task(runner.execute(batches), name=f"run {runner.run}")
        self._live[runner.run] = _Live(runner, runtime, task)
        task.add_done_callback(lambda task: self._done(runner, task))

    def _done(self, runner: Runner, task: asyncio.Task[None]) -> None:
        self._live.pop(runner.run, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run %s was lost by the server", runner.run, exc_info=error)

    async def _store(self, outcome: Outcome) -> int | None:
        """One transaction: outcome, rows, usage and the model context of the next turn."""

        def write(connection: Connection) -> tuple[Run, Session] | None:
            return run_rows.finish_run(
                connection,
                outcome.run,
                status=outcome.status,  # type: ignore[arg-type]
                rows=outcome.rows,
                ended_at=time.time(),
                usage=outcome.usage,
                failure=_as_dict(outcome.failure),
                context=_context(connection, outcome),
                granted=outcome.granted,
                model=outcome.model or None,
                provider=outcome.provider or None,
            )

        stored = await self._database.write(write)
        if stored is None:
            return None
        run, session = stored
        self._waiting.discard(session.id)
        self._changes.tell("run_finished", session.id, status=run.status, stream_id=run.id)
        for told in self.finished:
            told(run, session, outcome.rows)
        return run.end_position


def _context(connection: Connection, outcome: Outcome) -> tuple[int, list[dict[str, object]]] | None:
    """The agent's own context where it could hand it over, else what the person saw."""
    if outcome.context is not None and outcome.status != "cancelled":
        return outcome.context.keep, outcome.context.rows
    run = run_rows.get_run(connection, outcome.run)
    if run is None:
        return None
    said = message_rows.rows_between(connection, run.session_id, run.first_position, run.first_position + 1)
    return ALL, history.from_rows(said[0].content if said else "", outcome.rows)


def _as_dict(found: Failure | None) -> dict[str, str] | None:
    return {name: getattr(found, name) for name in ("kind", "label", "message", "hint", "details")} if found else None


async def _nothing() -> Batches:
    """The rest of a run whose owner is gone."""
    nothing: tuple[Batch, ...] = ()
    for batch in nothing:
        yield batch
