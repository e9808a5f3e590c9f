"""A run whose events were lost is brought up to what the gateway stored, from wherever it was shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from propylon.events import Answer, Event, Token, ToolFinished, ToolStarted
from propylon.runs.fold import Transcript
from propylon.runtimes.gateway.reconcile import counts, missed, spoke, turn, waiting
from propylon.runtimes.gateway.translate import Progress


def call(number: str, command: str) -> dict[str, Any]:
    return {"id": number, "function": {"name": "terminal", "arguments": json.dumps({"command": command})}}


STORED = {
    "data": [
        {"role": "user", "content": "before"},
        {"role": "assistant", "content": "old"},
        {"role": "user", "content": "now"},
        {"role": "assistant", "content": "one", "tool_calls": [call("a", "x"), call("b", "y")], "timestamp": 10},
        {"role": "tool", "tool_call_id": "a", "content": '{"output": "A"}', "timestamp": 12},
        {"role": "tool", "tool_call_id": "b", "content": '{"error": "B"}', "timestamp": 13},
        {"role": "assistant", "content": "two", "tool_calls": [call("c", "z")], "timestamp": 20},
        {"role": "tool", "tool_call_id": "c", "content": "C", "timestamp": 21},
        {"role": "assistant", "content": "three"},
    ]
}
A = ToolStarted(tid="r-t1", name="terminal", args={"command": "x"}, at=10.0)
B = ToolStarted(tid="r-t2", name="terminal", args={"command": "y"}, at=10.0)
C = ToolStarted(tid="r-t3", name="terminal", args={"command": "z"}, at=20.0)
A_ENDS = ToolFinished(tid="r-t1", name="terminal", result='{"output": "A"}', result_size=15, duration=2.0)
B_ENDS = ToolFinished(tid="r-t2", name="terminal", result='{"error": "B"}', result_size=14, duration=3.0, is_error=True)
C_ENDS = ToolFinished(tid="r-t3", name="terminal", result="C", result_size=1, duration=1.0)


@pytest.mark.parametrize(
    ("progress", "shown", "found"),
    [
        (Progress(), "", [Token(text="one"), A, A_ENDS, B, B_ENDS, Token(text="two"), C, C_ENDS, Token(text="three")]),
        (Progress(), None, [Answer(text="one"), A, A_ENDS, B, B_ENDS, Token(text="two"), C, C_ENDS, Token(text="three")]),
        (Progress(), "o", [Answer(text="one"), A, A_ENDS, B, B_ENDS, Token(text="two"), C, C_ENDS, Token(text="three")]),
        (Progress(tools=1), "", [A_ENDS, B, B_ENDS, Token(text="two"), C, C_ENDS, Token(text="three")]),
        (Progress(tools=2, finished=2), "\n\ntwo", [C, C_ENDS, Token(text="three")]),
        (Progress(tools=2, finished=2), None, [Answer(text="two"), C, C_ENDS, Token(text="three")]),
        (Progress(tools=3, finished=2), "", [C_ENDS, Token(text="three")]),
        (Progress(tools=3, finished=3), "thr", [Answer(text="three")]),
        (Progress(tools=3, finished=3), "three", []),
    ],
)
def test_from_anywhere(progress: Progress, shown: str | None, found: list[Event]) -> None:
    assert missed("r", turn(STORED), "three", progress, shown) == found


@pytest.mark.parametrize("cut", range(10))
def test_whatever_was_shown_before_the_rows_are_the_same(cut: int) -> None:
    whole = missed("r", turn(STORED), "three", Progress(), "")
    expected, resumed = Transcript("r"), Transcript("r")
    for event in whole:
        expected.apply(event)
    shown = whole[:cut]
    for event in shown:
        resumed.apply(event)
    if cut in (1, 6, 9):
        resumed.apply(Token(text=" and half a word more"))
    progress = Progress(
        tools=sum(isinstance(event, ToolStarted) for event in shown), finished=sum(isinstance(event, ToolFinished) for event in shown)
    )
    for event in missed("r", turn(STORED), "three", progress, None):
        resumed.apply(event)
    assert resumed.rows() == expected.rows()


@pytest.mark.parametrize(
    "stored", [None, {}, {"data": []}, {"data": "x"}, {"data": [None, {"role": "assistant", "tool_calls": [None, {}]}]}]
)
def test_without_messages_the_output_is_all(stored: Any) -> None:
    found = missed("r", turn(stored), "the end", Progress(), "")
    assert found[-1] == Token(text="the end")


def test_an_output_that_was_not_stored_is_still_the_last_word() -> None:
    assert missed("r", turn({"data": STORED["data"][:-1]}), "three", Progress(tools=3, finished=3), "") == [Token(text="three")]
    assert spoke([], "x") and not spoke([], " ") and spoke(turn(STORED), "")


def test_a_question_that_nobody_heard_is_about_the_first_call_without_result() -> None:
    parts = turn({"data": STORED["data"][:5]})
    found = waiting("r", parts, 99.0)
    assert (found.command, found.tid, found.choices, found.at) == ("y", "r-t2", ("once", "deny"), 10.0)
    assert counts(parts) == (2, 1)
    assert waiting("r", [], 99.0).choices == ("deny",)
