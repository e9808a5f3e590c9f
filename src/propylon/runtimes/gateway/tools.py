"""The tool calls of one run: each start finds its end, by id wherever there is one. Pure."""

from __future__ import annotations

from typing import Any

from propylon.events import ToolFinished, ToolStarted
from propylon.runtimes.gateway.values import Object, first_text, identifier, mapping, number

FINISHED = frozenset({"completed", "complete", "success", "error", "failed"})
FAILED = frozenset({"error", "failed"})

_NAMES = ("tool", "name", "function_name")
_IDS = ("toolCallId", "tool_call_id", "id")


class Tools:
    """Numbers calls from `started` on. `own_ids`: calls are known by our own ids even where the gateway has some."""

    def __init__(self, run: str, *, own_ids: bool, started: int = 0, finished: int = 0) -> None:
        self._run = run
        self._own_ids = own_ids
        self._names: dict[str, str] = {}
        self._foreign: dict[str, str] = {}
        self._open: dict[str, str] = {}
        self.started = started
        self.finished = finished

    @property
    def latest(self) -> str:
        """The newest call that is at work, "" when none is."""
        return next(reversed(self._open), "")

    def heard(self, said: Object, status: str, at: float) -> ToolStarted | ToolFinished | None:
        """The event behind what a gateway says of a tool; None for one that is not to be shown.

        `status` decides: the words for an end end the call, everything else begins it. A call that ends without a beginning gets one.
        """
        name = first_text(said, *_NAMES)
        if not name or name.startswith("_"):
            return None
        return self._end(said, name, status) if status in FINISHED else self._begin(said, name, at)

    def _begin(self, said: Object, name: str, at: float) -> ToolStarted:
        foreign = identifier(said, *_IDS)
        tid = self._foreign.get(foreign) or self._new(foreign)
        if tid not in self._names:
            self._names[tid] = self._open[tid] = name
            self.started += 1
        args: dict[str, Any] = dict(mapping(said.get("args")))
        return ToolStarted(tid=tid, name=name, preview=first_text(said, "label", "preview"), args=args, at=at)

    def _end(self, said: Object, name: str, status: str) -> ToolFinished:
        foreign = identifier(said, *_IDS)
        if foreign:
            tid = self._foreign.get(foreign) or self._new(foreign)
        else:
            tid = next((one for one in reversed(self._open) if self._open[one] == name), "") or self._new("")
        if tid not in self._names:
            self._names[tid] = name
            self.started += 1
        self._open.pop(tid, None)
        self.finished += 1
        result = said.get("result")
        text = result if isinstance(result, str) else ""
        return ToolFinished(
            tid=tid,
            name=self._names[tid],
            result=text,
            result_size=len(text.encode()),
            duration=max(0.0, number(said.get("duration"))),
            is_error=status in FAILED,
        )

    def _new(self, foreign: str) -> str:
        tid = foreign if foreign and not self._own_ids else own_id(self._run, self.started + 1)
        if foreign:
            self._foreign[foreign] = tid
        return tid


def own_id(run: str, count: int) -> str:
    """The id of the run's tool call number `count`, counted from 1."""
    return f"{run}-t{count}"


def status_of(said: Object) -> str:
    """What is said of a tool's state, in small letters; `running` where nothing is."""
    return first_text(said, "status").strip().lower() or "running"
