"""The model context as a gateway takes it."""

from __future__ import annotations

from typing import Any

from propylon.runtimes.gateway.history import ARGUMENTS, BREAK, HEADING, RESULT, messages, told_once

CALL = {"id": "c1", "type": "function", "function": {"name": "terminal", "arguments": '{"command": "ls"}'}}
ROWS: list[dict[str, Any]] = [
    {"role": "user", "content": "question"},
    {"role": "assistant", "content": "Let me look", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "a.txt"},
    {"role": "assistant", "content": "There is one."},
]


def test_roles_and_texts_with_what_tools_said() -> None:
    assert messages(ROWS) == [
        {"role": "user", "content": "question"},
        {
            "role": "assistant",
            "content": 'Let me look\n\n[I used terminal with {"command": "ls"}. It returned: a.txt]\n\nThere is one.',
        },
    ]


def test_roles_take_turns_and_nothing_is_empty() -> None:
    rows = [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": ""},
        {"role": "tool", "tool_call_id": "x", "name": "read", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "image_url", "image_url": {"url": "data:..."}}, 5]},
        {"role": "user", "content": None},
        {},
    ]
    assert messages(rows) == [
        {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "[I used read.]"},
        {"role": "user", "content": "c\n[image]"},
    ]


def test_what_a_tool_said_is_bounded() -> None:
    call = {"id": "c", "function": {"name": "t", "arguments": {"x": "y" * 10_000}}}
    rows = [{"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "z" * 10_000}]
    (found,) = messages(rows)
    assert len(found["content"]) < RESULT + ARGUMENTS + 200 and "(10000 characters in all)" in found["content"]


def test_a30_a_conversation_that_began_elsewhere_is_told_once() -> None:
    found = told_once(ROWS, "and now?")
    assert found.startswith(HEADING) and found.endswith(f"{BREAK}\n\nand now?")
    assert "User: question" in found and "Assistant: Let me look" in found
    assert told_once([], "and now?") == "and now?"
