"""The tables of `app.db`, in words both SQLite and PostgreSQL understand.

Times are Unix seconds, ids are opaque text, JSON is text. The columns of a table and the fields of its record (records.py) have the
same names. Created by migrations/, never from here; a test shows that both agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Dialect, Double, ForeignKey, Index, Integer, Table, Text

SCHEMA_VERSION = 3
"""Number of the newest migration; SQLite's `user_version`."""

APPLICATION_ID = 0x50727079
"""SQLite's `application_id`: tells our file from any other."""

metadata = sa.MetaData()


class Words(sa.TypeDecorator[tuple[str, ...]]):
    """A short list of words: a tuple in Python, a JSON list in the file."""

    impl = Text
    cache_ok = True

    _encode = msgspec.json.Encoder().encode
    _decode = msgspec.json.Decoder(tuple[str, ...]).decode

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str:
        return self._encode(value or ()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        return self._decode(value) if value else ()


# What version 2 added to tables of version 1 has a default in the file, because SQLite adds no column to a table with rows without one.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("title_source", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("last_message_at", Double),
    Column("pinned", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("project_id", Text),
    Column("active_run", Text),
    Column("message_count", Integer, nullable=False),
    Column("user_message_count", Integer, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("estimated_cost", Double, nullable=False),
    Column("context_length", Integer, nullable=False),
    Column("threshold_tokens", Integer, nullable=False),
    Column("last_prompt_tokens", Integer, nullable=False),
    Column("last_run", Text),
    Column("revision", Integer, nullable=False),
    Column("branch", Text, nullable=False, server_default=""),
    Column("parent_session", Text),
    Column("yolo", Boolean, nullable=False, server_default=sa.false()),
    Column("granted", Words, nullable=False, server_default="[]"),
    Column("personality", Text, nullable=False, server_default=""),
    Column("reasoning_effort", Text, nullable=False, server_default=""),
)

# A branch is a list of rows from `fork` on; before them come the rows of `parent` below `fork`. What it ended with is stored when the
# session leaves it (the session's own row tells it of the active one), so that it can be restored as it was.
branches = Table(
    "branches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Column("parent", Text, ForeignKey("branches.id")),
    Column("fork", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message_count", Integer, nullable=False),
    Column("user_message_count", Integer, nullable=False),
    Column("last_run", Text),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("model", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("runtime", Text, nullable=False),
    Column("base_run", Text),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("first_position", Integer, nullable=False),
    Column("end_position", Integer),
    Column("usage", Text, nullable=False),
    Column("failure", Text),
    Column("branch", Text, nullable=False, server_default=""),
)

# Not WITHOUT ROWID: with tool results of some kilobytes the last rows of a long session are read 1.6 times faster this way,
# because the positions are found in an index without contents.
messages = Table(
    "messages",
    metadata,
    Column("branch", Text, ForeignKey("branches.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("message_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("visible", Boolean, nullable=False),
    Column("tool_call_id", Text),
    Column("timestamp", Double, nullable=False),
    Column("extra", Text, nullable=False),
    Column("content", Text, nullable=False),
)

# What a message row holds only the beginning of (payloads.py), so that reading a page never touches megabytes.
payloads = Table(
    "payloads",
    metadata,
    Column("branch", Text, primary_key=True),
    Column("tool_call_id", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    sa.ForeignKeyConstraint(["branch", "position"], ["messages.branch", "messages.position"]),
)

contexts = Table(
    "contexts",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id"), primary_key=True),
    Column("session_id", Text, nullable=False),
    Column("base_run", Text),
    Column("keep", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("rows", Text, nullable=False),
)

# What a person wants to say next, in the order of `place`.
queued = Table(
    "queued",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.id"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("place", Double, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

# Who may come in. Of the token only its SHA-256 is here, so that nobody comes in with a copy of this file.
logins = Table(
    "logins",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_hash", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Words, nullable=False),
    Column("profile", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
)

# What people set in the page for the whole server, by name.
settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
)

# Who came in, what was allowed, what was set. `facts` is JSON; the oldest rows go.
audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("event", Text, nullable=False),
    Column("login_id", Text),
    Column("address", Text, nullable=False),
    Column("facts", Text, nullable=False),
)


def _where(sqlite: str, postgresql: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(sqlite), "postgresql_where": sa.text(postgresql)}


_TIME = (sessions.c.profile, sessions.c.updated_at, sessions.c.id)
Index("sessions_open", *_TIME, **_where("archived = 0", "NOT archived"))
Index("sessions_archived", *_TIME, **_where("archived = 1", "archived"))
Index("sessions_pinned", sessions.c.profile, **_where("pinned = 1", "pinned"))
Index("sessions_active", sessions.c.profile, **_where("active_run IS NOT NULL", "active_run IS NOT NULL"))
Index("runs_key", runs.c.session_id, runs.c.idempotency_key, unique=True)
Index("runs_running", runs.c.started_at, **_where("status = 'running'", "status = 'running'"))
Index("messages_id", messages.c.message_id, unique=True)
Index("messages_visible", messages.c.branch, messages.c.position, **_where("visible = 1", "visible"))
Index(
    "messages_tool",
    messages.c.branch,
    messages.c.tool_call_id,
    messages.c.position,
    **_where("tool_call_id IS NOT NULL", "tool_call_id IS NOT NULL"),
)
Index("branches_session", branches.c.session_id, branches.c.created_at, branches.c.id)
Index("queued_place", queued.c.session_id, queued.c.place)
Index("logins_token", logins.c.token_hash, unique=True)
