"""Runs: the only way in. Start, cancel, follow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from propylon import ids
from propylon.errors import Busy, Invalid, NotFound
from propylon.runlog.base import Position, Reader, RunLog
from propylon.runs import prompt
from propylon.runs.supervisor import Supervisor
from propylon.runtimes.base import Context, Rows, RunInput
from propylon.sessions.changes import Changes
from propylon.sessions.service import Sessions, found, resolved_workspace
from propylon.store import contexts
from propylon.store import runs as run_rows
from propylon.store import sessions as session_rows
from propylon.store.engine import Database
from propylon.store.records import Again, Run, Session, Started
from propylon.store.records import Busy as SessionBusy


@dataclass(frozen=True, kw_only=True)
class Send:
    """A person's message. What is None is as the session has it; `key` makes the same send, any number of times, one run."""

    session: str
    text: str
    workspace: str | None = None
    model: str | None = None
    provider: str | None = None
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Accepted:
    run: str
    session: str
    message: str
    started_at: float
    title: str


class Runs:
    def __init__(self, database: Database, runlog: RunLog, supervisor: Supervisor, sessions: Sessions, changes: Changes) -> None:
        self._database = database
        self._log = runlog
        self._supervisor = supervisor
        self._sessions = sessions
        self._changes = changes

    async def start(self, send: Send) -> Accepted:
        """Store the message and start its run. Raises Invalid, NotFound, and Busy while another run is live in the session."""
        if not send.text.strip():
            raise Invalid("message: nothing was written")
        run = ids.run_id()
        claimed = await self._database.write(lambda connection: _claim(connection, send, run))
        if isinstance(claimed.answer, Again):
            return _as_accepted(await self._run(claimed.answer.run_id), claimed.session.title)
        if isinstance(claimed.answer, SessionBusy):
            raise Busy(claimed.answer.active_run)
        started = claimed.answer
        self._supervisor.spawn(self._input(started, send.text, claimed.workspace))
        self._changes.tell("run_started", send.session, active_stream_id=run)
        return _as_accepted(started.run, started.session.title)

    async def cancel(self, run: str) -> bool:
        """True if the run was live and is now stopped."""
        return await self._supervisor.cancel(run)

    async def follow(self, run: str, after: int | None) -> Reader:
        """A reader of the run's events. Raises NotFound."""
        reader = await self._log.follow(run, after)
        if reader is None:
            raise NotFound("stream not found")
        return reader

    async def status(self, run: str) -> tuple[Run | None, Position | None]:
        """The run's row and where its log stands; None for what is not known."""
        row = await self._database.read(lambda connection: run_rows.get_run(connection, run))
        return row, await self._log.position(run)

    async def tool_text(self, session: str, tid: str, part: str) -> str:
        """A tool's result or argument in full. Raises NotFound."""
        live = (await self._sessions.get(session)).active_run
        text = self._supervisor.tool_text(live, tid, part) if live else None
        if text is None:
            text = await self._sessions.tool_text(session, tid, part)
        if text is None:
            raise NotFound("No such tool call in this session")
        return text

    async def _run(self, run: str) -> Run:
        row = await self._database.read(lambda connection: run_rows.get_run(connection, run))
        if row is None:
            raise NotFound("stream not found")
        return row

    def _input(self, started: Started, text: str, workspace: Path) -> RunInput:
        base = started.run.base_run

        async def load() -> Rows:
            return [] if base is None else await self._database.read(lambda connection: contexts.load_context(connection, base))

        return RunInput(
            run=started.run.id,
            session=started.session.id,
            profile=started.session.profile,
            workspace=workspace,
            model=started.run.model,
            provider=started.run.provider,
            text=text,
            note=prompt.workspace_note(workspace),
            context=Context(base=base, load=load),
        )


@dataclass(frozen=True)
class _Claimed:
    session: Session
    workspace: Path
    answer: Started | Again | SessionBusy


def _claim(connection: Connection, send: Send, run: str) -> _Claimed:
    """In one transaction: the session is taken, the message stored. A model that nobody named is left to the run."""
    session = found(connection, send.session)
    workspace = resolved_workspace(send.workspace, Path(session.workspace))
    named = send.model is not None and send.model != session.model
    model, provider = (send.model or "", send.provider or "") if named else (session.model, send.provider or session.provider)
    message = {"message_id": ids.message_id(run, 0), "run_id": run, "role": "user", "content": send.text}
    answer = run_rows.start_run(
        connection,
        send.session,
        run,
        [message],
        at=time.time(),
        idempotency_key=send.key,
        model=model,
        provider=provider,
        runtime="hermes",
    )
    if isinstance(answer, Started) and (session.model, session.provider, session.workspace) != (model, provider, str(workspace)):
        session_rows.change(connection, send.session, model=model, provider=provider, workspace=str(workspace))
    return _Claimed(session, workspace, answer)


def _as_accepted(run: Run, title: str) -> Accepted:
    return Accepted(run=run.id, session=run.session_id, message=ids.message_id(run.id, 0), started_at=run.started_at, title=title)
