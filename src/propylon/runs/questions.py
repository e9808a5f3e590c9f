"""Questions of the agent to the person: which are open, and how each is answered, once and by its id.

The worker decides who was first: it closes the question with the first answer it hears and says so in an event, so that a restarted
server, two tabs and the deadline can never disagree.
"""

from __future__ import annotations

from propylon.errors import Invalid, Stale, Unavailable
from propylon.runs.fold import Row
from propylon.runs.supervisor import Supervisor
from propylon.runtimes.base import NOT_LISTENING, AnswerApproval, AnswerClarify, Command
from propylon.sessions.service import Sessions

GONE = "gone"


class Questions:
    def __init__(self, supervisor: Supervisor, sessions: Sessions) -> None:
        self._supervisor = supervisor
        self._sessions = sessions

    async def open(self, session: str, kind: str) -> list[Row]:
        """The session's open questions of this kind, `approval` or `clarify`, oldest first. Raises NotFound for the session."""
        return self._open((await self._sessions.get(session)).active_run, kind)

    async def approve(self, session: str, choice: str, question: str | None, reason: str) -> Row:
        """Answer an approval. Raises NotFound, Invalid, Stale, Unavailable."""
        run, asked = await self._question(session, "approval", question)
        if choice not in asked["choices"]:
            raise Invalid(f"choice: must be one of {', '.join(asked['choices'])}")
        return await self._answer(run, asked, AnswerApproval(question=asked["id"], choice=choice, reason=reason.strip()))

    async def clarify(self, session: str, text: str, question: str | None) -> Row:
        """Answer a question in words. Raises NotFound, Invalid, Stale, Unavailable."""
        if not text.strip():
            raise Invalid("response: nothing was written")
        run, asked = await self._question(session, "clarify", question)
        return await self._answer(run, asked, AnswerClarify(question=asked["id"], text=text.strip()))

    def _open(self, run: str | None, kind: str) -> list[Row]:
        transcript = self._supervisor.transcript(run)
        return [found for found in transcript.open_questions() if found["kind"] == kind] if transcript else []

    async def _question(self, session: str, kind: str, number: str | None) -> tuple[str, Row]:
        """The open question that is meant: the one with this id or, where nobody named one, the only one."""
        run = (await self._sessions.get(session)).active_run
        waiting = self._open(run, kind)
        if number is None and len(waiting) > 1:
            raise Invalid(f"{len(waiting)} questions are open: say which one by its id")
        found = next((question for question in waiting if number in (None, question["id"])), None)
        if found is None or run is None:
            raise Stale(self._decision(run, number))
        return run, found

    async def _answer(self, run: str, asked: Row, command: Command) -> Row:
        refused = await self._supervisor.tell(run, command)
        if refused == GONE or (refused and asked["answer"] is not None):
            raise Stale(self._decision(run, asked["id"]))
        if refused == NOT_LISTENING:
            raise Unavailable("The agent could not be reached just now; the question is still open. Try again.")
        if refused:
            raise Invalid(refused)
        return asked

    def _decision(self, run: str | None, number: str | None) -> Row | None:
        transcript = self._supervisor.transcript(run)
        question = transcript.question(number) if transcript and number else None
        answer: Row | None = question["answer"] if question else None
        return answer
