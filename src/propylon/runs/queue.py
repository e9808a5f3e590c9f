"""Messages that wait for the session to be free.

The next one starts when a run completes. After a stop or a failure they stay where they are, because a person stopped for a reason:
then the queue is paused, and goes on with `send` or with the next completed run. Taking a message from the queue and starting its run are
one transaction, so it is never lost and never sent twice, whatever dies.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from propylon.errors import Busy, Invalid, NotFound
from propylon.runs.claim import Send
from propylon.runs.fold import Row
from propylon.runs.service import Runs
from propylon.sessions.changes import Changes
from propylon.sessions.service import found
from propylon.store import queue as queue_rows
from propylon.store import runs as run_rows
from propylon.store.engine import Database
from propylon.store.records import Queued, Run, Session

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """`paused`: nothing is live, so nothing will start by itself. `run`: the run that this change has started, if it did."""

    messages: list[Queued]
    paused: bool
    run: str | None = None

    def view(self) -> dict[str, Any]:
        """As clients see it."""
        messages = [{"id": one.id, "text": one.text, "created_at": one.created_at} for one in self.messages]
        return {"queue": messages, "paused": self.paused}


class Queue:
    def __init__(self, database: Database, runs: Runs, changes: Changes) -> None:
        self._database = database
        self._runs = runs
        self._changes = changes
        self._tasks: set[asyncio.Task[None]] = set()

    async def waiting(self, session: str) -> Waiting:
        """Raises NotFound."""
        return await self._database.read(lambda connection: _waiting(connection, session))

    async def add(self, session: str, number: str, text: str, *, first: bool = False) -> Waiting:
        """Put a message behind the others, or before them; started at once when nothing is live and nothing waits before it.

        The same `number` again changes nothing. Raises NotFound and Invalid.
        """
        if not text.strip():
            raise Invalid("message: nothing was written")

        def write(connection: Connection) -> bool:
            if run_rows.run_by_key(connection, session, _key(number)) is not None:
                return False
            free = found(connection, session).active_run is None and not queue_rows.listing(connection, session)
            queue_rows.add(connection, session, number, text, at=time.time(), first=first)
            return free

        if not await self._database.write(write):
            return await self._told(session, None)
        try:
            return await self.send(session)
        except Busy:
            return await self._told(session, None)

    async def edit(self, session: str, number: str, text: str) -> Waiting:
        """Raises NotFound, also for a message that was sent meanwhile, and Invalid."""
        if not text.strip():
            raise Invalid("message: nothing was written")
        return await self._changed(session, lambda connection: queue_rows.edit(connection, session, number, text))

    async def remove(self, session: str, number: str) -> Waiting:
        """Raises NotFound."""

        def write(connection: Connection) -> None:
            if not queue_rows.remove(connection, session, number):
                raise NotFound("This message does not wait any more")

        return await self._changed(session, write)

    async def move(self, session: str, number: str, before: str | None) -> Waiting:
        """Before another one, or to the end. Raises NotFound."""
        return await self._changed(session, lambda connection: queue_rows.move(connection, session, number, before))

    async def send(self, session: str) -> Waiting:
        """Start the first message now. Raises NotFound, Busy while a run is live, Invalid when nothing waits."""
        accepted = await self._runs.start_taken(lambda connection: _take(connection, session))
        if accepted is None:
            raise Invalid("Nothing waits in this session")
        return await self._told(session, accepted.run)

    def finished(self, run: Run, session: Session, rows: list[Row]) -> None:
        """A run has ended: go on if it completed."""
        if run.status == "completed":
            self._spawn(session.id)

    async def recover(self) -> None:
        """After a start: go on where the server died between a completed run and the next message."""
        for session in await self._database.read(queue_rows.sessions_with_queue):
            self._spawn(session)

    async def close(self) -> None:
        """What was about to start is left for the next start of the server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, session: str) -> None:
        task = asyncio.create_task(self._advance(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _advance(self, session: str) -> None:
        try:
            accepted = await self._runs.start_taken(lambda connection: _take(connection, session))
        except Busy:
            return  # a person was quicker; that run's end comes back here
        except Exception:
            log.exception("the queue of session %s does not go on", session)
            return
        if accepted is not None:
            await self._told(session, accepted.run)

    async def _changed(self, session: str, change: Callable[[Connection], object]) -> Waiting:
        def write(connection: Connection) -> None:
            found(connection, session)
            change(connection)

        await self._database.write(write)
        return await self._told(session, None)

    async def _told(self, session: str, run: str | None) -> Waiting:
        self._changes.tell("queue", session)
        now = await self.waiting(session)
        return Waiting(messages=now.messages, paused=now.paused, run=run)


def _waiting(connection: Connection, session: str) -> Waiting:
    active = found(connection, session).active_run
    messages = queue_rows.listing(connection, session)
    return Waiting(messages=messages, paused=bool(messages) and active is None)


def _take(connection: Connection, session: str) -> Send | None:
    """The first message, taken out; while a run is live nothing is. Raises NotFound and Busy."""
    active = found(connection, session).active_run
    if active is not None:
        raise Busy(active)
    first = queue_rows.take_first(connection, session)
    return Send(session=session, text=first.text, key=_key(first.id)) if first else None


def _key(number: str) -> str:
    return f"queue:{number}"
