"""Rows as values. Field names are the columns' names; times are Unix seconds; nothing here is changed after it was made."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from propylon.events import Usage

TitleSource = Literal["none", "first_message", "person", "agent"]
RunStatus = Literal["running", "completed", "cancelled", "failed", "interrupted"]
Row = dict[str, Any]
"""A message as it is on the wire: message_id, run_id, role, content, timestamp, and whatever else the message has."""


class Session(msgspec.Struct, frozen=True):
    """A chat. `message_count` is the number of rows, hence the next position; `last_run` the run whose model context comes next."""

    id: str
    title: str
    title_source: TitleSource
    workspace: str
    model: str
    provider: str
    profile: str
    created_at: float
    updated_at: float
    last_message_at: float | None
    pinned: bool
    archived: bool
    project_id: str | None
    active_run: str | None
    message_count: int
    user_message_count: int
    input_tokens: int
    output_tokens: int
    estimated_cost: float
    context_length: int
    threshold_tokens: int
    last_prompt_tokens: int
    last_run: str | None
    revision: int


class Run(msgspec.Struct, frozen=True):
    """One turn. Its rows are at `first_position` up to, not including, `end_position`.

    `base_run` is the run whose model context it started from.
    """

    id: str
    session_id: str
    status: RunStatus
    idempotency_key: str | None
    model: str
    provider: str
    runtime: str
    base_run: str | None
    started_at: float
    ended_at: float | None
    first_position: int
    end_position: int | None
    usage: Usage
    failure: dict[str, str] | None


class Message(msgspec.Struct, frozen=True):
    """A row of the transcript. Tool payloads are cut as events.py cuts them; `extra` then states the full sizes in bytes."""

    session_id: str
    position: int
    message_id: str
    run_id: str
    role: str
    visible: bool
    tool_call_id: str | None
    timestamp: float
    extra: dict[str, Any]
    content: str

    def row(self) -> Row:
        """The message as it is on the wire."""
        row: Row = {
            "message_id": self.message_id,
            "run_id": self.run_id,
            "role": self.role,
            "content": self.content,
            "timestamp": self.timestamp,
        }
        if self.tool_call_id is not None:
            row["tool_call_id"] = self.tool_call_id
        for name, value in self.extra.items():
            row.setdefault(name, value)
        return row


class Started(msgspec.Struct, frozen=True):
    """The session is claimed, the person's message is stored."""

    run: Run
    session: Session


class Again(msgspec.Struct, frozen=True):
    """The same send came before; this run is its run, live or ended."""

    run_id: str


class Busy(msgspec.Struct, frozen=True):
    """Another run is live in the session."""

    active_run: str
