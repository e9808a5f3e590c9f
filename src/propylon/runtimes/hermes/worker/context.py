"""The model context: messages fit for a provider, and what a turn changed in them. Pure.

Messages are the agent's own dicts (`role`, `content`, `tool_calls`, ...). The agent changes the dicts it is given, so a cleaned copy of
each is kept beside them; a turn costs one comparison per message and a copy only of those that are new.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]

KEYS = frozenset(
    {
        "role",
        "content",
        "name",
        "refusal",
        "tool_name",
        "tool_call_id",
        "tool_calls",
        "finish_reason",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "codex_reasoning_items",
        "codex_message_items",
        "effect_disposition",
        "api_content",
    }
)
"""Keys the agent knows; it sends any other to the provider."""

NO_RESULT = "[No result: the run ended before this tool returned]"


def clean(message: Message) -> Message:
    """A deep, JSON-safe copy with only the known keys."""
    return {
        key: value if isinstance(value, str | None) else json.loads(json.dumps(value, default=str))
        for key, value in message.items()
        if key in KEYS and (value is not None or key == "content")
    }


def same(cleaned: Message, message: Message) -> bool:
    """Whether `clean(message)` would equal `cleaned`, without making it."""
    matched = 0
    for key, value in message.items():
        if key not in KEYS or (value is None and key != "content"):
            continue
        kept = cleaned.get(key)
        if kept is not value and kept != value:
            return False
        matched += 1
    return matched == len(cleaned)


def difference(before: Sequence[Message], after: Sequence[Message]) -> tuple[int, list[Message]]:
    """How many first messages of `before` (cleaned) stand unchanged in `after`, and the cleaned rest of `after`."""
    keep = 0
    for cleaned, message in zip(before, after, strict=False):
        if not same(cleaned, message):
            break
        keep += 1
    return keep, [clean(message) for message in after[keep:]]


@dataclass(frozen=True)
class _Call:
    """A call without its result: the id that its result must bear, the ids that results may name it by, the tool's name."""

    id: str
    names: frozenset[str]
    tool: str


def repaired(messages: Sequence[Any]) -> list[Message]:
    """Fresh copies a provider accepts, whatever is given: only rows of persons, models and tools, with known keys; each result right after
    its call, in the order of the results; each call with a result; no id twice."""
    out: list[Message] = []
    waiting: list[_Call] = []
    used: set[str] = set()

    def close() -> None:
        for call in waiting:
            out.append({"role": "tool", "tool_call_id": call.id, "name": call.tool, "tool_name": call.tool, "content": NO_RESULT})
        waiting.clear()

    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role == "tool":
            named = str(message.get("tool_call_id") or "")
            call = next((call for call in waiting if named in call.names), None)
            if call is not None:
                waiting.remove(call)
                content = message.get("content")
                out.append(clean(message) | {"tool_call_id": call.id, "content": "" if content is None else content})
        elif role in ("user", "assistant"):
            close()
            row = clean(message)
            calls = [made for raw in _listed(row.pop("tool_calls", None)) if (made := _call(raw, used)) is not None]
            if calls and role == "assistant":
                row["tool_calls"] = [raw for raw, _ in calls]
                waiting += [call for _, call in calls]
            row.setdefault("content", "")
            if row["content"] is None and "tool_calls" not in row:
                row["content"] = ""
            row.pop("tool_call_id", None)
            out.append(row)
    close()
    return out


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _call(raw: Any, used: set[str]) -> tuple[Message, _Call] | None:
    """A call with an id of its own (`used` learns it) and what waits for its result, or None for what is no call."""
    function = raw.get("function") if isinstance(raw, dict) else None
    tool = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not tool:
        return None
    names = frozenset(str(raw[key]) for key in ("id", "call_id") if raw.get(key))
    id = str(raw.get("id") or raw.get("call_id") or "call")
    while id in used:
        id += "+"
    used.add(id)
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps({} if arguments is None else arguments)
    return raw | {"id": id, "type": "function", "function": function | {"arguments": text}}, _Call(id, names | {id}, str(tool))


def user_message(text: str) -> Message:
    """The row of a turn's own message."""
    return {"role": "user", "content": text}


class Held:
    """The context this worker holds. `name` is the run that left it (None: nothing yet), `rows` the cleaned messages as the server knows
    them, `messages` the agent's own, which may differ from them by repair."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.rows: list[Message] = []
        self.messages: list[Message] = []

    def load(self, name: str | None, history: Sequence[Message]) -> None:
        """Take a history from the server."""
        self.name = name
        self.rows = [clean(message) for message in history if isinstance(message, dict)]
        self.messages = repaired(self.rows)

    def advance(self, name: str, messages: Sequence[Message]) -> tuple[int, list[Message]]:
        """Take what the agent returned for run `name`; what changed, as `difference` says it."""
        self.messages = [message for message in messages if isinstance(message, dict)]
        keep, rows = difference(self.rows, self.messages)
        self.rows = [*self.rows[:keep], *rows]
        self.name = name
        return keep, rows
