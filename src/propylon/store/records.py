"""Rows as values. Field names are the columns' names; times are Unix seconds; nothing here is changed after it was made."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from propylon.events import Usage

TitleSource = Literal["none", "first_message", "person", "agent"]
RunStatus = Literal["running", "completed", "cancelled", "failed", "interrupted", "cut"]
"""`cut` is no turn: such a run has no rows and only carries the context of a transcript that was cut in the middle of a turn."""

Scope = Literal["read", "chat", "approve", "manage"]
"""What a login may do: look, have the agent work, answer what the agent asks, change who may come in and how the server is set."""

Row = dict[str, Any]
"""A message as it is on the wire: message_id, run_id, role, content, timestamp, and whatever else the message has."""


class Session(msgspec.Struct, frozen=True):
    """A chat. `message_count` is the number of rows, hence the next position; `last_run` the run whose model context comes next.

    `branch` is the list of rows that is shown and goes on; `granted` are the pattern keys that a person allowed for the whole session.
    """

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
    branch: str
    parent_session: str | None
    yolo: bool
    granted: tuple[str, ...]
    personality: str
    reasoning_effort: str


class Branch(msgspec.Struct, frozen=True):
    """A way the conversation went: the rows of `parent` below position `fork`, then its own.

    The last three are as of when the session left it; the session's own row tells them of the active one.
    """

    id: str
    session_id: str
    parent: str | None
    fork: int
    created_at: float
    reason: str
    message_count: int
    user_message_count: int
    last_run: str | None


class Queued(msgspec.Struct, frozen=True):
    """A message that waits for the session to be free."""

    session_id: str
    id: str
    place: float
    text: str
    created_at: float


class Login(msgspec.Struct, frozen=True):
    """A browser that knew the password, or a device token by name. `token_hash` is the SHA-256 of its token, in hex."""

    id: str
    token_hash: str
    kind: Literal["browser", "device"]
    name: str
    scopes: tuple[Scope, ...]
    profile: str
    created_at: float
    seen_at: float
    address: str
    agent: str


class Noted(msgspec.Struct, frozen=True):
    """A line of the audit log."""

    number: int
    at: float
    event: str
    login_id: str | None
    address: str
    facts: dict[str, Any]


class Run(msgspec.Struct, frozen=True):
    """One turn. Its rows are at `first_position` up to, not including, `end_position` of its branch.

    `base_run` is the run whose model context it started from.
    """

    id: str
    session_id: str
    branch: str
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

    branch: str
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
