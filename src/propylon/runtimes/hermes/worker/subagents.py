"""The agent's `subagent.*` events as `sub` frames. Pure.

A subagent belongs to the call of the tool that made it; one made by another subagent to the same call.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .frames import shortened

SUMMARY_LIMIT = 16 * 1024
"""Bytes of a summary, a goal or a preview."""
TOOL = "delegate_task"

_STEPS = {"subagent.start": "start", "subagent.tool": "tool", "subagent.complete": "end"}


@dataclass(frozen=True)
class Call:
    """An open call of a tool: the provider's id, ours, its name, its arguments, when it began (monotonic)."""

    call: str
    tid: str
    name: str
    args: Any
    since: float


def is_event(kind: str) -> bool:
    """Whether a progress event is about subagents, so that it says nothing about the run's own tools."""
    return kind.startswith(("subagent", "delegate."))


def goals_of(args: Any) -> list[str]:
    """The goals that a delegating call names."""
    if not isinstance(args, Mapping):
        return []
    tasks = args.get("tasks")
    named = [task.get("goal") for task in tasks if isinstance(task, Mapping)] if isinstance(tasks, Sequence) else []
    return [str(goal).strip() for goal in (args.get("goal"), *named) if goal]


class Subagents:
    """Which subagents a run has, and by which call. Not safe for threads: the caller holds a lock."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}
        self._open: dict[str, dict[str, Any]] = {}

    def call_of(self, subagent: str) -> str:
        """Our id of the call that the subagent belongs to, or ""."""
        return self._calls.get(subagent, "")

    def frame(self, kind: str, name: str | None, preview: str | None, more: Mapping[str, Any], calls: Sequence[Call]) -> dict[str, Any]:
        """The fields of the event's `sub` frame, or {} when it is nothing to show. `calls` are the run's open calls."""
        step = _STEPS.get(kind)
        id = str(more.get("subagent_id") or "")
        if step is None or not id:
            return {}
        goal = str(more.get("goal") or "")
        parent = str(more.get("parent_id") or "")
        if id not in self._calls:
            self._calls[id] = self._calls.get(parent) or _delegating(goal, calls)
        fields = {
            "tid": self._calls[id],
            "id": id,
            "step": step,
            "parent": parent,
            "index": _number(more.get("task_index")),
            "count": _number(more.get("task_count")) or 1,
            "goal": shortened(goal, SUMMARY_LIMIT),
            "model": str(more.get("model") or ""),
            "at": round(time.time(), 3),
        }
        if step == "end":
            self._open.pop(id, None)
            fields |= {
                "status": str(more.get("status") or ""),
                "s": round(_seconds(more.get("duration_seconds")), 3),
                "summary": shortened(str(more.get("summary") or preview or ""), SUMMARY_LIMIT),
                "tokens_in": _number(more.get("input_tokens")),
                "tokens_out": _number(more.get("output_tokens")),
            }
        else:
            self._open[id] = fields
            if step == "tool":
                fields = fields | {"name": name or "", "preview": shortened(preview or "", SUMMARY_LIMIT)}
        return fields

    def leave(self) -> list[dict[str, Any]]:
        """The last frames of those that never ended."""
        left, self._open = self._open, {}
        return [fields | {"step": "end", "status": "interrupted", "at": round(time.time(), 3)} for fields in left.values()]


def _delegating(goal: str, calls: Sequence[Call]) -> str:
    delegating = [call for call in calls if call.name == TOOL]
    fit = [call for call in delegating if goal.strip() in goals_of(call.args)]
    return (fit or delegating or [Call("", "", "", None, 0.0)])[-1].tid


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
