"""One run from its first event to its last.

For each batch of the runtime: fold, append, and only then ask for the next one. Every way a run can end meets in `_end`: the first
one decides the outcome, stores it, and sends the last events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from propylon.events import Cancelled, Done, Event, Failed, StreamEnd, Usage, joined
from propylon.runlog.base import RunLog
from propylon.runs.fold import Row, Transcript
from propylon.runtimes.base import Batches, ContextChange, Controls, RunEnd
from propylon.runtimes.failures import Failure, RuntimeFailure, failure

log = logging.getLogger(__name__)

RETRY_S = 1.0
ENDING_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is stored of a run when it ends. `end` tells what the runtime said, if it did."""

    run: str
    status: str
    rows: list[Row]
    usage: Usage
    failure: Failure | None = None
    context: ContextChange | None = None
    granted: list[str] = field(default_factory=list)
    model: str = ""
    provider: str = ""


Store = Callable[[Outcome], Awaitable[int | None]]
"""Stores an outcome once: gives the index after the run's last row, or None when the run had an outcome already."""


Asked = Callable[[str, int], None]
"""Told of a session's open questions when their number has changed."""


class Runner:
    """Made for one run and used for it alone."""

    def __init__(
        self, run: str, session: str, *, runlog: RunLog, store: Store, asked: Asked, transcript: Transcript, controls: Controls
    ) -> None:
        self.run = run
        self.session = session
        self.controls = controls
        self.transcript = transcript
        self._log = runlog
        self._store = store
        self._asked = asked
        self._open = len(transcript.open_questions())
        self._reading: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def execute(self, batches: Batches) -> None:
        """Until the run has ended, was cancelled, or is left to live on by `detach`."""
        self._reading = asyncio.create_task(self._read(batches))
        cancelled = asyncio.create_task(self.controls.cancelled.wait())
        try:
            await asyncio.wait({self._reading, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if cancelled.done() and not self._reading.done():
                await self._end(RunEnd(outcome="interrupted"))
                self._reading.cancel()
                await asyncio.wait({self._reading})
        finally:
            cancelled.cancel()

    async def detach(self) -> None:
        """Stop following the run without ending it; one that is ending is let end, or found again by the next start."""
        if self._ending is not None:
            await asyncio.wait({self._ending}, timeout=ENDING_S)
        elif self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    @property
    def ending(self) -> bool:
        return self._ending is not None

    async def _read(self, batches: Batches) -> None:
        try:
            async with aclosing(batches):
                async for batch in batches:
                    if self._ending is not None or self.controls.cancelled.is_set():
                        break
                    if batch.events:
                        events = joined(batch.events)
                        for event in events:
                            self.transcript.apply(event)
                        await self._log.append(self.run, events, batch.mark)
                        self._tell_questions()
                    if batch.end is not None:
                        await self._end(batch.end)
            if self._ending is None:
                await self._end(_failed(failure("interrupted")))
        except asyncio.CancelledError:
            raise
        except RuntimeFailure as error:
            await self._end(_failed(error.failure))
        except Exception as error:
            log.exception("run %s failed inside the server", self.run)
            await self._end(_failed(failure("error", details=f"{type(error).__name__}: {error}")))

    def _tell_questions(self) -> None:
        waiting = len(self.transcript.open_questions())
        if waiting != self._open:
            self._open = waiting
            self._asked(self.session, waiting)

    async def _end(self, end: RunEnd) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._finish(end))
        await asyncio.shield(self._ending)

    async def _finish(self, end: RunEnd) -> None:
        status, last = self._outcome(end)
        if last is not None:
            self.transcript.apply(last)
        outcome = Outcome(
            run=self.run,
            status=status,
            rows=self.transcript.rows(),
            usage=end.usage,
            failure=end.failure,
            context=end.context,
            granted=self.transcript.granted(),
            model=end.model,
            provider=end.provider,
        )
        position = await self._stored(outcome)
        if position is None:
            return
        await self._told(last_events(self.session, position, end.usage, last))

    async def _told(self, events: list[Event]) -> None:
        """The outcome is stored; viewers wait for the last events, so a log that cannot be written now is tried until it can."""
        while True:
            try:
                await self._log.append(self.run, events)
                return
            except OSError:
                log.exception("the last events of run %s could not be stored; trying again", self.run)
                await asyncio.sleep(RETRY_S)

    async def _stored(self, outcome: Outcome) -> int | None:
        """A database that cannot be written now, a full disk say, may be writable soon; what was shown must not be lost for it."""
        while True:
            try:
                return await self._store(outcome)
            except Exception:
                log.exception("the outcome of run %s could not be stored; trying again", self.run)
                await asyncio.sleep(RETRY_S)

    def _outcome(self, end: RunEnd) -> tuple[str, Cancelled | Failed | None]:
        if self.controls.cancelled.is_set():
            return "cancelled", Cancelled(session_id=self.session)
        if end.outcome == "completed":
            return "completed", None
        found = end.failure or failure("interrupted" if end.outcome == "interrupted" else "error")
        return "interrupted" if found.kind == "interrupted" else "failed", failed_event(self.session, found)


def last_events(session: str, position: int, usage: Usage, last: Cancelled | Failed | None) -> list[Event]:
    """The events that close a run whose outcome is stored."""
    return [last] if last else [Done(session_id=session, end=position, usage=usage), StreamEnd(session_id=session)]


def failed_event(session: str, found: Failure) -> Failed:
    return Failed(session_id=session, type=found.kind, label=found.label, message=found.message, hint=found.hint, details=found.details)


def _failed(found: Failure) -> RunEnd:
    return RunEnd(outcome="failed", failure=found)
