"""The agent's callbacks as frames of one run, in the order the agent lived them."""

from __future__ import annotations

import functools
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec

from . import frames
from .clarify import OWN_JUDGEMENT
from .context import NO_RESULT
from .spool import Spool
from .subagents import Call, Subagents, is_event

WAIT_NOTICES = ("⏳ waiting on", "⚠ no output", "⚠ no response", "↻ ")
"""Beginnings of the spinner labels that say something to a person."""

FAILED = ("error", "failed", "blocked", "timeout", "interrupted")
"""States that results of the agent's tools give themselves."""

P = ParamSpec("P")
log = logging.getLogger(__name__)


def logged(callback: Callable[P, None]) -> Callable[P, None]:
    """The agent swallows what callbacks raise, so it is logged here."""

    @functools.wraps(callback)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception:
            log.exception("callback %s", callback.__name__)

    return wrapper


def remainder(streamed: str, final: str) -> tuple[str, str]:
    """What is missing of a final text after what was streamed: (`text`, rest), (`answer`, whole) or ("", "") when nothing is."""
    shown, wanted = streamed.strip(), final.strip()
    if not wanted or shown == wanted:
        return "", ""
    if wanted.startswith(shown):
        rest = wanted[len(shown) :]
        gap = streamed[len(streamed.rstrip()) :] if shown else ""
        return "text", rest[len(gap) :] if gap and rest.startswith(gap) else rest
    return "answer", wanted


def _squeezed(text: str) -> str:
    return "".join(text.split())


def status_level(kind: str, text: str) -> str:
    """`info`, `warn` or `error` of a status line."""
    if text.lstrip().startswith("❌"):
        return "error"
    return "warn" if kind == "warn" or text.lstrip().startswith("⚠") else "info"


def has_failed(name: str, result: str) -> bool:
    """Whether a result that the agent calls a failure is one: it takes any that holds the word for one, and where the result is an object
    its own fields know better."""
    try:
        found = json.loads(result)
    except (ValueError, RecursionError):
        return True
    if not isinstance(found, dict) or name == "terminal":
        return True
    parts = [found, *(part for part in found.get("results") or [] if isinstance(part, dict))]
    return any(part.get("error") or part.get("success") is False or part.get("status") in FAILED for part in parts)


class Turn:
    """What one run says. Its methods are the agent's callbacks; they may be called on any of the agent's threads."""

    def __init__(
        self,
        run: str,
        spool: Spool,
        ask: Callable[[str, list[str] | None], str] = lambda *_: OWN_JUDGEMENT,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.run = run
        self.spoke = False
        """Whether the model has said anything."""
        self._spool = spool
        self._ask = ask
        self._redact = redact
        """The agent's own masking of secrets: what it repeats of a text that was streamed has been through it."""
        self._lock = threading.Lock()
        self._streamed: list[str] = []
        """Text since the last tool."""
        self._tail: list[str] = []
        """Text since the last tool or piece of reasoning: the part that an `answer` replaces."""
        self._thoughts: list[str] = []
        self._previews: list[tuple[str, str]] = []
        self._outcomes: list[tuple[str, float, bool]] = []
        self._open: list[Call] = []
        self._tids: set[str] = set()
        self._subagents = Subagents()
        self._noticed: set[str] = set()

    def callbacks(self) -> dict[str, Callable[..., Any]]:
        """By the names of the agent's attributes."""
        return {
            "stream_delta_callback": self.text,
            "reasoning_callback": self.reason,
            "interim_assistant_callback": self.interim,
            "tool_start_callback": self.tool_start,
            "tool_complete_callback": self.tool_complete,
            "tool_progress_callback": self.tool_progress,
            "status_callback": self.status,
            "thinking_callback": self.spinner,
            "event_callback": self.event,
            "clarify_callback": self.clarify,
        }

    def say(self, kind: str, *, wait: bool = True, **fields: Any) -> None:
        """Add a frame of this run. `wait`: hold the calling thread when too much is kept already; never on the socket thread."""
        self._spool.add({"k": kind, "run": self.run, **fields}, wait=wait)

    def note(self, level: str, text: str) -> None:
        """Tell the person something."""
        self.say("note", level=level, t=text)

    def _notice(self, level: str, text: str) -> None:
        """Tell what the agent says about itself, each line once."""
        with self._lock:
            new = bool(text) and text not in self._noticed
            self._noticed.add(text)
        if new:
            self.note(level, text)

    @logged
    def retrying(self, text: str) -> None:
        """A line that the agent holds back while it tries again. Each time is told; when it lets the line go, it has been told."""
        with self._lock:
            self._noticed.add(text)
        if text:
            self.note(status_level("lifecycle", text), text)

    @logged
    def text(self, delta: str | None) -> None:
        """A piece of the answer; None ends a segment and says nothing."""
        if delta and not self._streamed and not self._tids:
            # A warm agent may still owe the paragraph break of a turn that was stopped after its tools.
            delta = delta.lstrip("\n")
        if delta:
            self.spoke = True
            self._streamed.append(delta)
            self._tail.append(delta)
            self._spool.add_text("text", self.run, delta)

    @logged
    def reason(self, delta: str | None) -> None:
        """A piece of the model's thinking."""
        if delta:
            self._thoughts.append(delta)
            self._tail.clear()
            self._spool.add_text("reason", self.run, delta)

    @logged
    def interim(self, text: str | None, already_streamed: bool = False, **_: Any) -> None:
        """Text that precedes tool calls, when it did not come in pieces."""
        if not text or already_streamed:
            return
        said, streamed = text.strip(), "".join(self._streamed)
        if said not in streamed and said not in self._redact(streamed):
            self.text(text)

    @logged
    def tool_progress(self, kind: str, name: str = "", preview: str | None = None, args: Any = None, **more: Any) -> None:
        """Remember a call's preview, duration and failure; its start and completion carry the id. Tell what subagents do."""
        if is_event(kind):
            self._subagent(kind, name, preview, more)
        elif kind == "tool.started":
            self._previews.append((name, preview or ""))
        elif kind == "tool.completed":
            self._outcomes.append((name, float(more.get("duration") or 0.0), bool(more.get("is_error"))))

    @logged
    def tool_start(self, call: str, name: str, args: Any) -> None:
        """A call begins. Ids that a provider repeats within a run are made unique."""
        preview = next((entry for entry in self._previews if entry[0] == name), None)
        if preview is not None:
            self._previews.remove(preview)
        with self._lock:
            tid = call or f"call-{len(self._tids) + 1}"
            while tid in self._tids:
                tid += "+"
            self._tids.add(tid)
            self._open.append(Call(call, tid, name, args, time.monotonic()))
        self._streamed.clear()
        self._tail.clear()
        self.say(
            "tool",
            tid=tid,
            name=name,
            args=args if isinstance(args, dict) else {"value": args},
            preview=preview[1] if preview else "",
            at=round(time.time(), 3),
        )

    @logged
    def tool_complete(self, call: str, name: str, args: Any, result: Any) -> None:
        """A call ends. Without an outcome from `tool_progress` the time is measured here."""
        with self._lock:
            found = next((entry for entry in self._open if entry.call == call and entry.name == name), None)
            if found is None:
                log.warning("a result of %s without its start", name)
                return
            self._open.remove(found)
        outcome = next((entry for entry in self._outcomes if entry[0] == name), None)
        if outcome is not None:
            self._outcomes.remove(outcome)
            seconds, error = outcome[1:]
        else:
            seconds, error = time.monotonic() - found.since, False
        text = frames.as_text(result)
        self.say("result", tid=found.tid, name=name, r=text, error=error and has_failed(name, text), s=round(seconds, 3))

    @logged
    def status(self, kind: str, text: str = "") -> None:
        """Retries, fallbacks, compaction."""
        self._notice(status_level(kind, text), text)

    @logged
    def spinner(self, text: str | None) -> None:
        """The label of the agent's spinner: only its long-wait notices are for people."""
        if text and text.startswith(WAIT_NOTICES):
            self._notice("info" if text.startswith("⏳") else "warn", text)

    @logged
    def event(self, name: str, payload: dict[str, Any]) -> None:
        """Compaction of the model context."""
        if name == "session:compress":
            count = int(payload.get("compression_count") or 0)
            self.say("compressed", t="The agent shortened its context; this page keeps everything.", count=count)

    def clarify(self, question: str, choices: list[str] | None = None, **_: Any) -> str:
        """The agent asks for words, on a thread that waits for them."""
        return self._ask(question, choices)

    def place(self, call: str, subagent: str) -> str:
        """Our id of the call that asks: the agent's `call`, or the one that made the subagent. What a script calls has no id of its own:
        then it is the only open call; "" when that is not known either."""
        with self._lock:
            if subagent:
                return self._subagents.call_of(subagent)
            named = [entry.tid for entry in self._open if entry.call == call]
            return named[0] if named else self._open[0].tid if len(self._open) == 1 else ""

    def _subagent(self, kind: str, name: str, preview: str | None, more: dict[str, Any]) -> None:
        with self._lock:
            fields = self._subagents.frame(kind, name, preview, more, self._open)
        if fields:
            self.say("sub", **fields)

    def finish(self, final: str, reasoning: str, *, previewed: bool) -> None:
        """Say what the authoritative end of a turn holds beyond what was streamed. `previewed`: the text was shown before a tool."""
        streamed = "".join(self._streamed)
        late_reasoning = "" if _squeezed(reasoning) in _squeezed("".join(self._thoughts)) else reasoning
        if late_reasoning and not streamed:
            self._spool.add_text("reason", self.run, late_reasoning)
            late_reasoning = ""
        if not (previewed and not streamed):
            kind, text = remainder(streamed, final)
            if kind == "text":
                self._spool.add_text("text", self.run, text)
            elif kind == "answer":
                head = streamed[: len(streamed) - len("".join(self._tail))].strip()
                self.say("answer", t=text[len(head) :].lstrip() if head and text.startswith(head) else text)
        if late_reasoning:
            self._spool.add_text("reason", self.run, late_reasoning)

    def close_tools(self) -> None:
        """End the subagents that never ended, and give the calls that never returned a result."""
        with self._lock:
            left, self._open = self._open, []
            subagents = self._subagents.leave()
        for fields in subagents:
            self.say("sub", **fields)
        for call in left:
            self.say("result", tid=call.tid, name=call.name, r=NO_RESULT, error=True, s=round(time.monotonic() - call.since, 3))
