"""Bodies and answers of the HTTP interface, for validation and for OpenAPI."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from propylon.store.records import Scope

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
    edit_message_id: str | None = Field(
        None, max_length=80, description="A message of the person that this one replaces, with all after it"
    )
    revision: int | None = Field(None, description="The session's revision that the edit was made on")


class ChatCancel(Body):
    stream_id: str = Field(min_length=1, max_length=64)


class OfSession(Body):
    session_id: str = Field(min_length=1, max_length=64)


class ChatSteer(OfSession):
    text: str = Field(max_length=TEXT_LIMIT)
    word: str | None = Field(None, min_length=1, max_length=64, description="The same one again is the same word to the agent")


class ApprovalResponse(OfSession):
    choice: Literal["once", "session", "always", "deny"]
    approval_id: str | None = Field(None, max_length=64, description="May be left out while only one is open")
    reason: str | None = Field(None, max_length=2000, description="What the agent is told of a denial")


class ClarifyResponse(OfSession):
    clarify_id: str | None = Field(None, max_length=64)
    response: str | None = Field(None, max_length=TEXT_LIMIT)
    answer: str | None = Field(None, max_length=TEXT_LIMIT)
    choice: str | None = Field(None, max_length=TEXT_LIMIT)


class Revoke(OfSession):
    pattern_key: str = Field(min_length=1, max_length=1000)


class SetYolo(OfSession):
    enabled: bool


class QueueItem(OfSession):
    id: str = Field(min_length=1, max_length=64)


class QueueAdd(QueueItem):
    message: str = Field(max_length=TEXT_LIMIT)
    first: bool = False


class QueueEdit(QueueItem):
    message: str = Field(max_length=TEXT_LIMIT)


class QueueMove(QueueItem):
    before: str | None = Field(None, max_length=64)


class SessionChange(Body):
    session_id: str = Field(min_length=1, max_length=64)
    revision: int | None = Field(None, description="The one this is based on; refused with 409 if the session is at another one by now")


class Truncate(SessionChange):
    keep_count: int | None = Field(None, ge=0, description="Rows that stay")
    message_id: str | None = Field(None, max_length=128, description="The first row that does not stay")


class BranchOff(SessionChange):
    keep_count: int | None = Field(None, ge=0, description="Rows the new session begins with; all if absent")
    message_id: str | None = Field(None, max_length=128, description="The last row the new session begins with")
    title: str | None = Field(None, max_length=200)


class Restore(SessionChange):
    branch: str = Field(min_length=1, max_length=64)


class Rename(SessionChange):
    title: str = Field(max_length=2000)


class Update(SessionChange):
    workspace: str | None = Field(None, max_length=4096)
    model: str | None = Field(None, max_length=256)
    model_provider: str | None = Field(None, max_length=256)
    personality: str | None = Field(None, max_length=256)
    reasoning_effort: Literal["", "none", "minimal", "low", "medium", "high", "xhigh"] | None = None


class LogIn(Body):
    password: Any = Field(None, description="Text; anything else counts as a wrong password")


class SetPassword(Body):
    new: str = Field(max_length=1024, description="At least 8 characters")
    current: Any = Field(None, description="The present one, where there is one")


class OfLogin(Body):
    login_id: str = Field(min_length=1, max_length=64)


class NewDevice(Body):
    name: str = Field(min_length=1, max_length=80)
    scopes: list[Scope] = Field(min_length=1, max_length=4)


class Nothing(Body):
    pass


class Answer(BaseModel):
    """An answer: what is named here is promised, more may come."""

    model_config = ConfigDict(extra="allow")


class Problem(Answer):
    error: str
    code: str
    request_id: str


class BusyProblem(Problem):
    active_stream_id: str


class StaleProblem(Problem):
    stale: Literal[True]
    answer: dict[str, Any] | None


class AuthStatus(Answer):
    auth_enabled: bool
    logged_in: bool
    password_auth_enabled: bool
    passkeys_enabled: bool
    passwordless_enabled: bool
    password_from_environment: bool


class Ok(Answer):
    ok: Literal[True]


class LoginView(Answer):
    id: str
    kind: Literal["browser", "device"]
    name: str
    scopes: list[Scope]
    created_at: float
    seen_at: float
    address: str
    agent: str
    current: bool


class LoginList(Answer):
    logins: list[LoginView]


class Ended(Ok):
    ended: int


class DeviceAdded(Ok):
    token: str
    device: LoginView


class AuditLine(Answer):
    at: float
    event: str
    login_id: str | None
    address: str
    facts: dict[str, Any]


class AuditLog(Answer):
    lines: list[AuditLine]


class Health(Answer):
    status: Literal["ok"]
    sessions: int
    active_streams: int
    uptime_seconds: float


class Agent(Answer):
    state: Literal["starting", "ready", "failed"]
    version: str
    error: str


class GatewayChat(Answer):
    enabled: bool
    backend: Literal["gateway", "legacy"]
    base_url_configured: bool
    api_key_configured: bool


class Status(Answer):
    status: Literal["ready"]
    version: str
    initialized: bool
    session_sse: bool
    default_workspace: str
    default_model: str
    default_provider: str
    demo: bool
    unprotected: bool
    gateway_chat: GatewayChat
    agent: Agent


class AgentHealth(Answer):
    agent: Agent
    gateway_chat: GatewayChat


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


class Revealed(Answer):
    message: dict[str, Any]


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


class Steered(Answer):
    accepted: bool
    stream_id: str


class Pending(Answer):
    pending: dict[str, Any] | None
    pending_count: int


class ApprovalAnswered(Answer):
    ok: bool
    choice: str


class ClarifyAnswered(Answer):
    ok: bool
    response: str


class Granted(Answer):
    ok: bool
    granted: list[str]


class Yolo(Answer):
    yolo_enabled: bool


class Queue(Answer):
    queue: list[dict[str, Any]]
    paused: bool


class QueueChanged(Queue):
    ok: bool
    stream_id: str | None


class Personalities(Answer):
    personalities: list[dict[str, str]]


class Servers(Answer):
    servers: list[dict[str, Any]]


class ChangedSession(Answer):
    ok: bool
    session: SessionDetail


class RenamedSession(Answer):
    ok: bool
    session: SessionRow


class Undone(Answer):
    ok: bool
    removed_count: int
    removed_preview: str


class ToRetry(Answer):
    ok: bool
    last_user_text: str
    removed_count: int


class BranchedOff(Answer):
    ok: bool
    session_id: str
    title: str
    parent_session_id: str


class Branch(Answer):
    id: str
    parent: str | None
    fork: int
    created_at: float
    reason: str
    message_count: int
    preview: str
    active: bool


class Branches(Answer):
    branches: list[Branch]
    revision: int


class ConflictProblem(Problem):
    """`code` is busy, with the live run, or changed, with the revision of now."""

    active_stream_id: str | None = None
    revision: int | None = None
