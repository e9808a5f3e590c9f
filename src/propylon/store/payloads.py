"""Large tool payloads, kept beside the row that shows their beginning.

A tool result or argument above `PAYLOAD_LIMIT` bytes is stored twice: cut in its message row, with its full size in bytes
(`content_size`, `args_sizes`), and whole in `payloads`. So a page of the transcript never reads more than it shows. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from propylon.events import PAYLOAD_LIMIT, bounded_args, bounded_text

RESULT = "result"
ARGUMENT = "argument:"
WHOLE = "arguments"
"""Stands for all arguments of a call where they are not a JSON object."""

_encode = msgspec.json.Encoder().encode


class Cut(NamedTuple):
    """What does not stay in the row: `part` is `result` or `argument:<name>`."""

    tool_call_id: str
    part: str
    content: str


class Cutter:
    """Cuts the rows of one run, in order: a tool row repeats the `args_sizes` of the call it answers."""

    def __init__(self) -> None:
        self._sizes: dict[str, dict[str, int]] = {}

    def cut(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[Cut]]:
        """The row as it is stored, and what was cut from it. The given row stays as it is."""
        stored, cuts = dict(row), list[Cut]()
        if isinstance(calls := row.get("tool_calls"), list):
            stored["tool_calls"] = [self._call(call, cuts) for call in calls]
        if row["role"] == "tool":
            self._result(stored, cuts)
        return stored, cuts

    def _call(self, call: Any, cuts: list[Cut]) -> Any:
        match call:
            case {"id": str(tid), "function": {"arguments": str(text)} as function} if len(text) * 4 > PAYLOAD_LIMIT:
                args = _arguments(text)
            case _:
                return call
        short, sizes = bounded_args(args)
        self._sizes[tid] = sizes
        if not sizes:
            return call
        cuts += [Cut(tid, ARGUMENT + name, as_text(args[name])) for name in sizes]
        arguments = short[WHOLE] if args == {WHOLE: text} else _encode(short).decode()
        return {**call, "function": {**function, "arguments": arguments}, "args_sizes": sizes}

    def _result(self, stored: dict[str, Any], cuts: list[Cut]) -> None:
        tid = stored.get("tool_call_id")
        content, size = bounded_text(stored["content"])
        if size > PAYLOAD_LIMIT:
            if tid is not None:
                cuts.append(Cut(tid, RESULT, stored["content"]))
            stored.update(content=content, content_size=size)
        if tid is not None and (sizes := self._sizes.get(tid)):
            stored["args_sizes"] = sizes


def joined(row: dict[str, Any], part: Callable[[str, str], str | None]) -> dict[str, Any]:
    """The row before it was cut: what `part(tool_call_id, part)` knows is whole again, the sizes are gone.

    An argument that was no text and was cut comes back as its JSON: which one it was is not kept.
    """
    whole = {name: value for name, value in row.items() if name not in ("content_size", "args_sizes")}
    if "content_size" in row and (tid := row.get("tool_call_id")) is not None:
        whole["content"] = part(tid, RESULT) or row["content"]
    if isinstance(calls := row.get("tool_calls"), list):
        whole["tool_calls"] = [_joined_call(call, part) for call in calls]
    return whole


def _joined_call(call: Any, part: Callable[[str, str], str | None]) -> Any:
    match call:
        case {"id": str(tid), "function": {"arguments": str(text)} as function, "args_sizes": dict(sizes)}:
            found = {name: value for name in sizes if (value := part(tid, ARGUMENT + name)) is not None}
            shown = _arguments(text)
            arguments = found.get(WHOLE, text) if shown == {WHOLE: text} else _encode(shown | found).decode()
            kept = {name: value for name, value in call.items() if name != "args_sizes"}
            return {**kept, "function": {**function, "arguments": arguments}}
        case _:
            return call


def as_text(value: Any) -> str:
    """An argument as a person reads it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _encode(value).decode()


def argument(calls: Any, tid: str, name: str) -> str | None:
    """The argument `name` of the call `tid` among the `tool_calls` of a row, as text; None if it is not there."""
    for call in calls if isinstance(calls, list) else ():
        match call:
            case {"id": str(found), "function": {"arguments": str(text)}} if found == tid:
                value = _arguments(text).get(name)
                return None if value is None else as_text(value)
            case _:
                continue
    return None


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {WHOLE: text}
    return found if isinstance(found, dict) else {WHOLE: text}
