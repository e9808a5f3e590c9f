"""Events become rows of the transcript.

The page folds the same events with the same rules (`frontend/src/live/fold.ts`); `contracts/runs/*.json` holds both to them. Row ids
count from the run id, so what was shown live and what is read back later are the same rows.
"""

from __future__ import annotations

from typing import Any

import msgspec

from propylon import ids
from propylon.events import (
    Answer,
    Answered,
    Approval,
    Cancelled,
    Clarify,
    Compressed,
    Done,
    Event,
    Failed,
    Reasoning,
    Status,
    Steered,
    SteerLeftover,
    Subagent,
    Token,
    ToolFinished,
    ToolStarted,
)

Row = dict[str, Any]

SUBAGENT_TOOLS = 50
"""The last tools of a subagent that its row tells of; all are counted."""

_encode = msgspec.json.Encoder().encode


class Transcript:
    """The rows that the events of one run make, in order. Applying an event is the only way to change it; no I/O."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._rows: list[Row] = []
        self._pieces: dict[str, list[str]] = {"content": [], "reasoning": []}
        self._open: Row | None = None
        self._tools: dict[str, Row] = {}
        self._unfinished: dict[str, Row] = {}
        self._subagents: dict[str, Row] = {}
        self._questions: dict[str, Row] = {}
        self._ended = False

    def apply(self, event: Event) -> None:
        """Add what the event says. Nothing changes after `done`, `cancel` or `apperror`."""
        if self._ended:
            return
        match event:
            case Token(text=text):
                self._writable("tool_calls")
                self._pieces["content"].append(text)
            case Reasoning(text=text):
                self._writable("tool_calls", "content")
                self._pieces["reasoning"].append(text)
            case ToolStarted():
                self._tool(event)
            case ToolFinished():
                self._result(event)
            case Subagent():
                self._subagent(event)
            case Approval():
                self._ask(_approval(event))
            case Clarify():
                self._ask(_clarify(event))
            case Answered():
                self._answer(event)
            case Steered(text=text):
                self._notice("steer", text)
            case SteerLeftover(text=text):
                self._notice("steer_leftover", text)
            case Status(text=text, level=level):
                self._notice(level, text)
            case Compressed(message=message):
                self._notice("compressed", message)
            case Answer(text=text):
                self._writable("tool_calls")
                self._pieces["content"][:] = [text]
            case Done():
                self._ended = True
            case Cancelled(message=message):
                self._stop(message, {"type": "cancelled", "label": "Stopped", "message": message, "hint": ""})
            case Failed():
                error = {"type": event.type, "label": event.label, "message": event.message, "hint": event.hint}
                if event.details:
                    error["details"] = event.details
                self._stop(f"{event.label}: {event.message}", error)
            case _:
                pass

    def rows(self) -> list[Row]:
        """The rows so far; the caller does not change them."""
        self._settle()
        return self._rows

    def open_questions(self) -> list[Row]:
        """The questions that wait for an answer, oldest first; none once the run has ended."""
        return [] if self._ended else [question for question in self._questions.values() if question["answer"] is None]

    def question(self, number: str) -> Row | None:
        """A question of this run, open or answered."""
        return self._questions.get(number)

    def granted(self) -> list[str]:
        """What a person allowed for the rest of the session: pattern keys, each once."""
        granted = (
            key
            for question in self._questions.values()
            if question["answer"] and question["answer"]["choice"] == "session"
            for key in question["pattern_keys"]
        )
        return list(dict.fromkeys(granted))

    def tool_text(self, tid: str, part: str) -> str | None:
        """A tool's full `result` or one of its arguments as text; None if there is no such thing."""
        row = self._tools.get(tid)
        if row is None:
            return None
        if part == "result":
            return str(row["content"])
        calls = (call for other in self.rows() for call in other.get("tool_calls", ()))
        value = next((msgspec.json.decode(call["function"]["arguments"]).get(part) for call in calls if call["id"] == tid), None)
        return value if isinstance(value, str) or value is None else _encode(value).decode()

    def _add(self, role: str, **fields: Any) -> Row:
        row: Row = {"message_id": ids.message_id(self._run, len(self._rows) + 1), "run_id": self._run, "role": role, **fields}
        self._rows.append(row)
        return row

    def _settle(self) -> None:
        """Text gathered in pieces becomes part of its row."""
        if self._open is not None:
            for field, pieces in self._pieces.items():
                if pieces:
                    self._open[field] = pieces[0] if len(pieces) == 1 else "".join(pieces)
                    pieces[:] = [self._open[field]]

    def _writable(self, *without: str) -> Row:
        """The open assistant row, or a new one if there is none or it already holds what must not come before."""
        row = self._open
        if row is None or any(row.get(field) or self._pieces.get(field) for field in without):
            self._settle()
            for pieces in self._pieces.values():
                pieces.clear()
            row = self._open = self._add("assistant", content="")
        return row

    def _tool(self, event: ToolStarted) -> None:
        if event.tid in self._tools:
            return
        arguments = _encode(event.args).decode()
        call = {"id": event.tid, "type": "function", "function": {"name": event.name, "arguments": arguments}}
        self._writable().setdefault("tool_calls", []).append(call)
        row = self._add("tool", tool_call_id=event.tid, name=event.name, content="", is_error=False, duration=0.0, started_at=event.at)
        if event.args_sizes:
            row["args_sizes"] = event.args_sizes
        self._tools[event.tid] = self._unfinished[event.tid] = row

    def _result(self, event: ToolFinished) -> None:
        if event.tid not in self._tools:
            self._tool(ToolStarted(tid=event.tid, name=event.name))
        row = self._tools[event.tid]
        row.update(content=event.result, duration=event.duration, is_error=event.is_error)
        if event.result_size > len(event.result.encode()):
            row["content_size"] = event.result_size
        self._unfinished.pop(event.tid, None)

    def _subagent(self, event: Subagent) -> None:
        known = self._subagents.get(event.id)
        if known is None:
            row = self._tools.get(event.tid)
            if row is None:
                return
            known = self._subagents[event.id] = {
                "id": event.id,
                "parent": event.parent,
                "index": event.index,
                "goal": event.goal,
                "model": event.model,
                "status": "running",
                "started_at": event.at,
                "tools": [],
                "tool_count": 0,
            }
            row.setdefault("subagents", []).append(known)
        if event.step == "tool":
            known["tool_count"] += 1
            known["tools"] = [*known["tools"], {"name": event.name, "preview": event.preview}][-SUBAGENT_TOOLS:]
        elif event.step == "end":
            for name in ("status", "duration", "summary", "input_tokens", "output_tokens"):
                known[name] = getattr(event, name)

    def _ask(self, question: Row) -> None:
        if question["id"] not in self._questions:
            self._questions[question["id"]] = question
            self._writable().setdefault("questions", []).append(question)

    def _answer(self, event: Answered) -> None:
        question = self._questions.get(event.question_id)
        if question is not None and question["answer"] is None:
            question["answer"] = {"by": event.by, "choice": event.choice, "text": event.text, "reason": event.reason, "at": event.at}

    def _notice(self, level: str, text: str) -> None:
        self._writable().setdefault("notices", []).append({"level": level, "text": text})

    def _stop(self, content: str, error: dict[str, str]) -> None:
        self._settle()
        for row in self._unfinished.values():
            row.update(interrupted=True, is_error=True)
        for subagent in self._subagents.values():
            if subagent["status"] == "running":
                subagent["status"] = "interrupted"
        for question in self._questions.values():
            if question["answer"] is None:
                denied = "deny" if question["kind"] == "approval" else ""
                question["answer"] = {"by": "cancel", "choice": denied, "text": "", "reason": "", "at": 0.0}
        last = self._open
        if last is not None and (last["content"] or last.get("reasoning")) and not last.get("tool_calls"):
            last["_partial"] = True
        self._open = None
        self._add("assistant", content=content, _error=True, error=error)
        self._ended = True


def _approval(event: Approval) -> Row:
    return {
        "id": event.approval_id,
        "kind": "approval",
        "command": event.command,
        "description": event.description,
        "pattern_keys": event.pattern_keys,
        "choices": event.choices,
        "requested_at": event.requested_at,
        "expires_at": event.expires_at,
        "smart_denied": event.smart_denied,
        "tid": event.tid,
        "subagent": event.subagent,
        "answer": None,
    }


def _clarify(event: Clarify) -> Row:
    return {
        "id": event.clarify_id,
        "kind": "clarify",
        "question": event.question,
        "choices": event.choices_offered,
        "requested_at": event.requested_at,
        "expires_at": event.expires_at,
        "answer": None,
    }
