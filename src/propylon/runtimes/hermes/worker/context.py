"""The model context: messages fit for a provider, and what a turn changed in them. Pure.

Messages are the agent's own dicts (`role`, `content`, `tool_calls`, ...). The agent changes the dicts it is given, so a cleaned copy of
each is kept beside them; a turn costs one comparison per message and a copy only of those that are new.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]

KEYS = frozenset(
    {
        "role",
        "content",
        "name",
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


def repaired(messages: Sequence[Message]) -> list[Message]:
    """Fresh copies a provider accepts: no system rows, each tool result after its call, each call with a result."""
    out: list[Message] = []
    open_calls: dict[str, str] = {}

    def close() -> None:
        for call, name in open_calls.items():
            out.append({"role": "tool", "tool_call_id": call, "name": name, "tool_name": name, "content": NO_RESULT})
        open_calls.clear()

    for message in map(clean, messages):
        role = message.get("role")
        if role == "tool":
            if open_calls.pop(str(message.get("tool_call_id")), None) is not None:
                out.append(message)
            continue
        if role not in ("user", "assistant"):
            continue
        close()
        out.append(message)
        for call in message.get("tool_calls") or []:
            open_calls[str(call.get("id"))] = str((call.get("function") or {}).get("name") or "")
    close()
    return out


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
