"""Rows belong to branches of a session; settings of a session; messages that wait.

The first branch of a session has the session's id, so no value of a row changes: `messages` and `payloads` are copied into tables whose
key has another name.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _sessions_and_runs()
    _branches()
    _messages()
    _queue()


def _sessions_and_runs() -> None:
    op.add_column("sessions", sa.Column("branch", sa.Text, nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("parent_session", sa.Text))
    op.add_column("sessions", sa.Column("yolo", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("sessions", sa.Column("granted", sa.Text, nullable=False, server_default="[]"))
    op.add_column("sessions", sa.Column("personality", sa.Text, nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("reasoning_effort", sa.Text, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("branch", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE sessions SET branch = id")
    op.execute("UPDATE runs SET branch = session_id")


def _branches() -> None:
    op.create_table(
        "branches",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("parent", sa.Text, sa.ForeignKey("branches.id")),
        sa.Column("fork", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("message_count", sa.Integer, nullable=False),
        sa.Column("user_message_count", sa.Integer, nullable=False),
        sa.Column("last_run", sa.Text),
    )
    op.create_index("branches_session", "branches", ["session_id", "created_at", "id"])
    op.execute(
        "INSERT INTO branches (id, session_id, parent, fork, created_at, reason, message_count, user_message_count, last_run) "
        "SELECT id, id, NULL, 0, created_at, 'first', message_count, user_message_count, last_run FROM sessions"
    )


def _messages() -> None:
    for index in ("messages_id", "messages_visible", "messages_tool"):
        op.drop_index(index, "messages")
    op.rename_table("messages", "messages_1")
    op.rename_table("payloads", "payloads_1")
    op.create_table(
        "messages",
        sa.Column("branch", sa.Text, sa.ForeignKey("branches.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("visible", sa.Boolean, nullable=False),
        sa.Column("tool_call_id", sa.Text),
        sa.Column("timestamp", sa.Double, nullable=False),
        sa.Column("extra", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "payloads",
        sa.Column("branch", sa.Text, primary_key=True),
        sa.Column("tool_call_id", sa.Text, primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["branch", "position"], ["messages.branch", "messages.position"]),
    )
    rest = "position, message_id, run_id, role, visible, tool_call_id, timestamp, extra, content"
    op.execute(f"INSERT INTO messages (branch, {rest}) SELECT session_id, {rest} FROM messages_1 ORDER BY session_id, position")
    rest = "tool_call_id, part, position, content"
    op.execute(f"INSERT INTO payloads (branch, {rest}) SELECT session_id, {rest} FROM payloads_1")
    op.drop_table("payloads_1")
    op.drop_table("messages_1")
    op.create_index("messages_id", "messages", ["message_id"], unique=True)
    _index("messages_visible", ["branch", "position"], sqlite="visible = 1", postgresql="visible")
    tool = "tool_call_id IS NOT NULL"
    _index("messages_tool", ["branch", "tool_call_id", "position"], sqlite=tool, postgresql=tool)


def _queue() -> None:
    op.create_table(
        "queued",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("place", sa.Double, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_index("queued_place", "queued", ["session_id", "place"])


def _index(name: str, columns: list[str], *, sqlite: str, postgresql: str) -> None:
    op.create_index(name, "messages", columns, sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql))
