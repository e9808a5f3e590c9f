from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from propylon.runtimes.hermes.worker import clarify
from propylon.runtimes.hermes.worker.questions import ALLOWED, CANCELLED, TIMED_OUT, Answer, Question, Questions

CHOICES = ("once", "session", "deny")


class Desk:
    """Questions of run `r`, and what was said."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.questions = Questions(self.say)
        self.questions.begin("r")
        self.broken = False

    def say(self, frame: dict[str, Any]) -> None:
        if self.broken:
            raise OSError("no way to say this")
        self.said.append(frame)

    def ask(self, command: str = "rm", limit: float = 60, *, free: bool = True) -> Question:
        return self.questions.approve({"command": command}, CHOICES, limit, free=free)

    def wait(self, question: Question, interrupted: bool = False) -> Answer:
        return self.questions.wait(question, lambda: interrupted, lambda: None)

    def answer(self, question: Question, choice: str = "", text: str = "", reason: str = "") -> str:
        return self.questions.answer(question.id, choice=choice, text=text, reason=reason)

    def answered(self) -> list[tuple[str, str]]:
        return [(frame["q"], frame["by"]) for frame in self.said if frame["k"] == "answered"]


def test_the_first_answer_wins_and_is_told_once() -> None:
    desk = Desk()
    question = desk.ask()
    assert desk.answer(question, "always") == "choice" and desk.answer(question, "") == "choice"
    assert desk.answer(question, "once") == "" and desk.answer(question, "deny") == "gone"
    assert desk.wait(question) == Answer("person", "once") and desk.answered() == [(question.id, "person")]
    assert desk.questions.answer("q1", choice="once", text="", reason="") == "gone"


def test_each_answer_hits_its_own_question() -> None:
    desk = Desk()
    questions = [desk.ask(str(i)) for i in range(20)]
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(desk.wait, question) for question in questions]
        for i, question in reversed(list(enumerate(questions))):
            assert desk.answer(question, "once" if i % 2 else "deny", reason=str(i)) == ""
        assert [w.result(5) for w in waiting] == [
            Answer("person", "once") if i % 2 else Answer("person", "deny", reason=str(i)) for i in range(20)
        ]
    assert len({question.id for question in questions}) == 20


def test_a_race_has_one_winner() -> None:
    for _ in range(50):
        desk = Desk()
        question = desk.ask()
        go = threading.Barrier(4)

        def decide(how: Any, go: threading.Barrier = go) -> None:
            go.wait()
            how()

        ways = [
            lambda desk=desk, question=question: desk.answer(question, "once"),
            lambda desk=desk, question=question: desk.answer(question, "deny"),
            lambda desk=desk: desk.questions.allow(True),
            lambda desk=desk: desk.questions.close(),
        ]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(decide, ways))
        assert len(desk.answered()) == 1 and desk.answered()[0][1] == desk.wait(question).by


def test_deadline_interrupt_and_end() -> None:
    desk = Desk()
    assert desk.wait(desk.ask(limit=0)) == TIMED_OUT
    assert desk.wait(desk.ask(limit=-5)) == TIMED_OUT
    began = time.monotonic()
    assert desk.wait(desk.ask(limit=0.05)) == TIMED_OUT and time.monotonic() - began < 5
    assert desk.wait(desk.ask(), interrupted=True) == CANCELLED
    left = desk.ask()
    desk.questions.close()
    assert desk.wait(left) == CANCELLED and len(desk.answered()) == 5


def test_outside_of_a_run_nobody_is_asked() -> None:
    desk = Desk()
    desk.questions.close()
    assert desk.wait(desk.ask()) == CANCELLED and desk.said == []
    assert desk.wait(desk.questions.clarify("what?", [], None)) == CANCELLED
    desk.questions.begin("r2")
    question = desk.ask()
    assert question.answer is None and desk.said[0]["run"] == "r2"


def test_switched_off_nothing_asks_but_what_is_not_free() -> None:
    desk = Desk()
    waiting, stays = desk.ask(), desk.ask(free=False)
    words = desk.questions.clarify("what?", [], None)
    desk.questions.allow(True)
    assert waiting.answer == ALLOWED and stays.answer is None and words.answer is None
    said = len(desk.said)
    assert desk.ask().answer == ALLOWED and len(desk.said) == said
    desk.questions.allow(False)
    assert desk.ask().answer is None


def test_what_cannot_be_said_is_not_asked() -> None:
    desk = Desk()
    desk.broken = True
    with pytest.raises(OSError):
        desk.ask()
    desk.broken = False
    question = desk.ask()
    desk.broken = True
    desk.questions.close()
    assert desk.wait(question) == CANCELLED


def test_a_frame_states_its_deadline() -> None:
    desk = Desk()
    frame = desk.ask(limit=30).frame
    assert frame["limit"] == 30 and frame["until"] == pytest.approx(frame["at"] + 30) and frame["choices"] == list(CHOICES)
    endless = desk.questions.clarify("what?", ["a"], None).frame
    assert endless["limit"] == 0 and endless["until"] is None


def test_b17_an_identical_newest_question_is_told_again_not_asked_twice() -> None:
    desk = Desk()
    first = desk.questions.clarify("Which?", ["a", "b"], 60)
    assert desk.questions.clarify("Which?", ["a", "b"], 60) is first
    assert [frame["q"] for frame in desk.said] == [first.id, first.id]
    assert desk.questions.clarify("Which?", ["a"], 60) is not first
    assert desk.questions.clarify("Which?", ["a", "b"], 60) is not first, "it is not the newest any more"


@pytest.mark.parametrize(("text", "wanted"), [("  teal \n", "teal"), ("", clarify.OWN_JUDGEMENT), (" \n", clarify.OWN_JUDGEMENT)])
def test_b16_the_answer_is_stripped_and_an_empty_one_leaves_it_to_the_agent(text: str, wanted: str) -> None:
    desk = Desk()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(clarify.ask, desk.questions, "Which?", ["a"], 60)
        while not desk.said:
            time.sleep(0.001)
        assert desk.questions.answer(desk.said[0]["q"], choice="", text=text, reason="") == ""
        assert waiting.result(5) == wanted


def test_b16_timeout_and_cancel_leave_it_to_the_agent() -> None:
    desk = Desk()
    assert clarify.ask(desk.questions, "Which?", None, 0.01) == clarify.OWN_JUDGEMENT
    desk.questions.close()
    assert clarify.ask(desk.questions, "Which?", None, None) == clarify.OWN_JUDGEMENT


@pytest.mark.parametrize(("configured", "wanted"), [(120, 120), ("90", 90), (0, None), (-1, None), (None, 3600), ("soon", 3600)])
def test_clarify_limit(configured: object, wanted: float | None) -> None:
    assert clarify.limit_of(configured) == wanted
