"""A scripted runtime that asks, as a worker does: the first answer to a question counts, each is told in an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from propylon.events import Answered, Approval, Clarify, Event, Steered
from propylon.runtimes.base import AnswerApproval, AnswerClarify, Batch, Command, Controls, RunInput, SetYolo, Steer
from propylon.runtimes.scripted import Script, completed


def approval(number: str, command: str = "rm -rf build", **fields: object) -> Approval:
    return Approval(
        approval_id=number,
        session_id="",
        command=command,
        description="recursive delete",
        pattern_key="recursive delete",
        pattern_keys=["recursive delete"],
        choices=["once", "session", "always", "deny"],
        requested_at=100.0,
        expires_at=160.0,
        **fields,  # type: ignore[arg-type]
    )


def clarify(number: str, question: str = "Which?", choices: tuple[str, ...] = ()) -> Clarify:
    return Clarify(clarify_id=number, session_id="", question=question, choices_offered=list(choices), requested_at=100.0)


class Asker:
    """What the runs of `script` were told; `questions` are asked at the beginning, the run completes when all are answered."""

    def __init__(self, *questions: Approval | Clarify, last: tuple[Event, ...] = ()) -> None:
        self.questions = questions
        self.last = last
        self.heard: list[Command] = []
        self.inputs: list[RunInput] = []

    @property
    def script(self) -> Script:
        return self._play

    async def _play(self, run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        self.inputs.append(run)
        waiting = {question.approval_id if isinstance(question, Approval) else question.clarify_id for question in self.questions}
        said: asyncio.Queue[Event] = asyncio.Queue()

        async def obey(command: Command) -> str:
            match command:
                case AnswerApproval() | AnswerClarify():
                    if command.question not in waiting:
                        return "gone"
                    waiting.remove(command.question)
                    said.put_nowait(_answered(command))
                case Steer():
                    said.put_nowait(Steered(text=command.text, at=1.0))
                case SetYolo(on=True):
                    for question in sorted(waiting):
                        said.put_nowait(Answered(question_id=question, by="yolo", choice="once"))
                    waiting.clear()
                case SetYolo():
                    pass
            self.heard.append(command)
            return ""

        controls.listen(obey)
        if self.questions:
            yield Batch(events=list(self.questions))
        while waiting or not said.empty():
            yield Batch(events=[await said.get()])
        yield Batch(events=list(self.last), end=completed(run))


def _answered(command: AnswerApproval | AnswerClarify) -> Answered:
    if isinstance(command, AnswerApproval):
        return Answered(question_id=command.question, by="person", choice=command.choice, reason=command.reason, at=110.0)
    return Answered(question_id=command.question, by="person", text=command.text, at=110.0)
