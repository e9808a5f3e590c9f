"""Secrets masked in all that leaves, one event or value at a time. What is stored stays as it was said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from propylon.events import Answer, Event, Reasoning, Token
from propylon.redaction import masked, named, redact, redacted, secret_name
from propylon.sessions import tool_calls

LEAST = 8
"""Characters of a value that is masked wherever it stands; shorter ones would be found in ordinary words."""
LOOK_S = 1.0

Row = dict[str, Any]
Secrets = Callable[[], tuple[str, ...]]
"""The values that are known to be secret."""

_PLAIN = frozenset({"message_id", "run_id", "role", "timestamp", "tool_call_id", "name", "content", "reasoning", "tool_calls"})
_encode = msgspec.json.Encoder().encode


class KnownSecrets:
    """Our own secrets, and what the `.env` files name as one. The files are looked at once a second at most, read when they changed."""

    def __init__(self, own: Iterable[str], homes: Callable[[], Iterable[Path]]) -> None:
        self._own = {value for value in own if len(value) >= LEAST}
        self._homes = homes
        self._marks: dict[Path, tuple[int, int]] = {}
        self._known = self._of({})
        self._next = 0.0

    def __call__(self) -> tuple[str, ...]:
        if time.monotonic() >= self._next:
            marks = {path: mark for home in self._homes() if (mark := _mark(path := home / ".env"))}
            if marks != self._marks:
                self._marks, self._known = marks, self._of(marks)
            self._next = time.monotonic() + LOOK_S
        return self._known

    def _of(self, files: Iterable[Path]) -> tuple[str, ...]:
        found = self._own | {value for path in files for value in secrets_of(_text(path))}
        return tuple(sorted(found, key=len, reverse=True))


def secrets_of(env: str) -> set[str]:
    """The values in the text of an `.env` file whose names say that they are secret."""
    pairs = (line.strip().removeprefix("export ").partition("=") for line in env.splitlines() if not line.lstrip().startswith("#"))
    values = {value.strip().strip("\"'") for name, _, value in pairs if secret_name(name.strip())}
    return {value for value in values if len(value) >= LEAST}


class Masking:
    """`on` is the setting: off, everything leaves as it is stored."""

    def __init__(self, on: bool, known: Secrets = tuple) -> None:
        self.on = on
        self._known = known

    def event(self, event: Event) -> Event:
        """The event as a viewer may see it. What is streamed is masked by its looks alone, all else by the known values too."""
        match event:
            case Token(text=text, lead=lead) | Reasoning(text=text, lead=lead):
                shown = masked(text, lead) if self.on else text
                return event if shown is text and not lead else type(event)(text=shown)
            case Answer(text=text):
                return Answer(text=masked(text)) if self.on else event
        if not self.on:
            return event
        known = self._known()
        fields = msgspec.structs.asdict(event)
        changes = {name: new for name, value in fields.items() if (new := redacted(value, known)) is not value and new != value}
        return msgspec.structs.replace(event, **changes) if changes else event

    def value(self, value: Any) -> Any:
        """An answer of ours, or a part of one, without secrets. A session's detail in it has its rows masked as events are."""
        if not self.on:
            return value
        if isinstance(value, dict):
            if "_messages_offset" in value:
                return self._detail(value)
            if isinstance(session := value.get("session"), dict):
                return {**redacted({**value, "session": None}, self._known()), "session": self.value(session)}
        return redacted(value, self._known())

    def text(self, text: str) -> str:
        return redact(text, self._known()) if self.on else text

    def payload(self, part: str, text: str) -> str:
        """A tool's `result`, or the argument of that name."""
        if not self.on or part == "result":
            return self.text(text)
        return named(part, text, self._known())

    def _detail(self, detail: Mapping[str, Any]) -> Row:
        rows = [self.row(row) for row in detail["messages"]]
        rest = {name: value for name, value in detail.items() if name not in ("messages", "tool_calls")}
        short = tool_calls.in_short(rows, detail["_messages_offset"])
        return {**redacted(rest, self._known()), "messages": rows, "tool_calls": short}

    def row(self, row: Row) -> Row:
        """A row of the transcript, masked as the events it was folded from."""
        known = self._known()
        rest = {name: redacted(value, known) for name, value in row.items() if name not in _PLAIN}
        streamed = row["role"] == "assistant" and not row.get("_error")
        said = masked(row["content"]) if streamed else redact(row["content"], known)
        out = {**row, **rest, "content": said}
        if isinstance(thoughts := row.get("reasoning"), str):
            out["reasoning"] = masked(thoughts)
        if isinstance(calls := row.get("tool_calls"), list):
            out["tool_calls"] = [_call(call, known) for call in calls]
        return out


def _call(call: Any, known: tuple[str, ...]) -> Any:
    match call:
        case {"function": {"arguments": str(text)} as function}:
            return {**call, "function": {**function, "arguments": _arguments(text, known)}}
        case _:
            return redacted(call, known)


def _arguments(text: str, known: tuple[str, ...]) -> str:
    try:
        args = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return redact(text, known)
    shown = redacted(args, known)
    return text if shown is args else _encode(shown).decode()


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
