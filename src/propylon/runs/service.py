"""Runs: the only way in. Start, stop, steer, follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from propylon import ids
from propylon.errors import Busy, Invalid, NotFound
from propylon.runlog.base import Position, Reader, RunLog
from propylon.runs import prompt
from propylon.runs.claim import ChooseRuntime, Claimed, Send, claim
from propylon.runs.fold import Row
from propylon.runs.supervisor import Supervisor
from propylon.runtimes.base import NOT_LISTENING, Context, Permissions, Rows, RunInput, Steer
from propylon.sessions.changes import Changes
from propylon.sessions.service import Sessions
from propylon.store import contexts
from propylon.store import runs as run_rows
from propylon.store.engine import Database
from propylon.store.records import Again, Run
from propylon.store.records import Busy as SessionBusy

INTERRUPTS = 3
"""How often a run that was started meanwhile is stopped too."""

Take = Callable[[Connection], Send | None]
"""What is to be sent, found inside the transaction that starts it; None: nothing."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    run: str
    session: str
    message: str
    started_at: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Steered:
    """`refused` is "" or a code: not_running, unsupported, not_listening, agent_lacks_steer."""

    run: str
    refused: str = ""


class Runs:
    def __init__(
        self,
        database: Database,
        runlog: RunLog,
        supervisor: Supervisor,
        sessions: Sessions,
        changes: Changes,
        choose: ChooseRuntime,
    ) -> None:
        self._choose = choose
        self._database = database
        self._log = runlog
        self._supervisor = supervisor
        self._sessions = sessions
        self._changes = changes

    async def start(self, send: Send) -> Accepted:
        """Store the message and start its run.

        Raises Invalid, NotFound, Changed (an edit of what has changed), and Busy while another run is live in the session.
        """
        if not send.text.strip():
            raise Invalid("message: nothing was written")
        accepted = await self.start_taken(lambda connection: send)
        assert accepted is not None
        return accepted

    async def start_taken(self, take: Take) -> Accepted | None:
        """Start what `take` finds, in one transaction; None when it finds nothing. Raises as `start`."""
        run = ids.run_id()

        def write(connection: Connection) -> Claimed | None:
            send = take(connection)
            return claim(connection, send, run, self._choose) if send else None

        claimed = await self._database.write(write)
        if claimed is None:
            return None
        answer = claimed.answer
        if isinstance(answer, Again):
            return _as_accepted(await self._run(answer.run_id), claimed.session.title)
        if isinstance(answer, SessionBusy):
            raise Busy(answer.active_run)
        self._supervisor.spawn(answer.run.runtime, self._input(claimed, answer.run))
        self._changes.tell("run_started", answer.session.id, active_stream_id=run)
        return _as_accepted(answer.run, answer.session.title)

    async def interrupt(self, send: Send) -> Accepted:
        """Stop what is live in the session and start this message. Raises as `start`."""
        for _ in range(INTERRUPTS):
            try:
                return await self.start(send)
            except Busy as busy:
                await self._supervisor.cancel(busy.active_run)
        return await self.start(send)

    async def cancel(self, run: str) -> bool:
        """True if the run was live and is now stopped."""
        return await self._supervisor.cancel(run)

    async def steer(self, session: str, text: str, word: str) -> Steered:
        """Say something to the agent at work, which hears it with its next tool result. Raises NotFound and Invalid."""
        if not text.strip():
            raise Invalid("text: nothing was written")
        run = (await self._sessions.get(session)).active_run
        if run is None:
            return Steered(run="", refused="not_running")
        if not self._supervisor.can(run).steer:
            return Steered(run=run, refused="unsupported")
        refused = await self._supervisor.tell(run, Steer(id=word, text=text.strip()))
        known = {"": "", NOT_LISTENING: "not_listening", "not running": "not_running"}
        return Steered(run=run, refused=known.get(refused, "agent_lacks_steer"))

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
        transcript = self._supervisor.transcript((await self._sessions.get(session)).active_run)
        text = transcript.tool_text(tid, part) if transcript else None
        if text is None:
            text = await self._sessions.tool_text(session, tid, part)
        if text is None:
            raise NotFound("No such tool call in this session")
        return text

    async def row(self, session: str, message: str) -> Row:
        """A row of the transcript as it was said, also of the live run. Raises NotFound."""
        transcript = self._supervisor.transcript((await self._sessions.get(session)).active_run)
        live = next((row for row in transcript.rows() if row["message_id"] == message), None) if transcript else None
        return live if live is not None else await self._sessions.message(session, message)

    async def _run(self, run: str) -> Run:
        row = await self._database.read(lambda connection: run_rows.get_run(connection, run))
        if row is None:
            raise NotFound("stream not found")
        return row

    def _input(self, claimed: Claimed, run: Run) -> RunInput:
        base, session = run.base_run, claimed.session

        async def load() -> Rows:
            return [] if base is None else await self._database.read(lambda connection: contexts.load_context(connection, base))

        return RunInput(
            run=run.id,
            session=session.id,
            branch=session.branch,
            profile=session.profile,
            workspace=claimed.workspace,
            model=run.model,
            provider=run.provider,
            text=claimed.text,
            note=prompt.workspace_note(claimed.workspace),
            context=Context(base=base, load=load),
            personality=session.personality,
            effort=session.reasoning_effort,
            permissions=Permissions(yolo=session.yolo, granted=session.granted),
        )


def _as_accepted(run: Run, title: str) -> Accepted:
    return Accepted(run=run.id, session=run.session_id, message=ids.message_id(run.id, 0), started_at=run.started_at, title=title)
