"""Sessions as clients see them. Shapes: the HTTP contract of the native clients."""

from __future__ import annotations

from typing import Any

from propylon.sessions import tool_calls
from propylon.store.records import Branch, Message, Run, Session

UNTITLED = "Untitled"


def row(session: Session) -> dict[str, Any]:
    """A session in a list. The three spellings of "a run is live" always agree.

    Whether its agent waits for an answer is not known here: `pending_question` is set where it is.
    """
    live = session.active_run is not None
    return {
        "session_id": session.id,
        "title": session.title or UNTITLED,
        "workspace": session.workspace,
        "model": session.model,
        "model_provider": session.provider,
        "profile": session.profile,
        "message_count": session.message_count,
        "user_message_count": session.user_message_count,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "last_message_at": session.last_message_at,
        "pinned": session.pinned,
        "archived": session.archived,
        "project_id": session.project_id,
        "input_tokens": session.input_tokens,
        "output_tokens": session.output_tokens,
        "estimated_cost": session.estimated_cost,
        "active_stream_id": session.active_run,
        "is_streaming": live,
        "has_pending_user_message": live,
        "pending_question": False,
        "parent_session_id": session.parent_session,
        "is_cli_session": False,
        "read_only": False,
    }


def detail(
    session: Session, messages: list[dict[str, Any]], offset: int, truncated: bool, run: Run | None, text: str | None
) -> dict[str, Any]:
    """A session with rows of its transcript. `run` and `text` are the live run and the message it answers, if one is live."""
    return {
        **row(session),
        "context_length": session.context_length,
        "threshold_tokens": session.threshold_tokens,
        "last_prompt_tokens": session.last_prompt_tokens,
        "yolo_enabled": session.yolo,
        "granted": list(session.granted),
        "personality": session.personality,
        "reasoning_effort": session.reasoning_effort,
        "revision": session.revision,
        "pending_user_message": text,
        "pending_started_at": run.started_at if run else None,
        "pending_attachments": [],
        "messages": messages,
        "tool_calls": tool_calls.in_short(messages, offset),
        "_messages_offset": offset,
        "_messages_truncated": truncated,
    }


def rows(messages: list[Message]) -> list[dict[str, Any]]:
    return [message.row() for message in messages]


def branch(branch: Branch, preview: str, active: bool) -> dict[str, Any]:
    """A way the conversation went. `preview` is the beginning of the first message of a person that is its own."""
    return {
        "id": branch.id,
        "parent": branch.parent,
        "fork": branch.fork,
        "created_at": branch.created_at,
        "reason": branch.reason,
        "message_count": branch.message_count,
        "preview": preview,
        "active": active,
    }
