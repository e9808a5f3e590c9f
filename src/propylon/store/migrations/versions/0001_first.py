"""Sessions, runs, messages, their large payloads and the model contexts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("title_source", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("last_message_at", sa.Double),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("project_id", sa.Text),
        sa.Column("active_run", sa.Text),
        sa.Column("message_count", sa.Integer, nullable=False),
        sa.Column("user_message_count", sa.Integer, nullable=False),
        sa.Column("input_tokens", sa.Integer, nullable=False),
        sa.Column("output_tokens", sa.Integer, nullable=False),
        sa.Column("estimated_cost", sa.Double, nullable=False),
        sa.Column("context_length", sa.Integer, nullable=False),
        sa.Column("threshold_tokens", sa.Integer, nullable=False),
        sa.Column("last_prompt_tokens", sa.Integer, nullable=False),
        sa.Column("last_run", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    by_time = ["profile", "updated_at", "id"]
    _index("sessions_open", "sessions", by_time, sqlite="archived = 0", postgresql="NOT archived")
    _index("sessions_archived", "sessions", by_time, sqlite="archived = 1", postgresql="archived")
    _index("sessions_pinned", "sessions", ["profile"], sqlite="pinned = 1", postgresql="pinned")
    _index("sessions_active", "sessions", ["profile"], sqlite="active_run IS NOT NULL", postgresql="active_run IS NOT NULL")

    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("runtime", sa.Text, nullable=False),
        sa.Column("base_run", sa.Text),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("first_position", sa.Integer, nullable=False),
        sa.Column("end_position", sa.Integer),
        sa.Column("usage", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
    )
    op.create_index("runs_key", "runs", ["session_id", "idempotency_key"], unique=True)
    _index("runs_running", "runs", ["started_at"], sqlite="status = 'running'", postgresql="status = 'running'")

    op.create_table(
        "messages",
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), primary_key=True),
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
    op.create_index("messages_id", "messages", ["message_id"], unique=True)
    _index("messages_visible", "messages", ["session_id", "position"], sqlite="visible = 1", postgresql="visible")
    tool = "tool_call_id IS NOT NULL"
    _index("messages_tool", "messages", ["session_id", "tool_call_id", "position"], sqlite=tool, postgresql=tool)

    op.create_table(
        "payloads",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("tool_call_id", sa.Text, primary_key=True),
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["session_id", "position"], ["messages.session_id", "messages.position"]),
    )

    op.create_table(
        "contexts",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("base_run", sa.Text),
        sa.Column("keep", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("rows", sa.Text, nullable=False),
    )


def _index(name: str, table: str, columns: list[str], *, sqlite: str, postgresql: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql))
