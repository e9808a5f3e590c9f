"""What was missed of a run whose events were lost, out of what the gateway stored: its output and its session's messages. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from propylon.events import Answer, Event, Token, ToolFinished, ToolStarted
from propylon.runtimes.gateway.asking import Request
from propylon.runtimes.gateway.tools import own_id
from propylon.runtimes.gateway.translate import Progress
from propylon.runtimes.gateway.values import Object, first_text, items, mapping, number, parsed, text

LOST = "This was asked while the connection to the gateway was lost; the gateway tells no more of it."


@dataclass(frozen=True, kw_only=True)
class Call:
    """A tool call of the turn. `result` None: it has not returned."""

    name: str
    args: dict[str, Any]
    at: float
    result: str | None = None
    until: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """A message of the agent: its words, then its calls."""

    text: str
    calls: list[Call]


def turn(stored: Any) -> list[Part]:
    """The agent's messages after the last one of the person, out of a session's messages of any shape."""
    rows = [mapping(row) for row in items(mapping(stored).get("data"))]
    last = max((index for index, row in enumerate(rows) if row.get("role") == "user"), default=-1)
    results = {text(row.get("tool_call_id")): row for row in rows[last + 1 :] if row.get("role") == "tool"}
    return [_part(row, results) for row in rows[last + 1 :] if row.get("role") == "assistant"]


def missed(run: str, parts: list[Part], output: str, progress: Progress, shown: str | None) -> list[Event]:
    """The events that bring what `progress` has shown up to the whole turn.

    `shown` is the text after the last tool call that was shown, None where that is not known.
    """
    out: list[Event] = []
    count, open_text = 0, True
    for part in _with_output(parts, output):
        if count == progress.tools and open_text:
            out += _words(part.text, shown)
            open_text = not part.text.strip() and not part.calls
        elif count >= progress.tools:
            out += _words(part.text, "")
        for call in part.calls:
            count += 1
            out += _call(run, count, call, progress)
    return out


def waiting(run: str, parts: list[Part], now: float) -> Request:
    """The question that is open though nobody heard it: about the first call without a result, where it can be told."""
    count = 0
    for part in parts:
        for call in part.calls:
            count += 1
            if call.result is None:
                command = text(call.args.get("command")) or msgspec.json.encode(call.args).decode()
                return Request(
                    command=command, description=LOST, keys=(), choices=("once", "deny"), at=call.at or now, tid=own_id(run, count)
                )
    return Request(command="", description=LOST, keys=(), choices=("deny",), at=now)


def counts(parts: list[Part]) -> tuple[int, int]:
    """Tool calls, and how many of them have returned."""
    calls = [call for part in parts for call in part.calls]
    return len(calls), sum(call.result is not None for call in calls)


def spoke(parts: list[Part], output: str) -> bool:
    return bool(output.strip()) or any(part.text.strip() for part in parts)


def _with_output(parts: list[Part], output: str) -> list[Part]:
    """The output is the agent's last word, whatever was stored."""
    if not output.strip():
        return parts
    if parts and not parts[-1].calls:
        return [*parts[:-1], Part(text=output, calls=[])]
    return [*parts, Part(text=output, calls=[])]


def _words(said: str, shown: str | None) -> list[Event]:
    """The text of a part of which `shown` was shown: it is begun, or takes the place of what may be half of it."""
    if not said.strip() or (shown is not None and shown.strip() == said.strip()):
        return []
    return [Token(text=said)] if shown is not None and not shown.strip() else [Answer(text=said)]


def _call(run: str, count: int, call: Call, progress: Progress) -> list[Event]:
    tid = own_id(run, count)
    out: list[Event] = []
    if count > progress.tools:
        out.append(ToolStarted(tid=tid, name=call.name, args=call.args, at=call.at))
    if count > progress.finished and call.result is not None:
        out.append(
            ToolFinished(
                tid=tid,
                name=call.name,
                result=call.result,
                result_size=len(call.result.encode()),
                duration=max(0.0, call.until - call.at),
                is_error=bool(mapping(parsed(call.result.encode())).get("error")),
            )
        )
    return out


def _part(row: Object, results: dict[str, Object]) -> Part:
    at = number(row.get("timestamp"))
    calls = []
    for raw in items(row.get("tool_calls")):
        call = mapping(raw)
        function = mapping(call.get("function"))
        arguments = function.get("arguments")
        args = mapping(parsed(arguments.encode()) if isinstance(arguments, str) else arguments)
        result = results.get(first_text(call, "id", "call_id"))
        calls.append(
            Call(
                name=first_text(function, "name") or first_text(call, "name") or "tool",
                args=dict(args),
                at=at,
                result=text(result.get("content")) if result is not None else None,
                until=number(result.get("timestamp")) if result is not None else 0.0,
            )
        )
    return Part(text=text(row.get("content")), calls=calls)
