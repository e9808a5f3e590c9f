"""What a worker says, as values. The format is `docs/worker-protocol.md`."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class Frame(msgspec.Struct, frozen=True, tag_field="k"):
    """Base of the frames that bear a number."""

    n: int
    run: str


class Text(Frame, frozen=True, tag="text"):
    t: str
    lead: str = ""


class Reason(Frame, frozen=True, tag="reason"):
    t: str
    lead: str = ""


class Tool(Frame, frozen=True, tag="tool"):
    tid: str
    name: str
    args: dict[str, Any] = {}
    preview: str = ""
    at: float = 0.0


class Result(Frame, frozen=True, tag="result"):
    tid: str
    name: str
    r: str = ""
    error: bool = False
    s: float = 0.0


class Sub(Frame, frozen=True, tag="sub"):
    tid: str
    id: str
    step: str
    parent: str = ""
    index: int = 0
    count: int = 1
    goal: str = ""
    model: str = ""
    name: str = ""
    preview: str = ""
    status: str = ""
    s: float = 0.0
    summary: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    at: float = 0.0


class Approval(Frame, frozen=True, tag="approval"):
    q: str
    command: str
    why: str = ""
    keys: list[str] = []
    choices: list[str] = []
    at: float = 0.0
    until: float | None = None
    limit: float = 0.0
    denied: bool = False
    tid: str = ""
    sub: str = ""


class Clarify(Frame, frozen=True, tag="clarify"):
    q: str
    question: str
    choices: list[str] = []
    at: float = 0.0
    until: float | None = None
    limit: float = 0.0


class Answered(Frame, frozen=True, tag="answered"):
    q: str
    by: str
    choice: str = ""
    text: str = ""
    reason: str = ""
    at: float = 0.0


class Steered(Frame, frozen=True, tag="steered"):
    t: str
    at: float = 0.0


class Leftover(Frame, frozen=True, tag="leftover"):
    t: str


class Note(Frame, frozen=True, tag="note"):
    t: str
    level: str = "info"


class Compressed(Frame, frozen=True, tag="compressed"):
    t: str
    count: int = 0


class Answer(Frame, frozen=True, tag="answer"):
    t: str


class Context(msgspec.Struct, frozen=True):
    keep: int
    rows: list[dict[str, Any]]


class End(Frame, frozen=True, tag="end"):
    outcome: str
    kind: str = ""
    status: int | None = None
    error: str = ""
    exit: str = ""
    model: str = ""
    provider: str = ""
    usage: dict[str, float | int | None] = {}
    context: Context | None = None


class Part(msgspec.Struct, frozen=True, tag="part", tag_field="k"):
    n: int
    run: str
    s: str
    last: bool


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="k"):
    id: str
    pid: int
    session: str
    n: int
    run: str | None = None
    done: list[str] = []
    context: str | None = None
    turns: int = 0


class Refused(msgspec.Struct, frozen=True, tag="refused", tag_field="k"):
    why: str = ""


class Reply(msgspec.Struct, frozen=True, tag="reply", tag_field="k"):
    id: str
    ok: bool
    error: str = ""
    value: Any = None


class Pong(msgspec.Struct, frozen=True, tag="pong", tag_field="k"):
    turns: int = 0
    rss: int = 0


class Unreadable(Frame, frozen=True, tag="unreadable"):
    """In place of a frame that could not be decoded; it is recorded and acknowledged, so that it is never asked for again."""

    why: str


_Said = Text | Reason | Tool | Result | Sub | Approval | Clarify | Answered | Steered | Leftover | Note | Compressed | Answer | End
Numbered = _Said | Unreadable
Message = _Said | Part | Hello | Refused | Reply | Pong

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class _Numbers(msgspec.Struct):
    n: int | None = None
    run: str = ""


class FrameReader:
    """Lines in, frames out: parts joined, what cannot be decoded replaced. No I/O."""

    def __init__(self) -> None:
        self._rest = b""
        self._parts: list[str] = []
        self._last = 0

    def feed(self, data: bytes) -> list[Numbered | Hello | Refused | Reply | Pong]:
        """The complete frames in `data` and what was left of earlier data."""
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        out: list[Numbered | Hello | Refused | Reply | Pong] = []
        for line in lines:
            if not line:
                continue
            message = self._message(line)
            if isinstance(message, Frame):
                self._last = message.n
            if message is not None:
                out.append(message)
        return out

    def _message(self, line: bytes) -> Any:
        try:
            message = _decoder.decode(line)
            if not isinstance(message, Part):
                return message
            self._parts.append(message.s)
            if not message.last:
                return None
            text, self._parts = "".join(self._parts), []
            return _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._parts = []
            return self._unreadable(line, error)

    def _unreadable(self, line: bytes, error: Exception) -> Unreadable | None:
        """Its number, if even that cannot be read, is the next one: numbers have no gaps. An answer without a number is no loss."""
        try:
            numbers = msgspec.convert(json.loads(line), _Numbers)
        except (ValueError, RecursionError):
            numbers = _Numbers(n=self._last + 1)
        if numbers.n is None:
            return None
        return Unreadable(n=numbers.n, run=numbers.run, why=str(error))
