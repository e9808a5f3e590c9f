"""A title by the agent's own generator, off the turn's path and never over a name that a person gave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from propylon.runs.fold import Row
from propylon.runtimes.base import Runtime
from propylon.sessions.service import Sessions
from propylon.store import messages as message_rows
from propylon.store.engine import Database
from propylon.store.records import Run, Session

EXCHANGES = 3
"""A title is tried for after each of the first exchanges until one comes."""

log = logging.getLogger(__name__)


class Titles:
    def __init__(self, database: Database, runtimes: Mapping[str, Runtime], sessions: Sessions) -> None:
        self._database = database
        self._runtimes = runtimes
        self._sessions = sessions
        self._tasks: set[asyncio.Task[None]] = set()

    def finished(self, run: Run, session: Session, rows: list[Row]) -> None:
        """A run has ended: find a title if the session still goes by its first message."""
        if run.status != "completed" or session.title_source != "first_message" or session.user_message_count > EXCHANGES:
            return
        answer = next((str(row["content"]) for row in reversed(rows) if row["role"] == "assistant" and row["content"]), "")
        if answer:
            task = asyncio.create_task(self._find(session.id, run, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is being looked for."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _find(self, session: str, run: Run, answer: str) -> None:
        try:
            at = run.first_position
            said = await self._database.read(lambda connection: message_rows.rows_between(connection, session, at, at + 1))
            title = " ".join((await self._runtimes[run.runtime].title(session, said[0].content if said else "", answer)).split())
            if title:
                await self._sessions.set_agent_title(session, title)
        except Exception:
            log.exception("no title for session %s", session)
