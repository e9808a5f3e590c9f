"""The model context as a gateway takes it: a person's and the agent's words, in turn. Pure.

A gateway's history knows no tool calls, so what a tool was asked and said is told in the agent's own message. Over chat completions it
takes no history at all: it reads what its own session holds, and drops what is sent beside the last message. There a conversation that
began elsewhere is told once, in front of the person's message, and is part of the gateway's session from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from propylon.runtimes.base import Rows
from propylon.runtimes.gateway.values import items, mapping, text

Message = dict[str, Any]

RESULT = 2000
"""Characters of a tool's result that are told on."""

ARGUMENTS = 500

HEADING = "[This conversation began elsewhere. What was said so far:]"
BREAK = "[End of what was said so far. The message to answer now:]"

_NAMES = {"user": "User", "assistant": "Assistant"}


def messages(rows: Rows) -> list[Message]:
    """Messages with role `user` or `assistant` and plain text; neighbours of one role are made one."""
    out: list[Message] = []
    calls: dict[str, str] = {}
    for row in rows:
        role = row.get("role")
        if role == "user":
            _add(out, "user", _content(row.get("content")))
        elif role == "assistant":
            _add(out, "assistant", _content(row.get("content")))
            for call in items(row.get("tool_calls")):
                calls[text(mapping(call).get("id"))] = _called(mapping(call))
        elif role == "tool":
            called = calls.pop(text(row.get("tool_call_id")), "") or text(row.get("name")) or text(row.get("tool_name")) or "a tool"
            _add(out, "assistant", _told(called, _content(row.get("content"))))
    return out


def told_once(rows: Rows, said: str) -> str:
    """The person's message with the conversation before it in front; the message alone when there is none."""
    before = messages(rows)
    if not before:
        return said
    parts = [HEADING, *(f"{_NAMES[message['role']]}: {message['content']}" for message in before), BREAK, said]
    return "\n\n".join(parts)


def _add(out: list[Message], role: str, content: str) -> None:
    if not content.strip():
        return
    if out and out[-1]["role"] == role:
        out[-1]["content"] += f"\n\n{content}"
    else:
        out.append({"role": role, "content": content})


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    pieces = []
    for part in items(content):
        found = mapping(part)
        if isinstance(found.get("text"), str):
            pieces.append(found["text"])
        elif "image" in text(found.get("type")):
            pieces.append("[image]")
    return "\n".join(pieces)


def _called(call: Mapping[str, Any]) -> str:
    function = mapping(call.get("function"))
    arguments = function.get("arguments")
    written = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode() if arguments else ""
    name = text(function.get("name")) or "a tool"
    return f"{name} with {_cut(written, ARGUMENTS)}" if written.strip() not in ("", "{}") else name


def _told(called: str, result: str) -> str:
    return f"[I used {called}. It returned: {_cut(result, RESULT)}]" if result.strip() else f"[I used {called}.]"


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[:most]} ... ({len(words)} characters in all)"
