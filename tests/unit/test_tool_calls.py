"""Tool calls in short."""

from __future__ import annotations

from typing import Any

import pytest

from propylon.sessions.tool_calls import in_short


def call(tid: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": tid, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_b38_calls_are_told_in_short_with_their_row() -> None:
    rows = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "tool_calls": [call("t1", "terminal", '{"command": "ls", "n": 5}'), call("t2", "read_file")]},
        {"role": "tool", "tool_call_id": "t1", "content": '{"output": "a.txt", "exit_code": 0}'},
        {"role": "tool", "tool_call_id": "t2", "content": "plain text"},
        {"role": "assistant", "content": "done"},
    ]
    assert in_short(rows, 10) == [
        {"name": "terminal", "tid": "t1", "assistant_msg_idx": 11, "args": {"command": "ls", "n": "5"}, "snippet": "a.txt"},
        {"name": "read_file", "tid": "t2", "assistant_msg_idx": 11, "args": {}, "snippet": "plain text"},
    ]


def test_b38_arguments_and_results_are_cut() -> None:
    arguments = "{" + ", ".join(f'"k{number}": "{"x" * 500}"' for number in range(9)) + "}"
    rows = [
        {"role": "assistant", "content": "", "tool_calls": [call("t1", "write_file", arguments)]},
        {"role": "tool", "tool_call_id": "t1", "content": '{"error": "' + "y" * 900 + '"}'},
    ]
    (short,) = in_short(rows, 0)
    assert list(short["args"]) == [f"k{number}" for number in range(6)]
    assert {len(value) for value in short["args"].values()} == {123} and short["snippet"] == "y" * 200


@pytest.mark.parametrize(
    "row",
    [
        {"role": "assistant", "content": "", "tool_calls": None},
        {"role": "assistant", "content": "", "tool_calls": "broken"},
        {"role": "assistant", "content": "", "tool_calls": [None, 5, {"id": "x"}, {"id": "x", "function": None}]},
        {"role": "assistant", "content": "", "tool_calls": [call("t", "tool"), call("t", "")]},
        {"role": "tool", "tool_call_id": None, "content": None},
        {"role": "assistant"},
    ],
)
def test_d_s29_odd_rows_never_fail(row: dict[str, Any]) -> None:
    assert in_short([row], 0) == []


def test_d_s29_arguments_that_are_no_object_are_none() -> None:
    rows = [{"role": "assistant", "content": "", "tool_calls": [call("t", "x", "[1"), call("u", "y", "[1]")]}]
    assert [short["args"] for short in in_short(rows, 0)] == [{}, {}]
