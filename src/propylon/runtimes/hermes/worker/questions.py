"""Questions of a running turn that wait for a person: each has an id, and each is answered exactly once. Knows nothing of the agent.

A question is asked on one of the agent's threads, which waits; it is answered on the socket thread, by its deadline, by the end of the run,
or because nothing has to be asked for any more. Whoever is first decides. The answer is told before the waiting thread goes on.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .frames import Frame

SLICE_S = 0.5
"""Seconds between looks at what cannot wake the waiting thread (the agent's own interrupt)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """`by` is who decided: `person`, `timeout`, `cancel` or `yolo`."""

    by: str
    choice: str = ""
    text: str = ""
    reason: str = ""


CANCELLED = Answer("cancel")
TIMED_OUT = Answer("timeout")
ALLOWED = Answer("yolo", choice="once")


@dataclass(eq=False)
class Question:
    """One question. `deadline` is monotonic; `free`: it needs no answer while asking is switched off; `answer` is None while it is open."""

    id: str
    run: str
    frame: Frame
    choices: tuple[str, ...]
    deadline: float | None
    free: bool
    answer: Answer | None = None
    closed: threading.Event = field(default_factory=threading.Event)


class Questions:
    """The open questions of one worker. `say` takes a frame and must not wait."""

    def __init__(self, say: Callable[[Frame], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._open: dict[str, Question] = {}
        self._run: str | None = None
        self._allowing = False

    def begin(self, run: str) -> None:
        """From now on questions belong to this run."""
        with self._lock:
            self._close()
            self._run = run

    def close(self) -> None:
        """End every open question; until the next `begin` all are answered at once, by cancel."""
        with self._lock:
            self._close()

    def allow(self, on: bool) -> None:
        """Switch asking for permission off (`on`), which allows what waits, or on again."""
        with self._lock:
            self._allowing = on
            for question in [question for question in self._open.values() if on and question.free]:
                self._settle(question, ALLOWED)

    def approve(self, fields: dict[str, Any], choices: Sequence[str], limit: float, *, free: bool) -> Question:
        """Ask for permission; `limit` in seconds. Already answered where nobody is to be asked. Raises what `say` raises."""
        with self._lock:
            if self._run is None:
                return _settled(CANCELLED)
            if free and self._allowing:
                return _settled(ALLOWED)
            return self._ask("approval", fields | {"choices": list(choices)}, tuple(choices), max(0.0, limit), free)

    def clarify(self, text: str, choices: Sequence[str], limit: float | None) -> Question:
        """Ask for words; `limit` in seconds, None for no deadline. The newest open question is not asked twice but told again."""
        fields = {"question": text, "choices": list(choices)}
        with self._lock:
            if self._run is None:
                return _settled(CANCELLED)
            newest = next(reversed(self._open.values()), None)
            if newest is not None and newest.frame["k"] == "clarify" and all(newest.frame[key] == fields[key] for key in fields):
                self._say(newest.frame)
                return newest
            return self._ask("clarify", fields, (), limit, False)

    def wait(self, question: Question, interrupted: Callable[[], bool], touch: Callable[[], None]) -> Answer:
        """Hold the calling thread until the question is answered. `interrupted` and `touch` are called twice a second."""
        while question.answer is None:
            left = SLICE_S if question.deadline is None else question.deadline - time.monotonic()
            if left <= 0 or interrupted():
                with self._lock:
                    self._settle(question, TIMED_OUT if left <= 0 else CANCELLED)
                break
            question.closed.wait(min(SLICE_S, left))
            touch()
        return question.answer or CANCELLED

    def answer(self, id: str, *, choice: str, text: str, reason: str) -> str:
        """A person's answer; "" or why not: `gone`, `choice`."""
        with self._lock:
            question = self._open.get(id)
            if question is None:
                return "gone"
            if question.frame["k"] == "clarify":
                self._settle(question, Answer("person", text=text.strip()))
                return ""
            if choice not in question.choices:
                return "choice"
            self._settle(question, Answer("person", choice=choice, reason=reason.strip() if choice == "deny" else ""))
            return ""

    # Under the lock.

    def _ask(self, kind: str, fields: dict[str, Any], choices: tuple[str, ...], limit: float | None, free: bool) -> Question:
        at = round(time.time(), 3)
        frame = {"k": kind, "run": self._run, "q": f"q{secrets.token_hex(12)}", **fields, "at": at}
        frame |= {"until": None if limit is None else round(at + limit, 3), "limit": limit or 0}
        deadline = None if limit is None else time.monotonic() + limit
        question = Question(frame["q"], str(self._run), frame, choices, deadline, free)
        self._say(frame)
        self._open[question.id] = question
        return question

    def _close(self) -> None:
        self._run = None
        for question in list(self._open.values()):
            self._settle(question, CANCELLED)

    def _settle(self, question: Question, answer: Answer) -> None:
        if question.answer is not None:
            return
        question.answer = answer
        self._open.pop(question.id, None)
        frame = {"k": "answered", "run": question.run, "q": question.id, "by": answer.by, "choice": answer.choice}
        try:
            self._say(frame | {"text": answer.text, "reason": answer.reason, "at": round(time.time(), 3)})
        except Exception:
            log.exception("an answer could not be told")
        finally:
            question.closed.set()


def _settled(answer: Answer) -> Question:
    question = Question("", "", {}, (), None, False, answer)
    question.closed.set()
    return question
