"""What a gateway streams becomes events of a run. Pure and total: nothing that a gateway can say fails a good answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from propylon.events import Answer, Event, Status, Token, Usage
from propylon.runtimes.base import RunEnd
from propylon.runtimes.failures import Failure, failure
from propylon.runtimes.gateway import faults
from propylon.runtimes.gateway.asking import Asking, request
from propylon.runtimes.gateway.sse import Frame
from propylon.runtimes.gateway.tools import Tools, status_of
from propylon.runtimes.gateway.values import Object, first_number, first_text, items, mapping, number, parsed, text, valid

PROGRESS = "hermes.tool.progress"

Clock = Callable[[], float]

_BITS = 15
_MOST = (1 << _BITS) - 1


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run was shown: tool calls begun and ended, questions shown and decided. It fits into a mark, which only grows with it."""

    tools: int = 0
    finished: int = 0
    asked: int = 0
    answered: int = 0

    @property
    def mark(self) -> int:
        out = 0
        for part in (self.tools, self.finished, self.asked, self.answered):
            out = out << _BITS | min(part, _MOST)
        return out

    @classmethod
    def of(cls, mark: int) -> Progress:
        parts = [mark >> shift & _MOST for shift in (3 * _BITS, 2 * _BITS, _BITS, 0)]
        return cls(tools=parts[0], finished=parts[1], asked=parts[2], answered=parts[3])


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice]
    usage: msgspec.Raw | None = None
    error: msgspec.Raw | None = None
    hermes: msgspec.Raw | None = None


class _Piece(msgspec.Struct):
    event: str
    delta: str


_chunk = msgspec.json.Decoder(_Chunk).decode
_piece = msgspec.json.Decoder(_Piece).decode


class Chat:
    """A chat completion as it streams. `key` is never shown."""

    def __init__(self, run: str, key: str = "", clock: Clock = time.time) -> None:
        self._clock = clock
        self._key = key
        self._tools = Tools(run, own_ids=False)
        self._usage = Usage()
        self._finish = ""
        self._error: str | None = None
        self._hermes: Object = {}
        self._said = False
        self.done = False

    @property
    def working(self) -> bool:
        """Whether a tool is at work, so that silence means nothing."""
        return bool(self._tools.latest)

    def feed(self, frames: Iterable[Frame]) -> list[Event]:
        out: list[Event] = []
        for event, data in frames:
            if self.done:
                break
            if event == PROGRESS:
                said = mapping(parsed(data))
                if (found := self._tools.heard(said, status_of(said), self._clock())) is not None:
                    out.append(found)
            elif data.strip() == b"[DONE]":
                self.done = True
            elif words := self._chunk(data):
                self._said = self._said or bool(words.strip())
                out.append(Token(text=words))
        return out

    def end(self) -> RunEnd:
        """How the turn went, once its stream is over."""
        found = self._failure()
        return RunEnd(outcome="failed" if found else "completed", failure=found, usage=self._usage)

    def _chunk(self, data: bytes) -> str:
        try:
            quick = _chunk(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        else:
            plain = quick.usage is None and quick.error is None and quick.hermes is None and len(quick.choices) == 1
            if plain and quick.choices[0].delta.content is not None and quick.choices[0].finish_reason is None:
                return quick.choices[0].delta.content
        return self._any(mapping(parsed(data)))

    def _any(self, said: Object) -> str:
        """A chunk of any shape: what it says of the outcome is kept, its text returned."""
        choices = items(said.get("choices"))
        choice = mapping(choices[0]) if choices else {}
        self._finish = first_text(choice, "finish_reason") or self._finish
        if said.get("error"):
            self._error = _words(said["error"])
        if isinstance(said.get("hermes"), dict):
            self._hermes = said["hermes"]
        if isinstance(said.get("usage"), dict):
            self._usage = usage(said["usage"], self._usage)
        return delta_text(choice)

    def _failure(self) -> Failure | None:
        hermes = self._hermes
        code = first_text(hermes, "error_code")
        words = self._error or first_text(hermes, "error")
        if self._finish in ("length", "content_filter") or code == "output_truncated":
            return faults.of_agent(words, self._key, self._finish if self._finish == "content_filter" else "length")
        failed = self._error is not None or hermes.get("failed") is True or self._finish == "error" or hermes.get("completed") is False
        if failed or code:
            return faults.of_agent(words or code, self._key)
        if hermes.get("partial") is True:
            return faults.of_agent(words, self._key, "length")
        if not self._said:
            return failure("gateway_empty_response")
        if not (self._finish or self.done):
            return faults.of_error(faults.Cut("the gateway closed the connection before the end"), self._key)
        return None


class Run:
    """A run of the Runs API as its events stream, from `progress` on. Its tools have ids of ours: the gateway gives none that lasts."""

    def __init__(self, run: str, asking: Asking, key: str = "", progress: Progress | None = None, clock: Clock = time.time) -> None:
        progress = progress or Progress()
        self._clock = clock
        self._key = key
        self._tools = Tools(run, own_ids=True, started=progress.tools, finished=progress.finished)
        self._segment: list[str] = []
        self._before = False
        self.asking = asking
        self.end: RunEnd | None = None

    @property
    def working(self) -> bool:
        return bool(self._tools.latest) or bool(self.asking)

    @property
    def progress(self) -> Progress:
        return Progress(tools=self._tools.started, finished=self._tools.finished, asked=self.asking.asked, answered=self.asking.answered)

    @property
    def segment(self) -> str:
        """The text since the last tool call."""
        return "".join(self._segment)

    @property
    def spoke(self) -> bool:
        """Whether there was any text to see."""
        return self._before or bool(self.segment.strip())

    def caught_up(self, tools: int, finished: int) -> None:
        """So many tool calls were shown out of what the gateway stored."""
        self._tools.started, self._tools.finished = tools, finished

    def feed(self, frames: Iterable[Frame]) -> list[Event]:
        out: list[Event] = []
        for _, data in frames:
            if self.end is not None:
                break
            try:
                quick = _piece(data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._other(mapping(parsed(data)), out)
                continue
            if quick.event == "message.delta":
                self._say(quick.delta, out)
            else:
                self._other(mapping(parsed(data)), out)
        return out

    def _say(self, words: str, out: list[Event]) -> None:
        if self.asking:
            out += self.asking.passed(self._clock())
        if words:
            self._segment.append(words)
            out.append(Token(text=words))

    def _other(self, said: Object, out: list[Event]) -> None:
        at = number(said.get("timestamp")) or self._clock()
        match said.get("event"):
            case "message.delta":
                self._say(text(said.get("delta")), out)
            case "tool.started":
                if (found := self._tools.heard(said, "running", at)) is not None:
                    self._before = self.spoke
                    self._segment.clear()
                    out.append(found)
            case "tool.completed":
                found = self._tools.heard(said, "failed" if said.get("error") else "completed", at)
                if found is not None:
                    if self.asking and not self._tools.latest:
                        # A call that waits for permission is at work: when none is, nothing waits any more.
                        out += self.asking.passed(at)
                    out.append(found)
            case "approval.request":
                out += self.asking.requested(request(said, self._tools.latest, at))
            case "approval.responded":
                for _ in range(max(1, int(number(said.get("resolved"))))):
                    out += self.asking.heard(text(said.get("choice")) or "deny", at)
            case "run.completed":
                out += self.asking.passed(at)
                out += self._final(text(said.get("output")))
                self.end = self._completed(said)
            case "run.failed":
                out += self.asking.passed(at)
                self.end = failed(_words(said.get("error")), self._key, usage(mapping(said.get("usage"))))
            case "run.cancelled":
                self.end = stopped()

    def _final(self, output: str) -> list[Event]:
        """The gateway's last word, where it is not what was streamed."""
        output = valid(output)
        shown = self.segment.strip()
        if not output.strip() or output.strip() == shown:
            return []
        self._segment[:] = [output]
        return [Answer(text=output)] if shown else [Token(text=output)]

    def _completed(self, said: Object) -> RunEnd:
        return completed(usage(mapping(said.get("usage"))), spoke=self.spoke)


def completed(used: Usage, *, spoke: bool) -> RunEnd:
    if not spoke:
        return RunEnd(outcome="failed", failure=failure("gateway_empty_response"), usage=used)
    return RunEnd(outcome="completed", usage=used)


def failed(words: str, key: str, used: Usage | None = None) -> RunEnd:
    return RunEnd(outcome="failed", failure=faults.of_agent(words, key), usage=used or Usage())


def stopped() -> RunEnd:
    """The gateway stopped the run, and it was not we who asked for it."""
    return RunEnd(outcome="interrupted", failure=failure("interrupted", message="The run was stopped at the gateway."))


def silence(seconds: float) -> Status:
    return Status(text=f"Nothing was heard from the gateway for {seconds:.0f} s; it is still waited for.")


def delta_text(choice: Object) -> str:
    """The text of a choice: that of its delta, empty too, before that of its message. Lists and numbers are no text."""
    for part in ("delta", "message"):
        content = mapping(choice.get(part)).get("content")
        if isinstance(content, str):
            return content
    return ""


def usage(said: Object, before: Usage | None = None) -> Usage:
    """Tokens and cost in either spelling; only figures other than 0 replace those known before."""
    known = before or Usage()
    return msgspec.structs.replace(
        known,
        input_tokens=_count(first_number(said, "prompt_tokens", "input_tokens")) or known.input_tokens,
        output_tokens=_count(first_number(said, "completion_tokens", "output_tokens")) or known.output_tokens,
        estimated_cost=max(0.0, first_number(said, "estimated_cost", "estimated_cost_usd")) or known.estimated_cost,
    )


def _count(value: float) -> int:
    return int(min(max(value, 0.0), 1 << 53))


def _words(error: object) -> str:
    """What an error object says, whatever its shape."""
    if isinstance(error, str):
        return error
    found = mapping(error)
    nested = mapping(found.get("error"))
    return first_text(found, "message", "detail", "error", "code", "type") or first_text(nested, "message", "code", "type")
