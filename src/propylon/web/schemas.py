"""Bodies and answers of the HTTP interface, for validation and for OpenAPI."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TEXT_LIMIT = 2 << 20


class Body(BaseModel):
    """A request body: exact types, unknown fields ignored, absent and null the same."""

    model_config = ConfigDict(strict=True, extra="ignore")


class NewSession(Body):
    workspace: str | None = Field(None, max_length=4096, description="Absolute directory; the default workspace if absent")
    model: str | None = Field(None, max_length=256)
    model_provider: str | None = Field(None, max_length=256)
    profile: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")


class ChatStart(Body):
    session_id: str = Field(min_length=1, max_length=64)
    message: str = Field(max_length=TEXT_LIMIT)
    workspace: str | None = Field(None, max_length=4096)
    model: str | None = Field(None, max_length=256)
    model_provider: str | None = Field(None, max_length=256)
    profile: str | None = Field(None, max_length=64)
    explicit_model_pick: bool | None = None


class ChatCancel(Body):
    stream_id: str = Field(min_length=1, max_length=64)


class Answer(BaseModel):
    """An answer: what is named here is promised, more may come."""

    model_config = ConfigDict(extra="allow")


class Problem(Answer):
    error: str
    code: str | None = None


class BusyProblem(Problem):
    active_stream_id: str


class Health(Answer):
    status: Literal["ok"]
    sessions: int
    active_streams: int
    uptime_seconds: float


class Agent(Answer):
    state: Literal["starting", "ready", "failed"]
    version: str
    error: str


class Status(Answer):
    status: Literal["ready"]
    version: str
    initialized: bool
    session_sse: bool
    default_workspace: str
    default_model: str
    default_provider: str
    demo: bool
    agent: Agent


class SessionRow(Answer):
    session_id: str
    title: str
    workspace: str
    model: str
    model_provider: str
    profile: str
    message_count: int
    user_message_count: int
    created_at: float
    updated_at: float
    last_message_at: float | None
    pinned: bool
    archived: bool
    project_id: str | None
    input_tokens: int
    output_tokens: int
    estimated_cost: float
    active_stream_id: str | None
    is_streaming: bool
    has_pending_user_message: bool
    is_cli_session: bool
    read_only: bool


class Message(Answer):
    message_id: str
    run_id: str
    role: Literal["user", "assistant", "tool"]
    content: str
    timestamp: float


class SessionDetail(SessionRow):
    context_length: int
    threshold_tokens: int
    last_prompt_tokens: int
    pending_user_message: str | None
    pending_started_at: float | None
    pending_attachments: list[Any]
    messages: list[Message]
    tool_calls: list[Any]
    messages_offset: int = Field(alias="_messages_offset")
    messages_truncated: bool = Field(alias="_messages_truncated")


class SessionList(Answer):
    sessions: list[SessionRow]
    next_cursor: str | None
    archived_count: int
    cli_count: int
    server_time: float
    server_tz: str


class OneSession(Answer):
    session: SessionDetail


class SessionStatus(Answer):
    session_id: str
    active_stream_id: str | None
    is_streaming: bool
    agent_running: bool
    pending_user_message: str | None


class ChatStarted(Answer):
    stream_id: str
    session_id: str
    message_id: str
    turn_id: str
    pending_started_at: float
    title: str


class Journal(Answer):
    terminal: bool
    terminal_state: str
    last_seq: int


class StreamStatus(Answer):
    active: bool
    stream_id: str
    replay_available: bool
    journal: Journal | None = None


class Cancelled(Answer):
    ok: bool
    cancelled: bool
    stream_id: str
