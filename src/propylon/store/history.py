"""What a person changes of the past: cut, taken up again, gone on with elsewhere. Every change makes a branch; no row is written again.

The model context is cut at the same place as the transcript. Between two turns that is the context which the later one started from. In
the middle of a turn it is a context made of what was shown so far; making it is the caller's (`ContextFrom`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam

from propylon import ids
from propylon.errors import Busy, Changed, Invalid, NotFound
from propylon.events import Usage
from propylon.store import branches, contexts, messages, runs, sessions
from propylon.store.contexts import ContextRow
from propylon.store.records import Branch, Message, Row, Run, Session
from propylon.store.schema import sessions as sessions_table

ContextFrom = Callable[[str, list[Row]], list[ContextRow]]
"""Model context from a person's message and the rows that were shown of its answer."""

_change = sessions_table.update().where(sessions_table.c.id == bindparam("session"))


class Point(NamedTuple):
    """A place in a transcript, before the row at `position`, and what was so there. `branch` has the row before it, if there is one."""

    position: int
    branch: str | None
    user_message_count: int
    last_message_at: float | None
    last_run: str | None


def changeable(connection: Connection, session_id: str, revision: int | None) -> Session:
    """The session, to change its history in this transaction.

    Raises NotFound, Busy while a run is live in it, and Changed if it is not at the revision that is given.
    """
    session = sessions.get(connection, session_id)
    if session is None:
        raise NotFound("Session not found")
    if session.active_run is not None:
        raise Busy(session.active_run)
    if revision is not None and revision != session.revision:
        raise Changed(session.revision)
    return session


def row_of(connection: Connection, session_id: str, message_id: str) -> Message:
    """The row in the session's transcript. Raises NotFound for one that is not in it, or not any more."""
    found = messages.by_message_id(connection, session_id, message_id)
    if found is None:
        raise NotFound("No such message in this conversation")
    return found


def cut(connection: Connection, session: Session, position: int, *, at: float, reason: str, context_from: ContextFrom) -> Session:
    """Go on before the row at `position`; what was from there on stays in the branch that is left.

    The session as it was, if there is no such row. Costs as much as is cut off.
    """
    if position >= session.message_count:
        return session
    point = point_at(connection, session, position, at=at, context_from=context_from)
    branch = Branch(
        id=ids.branch_id(),
        session_id=session.id,
        parent=point.branch,
        fork=position,
        created_at=at,
        reason=reason,
        message_count=position,
        user_message_count=point.user_message_count,
        last_run=point.last_run,
    )
    branches.leave(connection, session)
    branches.add(connection, branch)
    return _on(connection, session, branch, point.last_message_at, at)


def cut_before(
    connection: Connection,
    session_id: str,
    message_id: str,
    *,
    revision: int | None,
    at: float,
    reason: str,
    context_from: ContextFrom,
) -> Session:
    """Cut before a message of a person, to say it in another way.

    Raises NotFound for a session or a message that is not there, Invalid for a row that is no person's, Busy and Changed.
    """
    session = changeable(connection, session_id, revision)
    message = row_of(connection, session_id, message_id)
    if message.role != "user":
        raise Invalid("message_id: this row is not a message of a person")
    return cut(connection, session, message.position, at=at, reason=reason, context_from=context_from)


def restore(connection: Connection, session: Session, branch_id: str, *, at: float) -> Session:
    """Take up a branch as it was left. Raises NotFound if it is not one of the session's."""
    branch = branches.get(connection, branch_id)
    if branch is None or branch.session_id != session.id:
        raise NotFound("No such branch in this conversation")
    if branch.id == session.branch:
        return session
    branches.leave(connection, session)
    last = messages.tail_of(connection, branch.id, branch.message_count)
    return _on(connection, session, branch, last.timestamp if last else None, at)


def fork(
    connection: Connection,
    session: Session,
    position: int,
    new_id: str,
    *,
    at: float,
    title: str,
    reason: str,
    parent_session: str | None,
    context_from: ContextFrom,
) -> Session:
    """A new session that begins with the rows below `position`, as it would go on from there; nothing is copied.

    What a person allowed in the one is not allowed in the other.
    """
    position = min(position, session.message_count)
    point = point_at(connection, session, position, at=at, context_from=context_from)
    start = sessions.Start(
        reason=reason,
        parent=point.branch,
        fork=position,
        user_message_count=point.user_message_count,
        last_message_at=point.last_message_at,
        last_run=point.last_run,
        parent_session=parent_session,
        personality=session.personality,
        reasoning_effort=session.reasoning_effort,
    )
    return sessions.create(
        connection,
        new_id,
        at=at,
        profile=session.profile,
        workspace=session.workspace,
        model=session.model,
        provider=session.provider,
        title=title,
        title_source="person",
        project_id=session.project_id,
        start=start,
    )


def point_at(connection: Connection, session: Session, position: int, *, at: float, context_from: ContextFrom) -> Point:
    """What was so before the row at `position`, 0 up to the session's `message_count`."""
    before = messages.rows_between(connection, session.id, position - 1, position) if position else []
    later = messages.people_between(connection, session.id, position, session.message_count)
    return Point(
        position=position,
        branch=before[0].branch if before else None,
        user_message_count=session.user_message_count - later,
        last_message_at=before[0].timestamp if before else None,
        last_run=_context_at(connection, session, position, at, context_from),
    )


def _context_at(connection: Connection, session: Session, position: int, at: float, context_from: ContextFrom) -> str | None:
    """The run whose model context was the one before the row at `position`."""
    if position == session.message_count:
        return session.last_run
    (row,) = messages.rows_between(connection, session.id, position, position + 1)
    run = runs.get_run(connection, row.run_id)
    if run is None or run.first_position >= position:
        return run.base_run if run else None
    shown = messages.rows_between(connection, session.id, run.first_position, position)
    return _shown_of(connection, session, run, shown, at, context_from)


def _shown_of(connection: Connection, session: Session, run: Run, shown: list[Message], at: float, context_from: ContextFrom) -> str:
    """The context after a part of a run: what the run started from, then the rows that were shown."""
    said, *answer = (messages.whole(connection, message) for message in shown)
    part = msgspec.structs.replace(
        run,
        id=ids.run_id(),
        session_id=session.id,
        branch=session.branch,
        status="cut",
        idempotency_key=None,
        started_at=at,
        ended_at=at,
        first_position=shown[-1].position + 1,
        end_position=shown[-1].position + 1,
        usage=Usage(),
        failure=None,
    )
    runs.add(connection, part)
    contexts.store_context(connection, part.id, session.id, run.base_run, branches.ALL, context_from(said["content"], _answered(answer)))
    return part.id


def _answered(rows: list[Row]) -> list[Row]:
    """The rows, and one for each call of the last that has its result behind the cut: no provider takes a call without a result."""
    last = max((n for n, row in enumerate(rows) if row.get("tool_calls")), default=None)
    if last is None:
        return rows
    known = {row.get("tool_call_id") for row in rows[last:]}
    calls = [call for call in rows[last]["tool_calls"] if isinstance(call, dict) and call.get("id") not in known]
    return rows + [
        {"role": "tool", "tool_call_id": call.get("id"), "name": call.get("function", {}).get("name"), "content": "", "interrupted": True}
        for call in calls
    ]


def _on(connection: Connection, session: Session, branch: Branch, last_message_at: float | None, at: float) -> Session:
    """The session goes on with the branch."""
    run = runs.get_run(connection, branch.last_run) if branch.last_run else None
    changes: dict[str, Any] = {
        "branch": branch.id,
        "message_count": branch.message_count,
        "user_message_count": branch.user_message_count,
        "last_run": branch.last_run,
        "last_message_at": last_message_at,
        "last_prompt_tokens": run.usage.last_prompt_tokens if run else 0,
        "updated_at": max(session.updated_at, at),
        "revision": session.revision + 1,
    }
    connection.execute(_change, {"session": session.id, **changes})
    return msgspec.structs.replace(session, **changes)
