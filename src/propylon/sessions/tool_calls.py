"""The tool calls of a page of rows in short, as native clients list them. Pure and total: no row can make it fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

SNIPPET = 200
"""Characters of a result."""

MOST_ARGUMENTS = 6
ARGUMENT = 120
"""Characters of an argument."""

Row = dict[str, Any]

_TELLING = ("output", "result", "error", "raw")
"""Fields of a result that say what came of it, in order of preference."""


def in_short(rows: Sequence[Row], offset: int) -> list[Row]:
    """Name, id, shortened arguments and result of every call in `rows`; `assistant_msg_idx` counts from the session's first row.

    `offset` is the position of the first of the rows. Calls without a name of their own are left out.
    """
    results = {row.get("tool_call_id"): str(row.get("content") or "") for row in rows if row.get("role") == "tool"}
    return [
        {
            "name": name,
            "tid": tid,
            "assistant_msg_idx": offset + index,
            "args": _arguments(function.get("arguments")),
            "snippet": _snippet(results.get(tid, "")),
        }
        for index, row in enumerate(rows)
        for tid, name, function in _calls(row)
        if name and name != "tool"
    ]


def _calls(row: Row) -> list[tuple[str, str, Row]]:
    found = row.get("tool_calls")
    calls = [call for call in found if isinstance(call, dict)] if isinstance(found, list) else []
    functions = [(str(call.get("id") or ""), call.get("function")) for call in calls]
    return [(tid, str(function.get("name") or ""), function) for tid, function in functions if isinstance(function, dict)]


def _arguments(text: Any) -> Row:
    args = _object(text)
    return {name: _cut(value if isinstance(value, str) else msgspec.json.encode(value).decode()) for name, value in args[:MOST_ARGUMENTS]}


def _snippet(text: str) -> str:
    fields = dict(_object(text))
    told = next((fields[name] for name in _TELLING if fields.get(name)), text)
    return (told if isinstance(told, str) else msgspec.json.encode(told).decode())[:SNIPPET]


def _object(text: Any) -> list[tuple[str, Any]]:
    try:
        value = msgspec.json.decode(text) if isinstance(text, str) else None
    except (msgspec.DecodeError, RecursionError):
        value = None
    return list(value.items()) if isinstance(value, dict) else []


def _cut(text: str) -> str:
    return text if len(text) <= ARGUMENT else text[:ARGUMENT] + "..."
