"""Branches: the ways a conversation went. A transcript is read along the chain from its branch to the first one, no further than needed.

Rows are only ever added at the end of a branch. Cutting a transcript makes a new branch that begins with rows of the old one; so nothing
is lost, and the cost does not depend on the length of what is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.store.records import Branch, Session
from propylon.store.schema import branches, messages

ALL = 1 << 40
"""More rows than there are."""

PREVIEW = 120
"""Characters of a message that tell it from others, at most."""

_b, _m = branches.c, messages.c
_select = sa.select(*[_b[name] for name in Branch.__struct_fields__])
_by_id = _select.where(_b.id == bindparam("branch"))
_of_session = _select.where(_b.session_id == bindparam("session")).order_by(_b.created_at, _b.id)
_insert = branches.insert()
_leave = branches.update().where(_b.id == bindparam("branch"))
_first_words = (
    sa.select(sa.func.substr(_m.content, 1, PREVIEW))
    .where(_m.branch == bindparam("branch"), _m.visible, _m.role == "user")
    .order_by(_m.position)
    .limit(1)
)

# From the newest branch down. Each has the rows from its fork up to the fork of the one above; `floor` is where no more are wanted.
_path = sa.text("""
    WITH RECURSIVE
    head (branch, low, parent, length) AS (
        SELECT id, fork, parent, coalesce((SELECT max(position) + 1 FROM messages WHERE messages.branch = branches.id), fork)
        FROM branches WHERE id = coalesce(:branch, (SELECT branch FROM sessions WHERE sessions.id = :session))
    ),
    path (branch, low, high, parent, floor) AS (
        SELECT branch, low, CASE WHEN length < :end THEN length ELSE :end END, parent,
               CASE WHEN length < :end THEN length ELSE :end END - :rows
        FROM head
        UNION ALL
        SELECT base.id, base.fork, CASE WHEN path.low < path.high THEN path.low ELSE path.high END, base.parent, path.floor
        FROM path JOIN branches AS base ON base.id = path.parent
        WHERE path.low > path.floor
    )
    SELECT branch, low, high FROM path WHERE low < high
""")


class Segment(NamedTuple):
    """The rows of one branch at positions `start` up to, not including, `end`; there is at least one."""

    branch: str
    start: int
    end: int


def path(connection: Connection, session_id: str, *, end: int = ALL, rows: int = ALL) -> list[Segment]:
    """Where the last `rows` rows below position `end` of the session's transcript are, newest first.

    The last segment may begin earlier than asked.
    """
    return _walked(connection, {"session": session_id, "branch": None, "end": end, "rows": rows})


def path_of(connection: Connection, branch_id: str, *, end: int = ALL, rows: int = ALL) -> list[Segment]:
    """The same of one branch, whether it is the active one of its session or not."""
    return _walked(connection, {"session": None, "branch": branch_id, "end": end, "rows": rows})


def _walked(connection: Connection, values: dict[str, Any]) -> list[Segment]:
    return sorted((Segment(*row) for row in connection.execute(_path, values)), key=_begin, reverse=True)


def _begin(segment: Segment) -> int:
    return segment.start


def get(connection: Connection, branch_id: str) -> Branch | None:
    row = connection.execute(_by_id, {"branch": branch_id}).one_or_none()
    return None if row is None else Branch(*row)


def of_session(connection: Connection, session: Session) -> list[Branch]:
    """All of the session's branches, oldest first, each as it is now."""
    found = [Branch(*row) for row in connection.execute(_of_session, {"session": session.id})]
    return [_as_now(branch, session) if branch.id == session.branch else branch for branch in found]


def preview(connection: Connection, branch_id: str) -> str:
    """The beginning of the first message of a person that is the branch's own; "" without one."""
    return connection.execute(_first_words, {"branch": branch_id}).scalar() or ""


def add(connection: Connection, branch: Branch) -> None:
    connection.execute(_insert, {name: getattr(branch, name) for name in Branch.__struct_fields__})


def leave(connection: Connection, session: Session) -> None:
    """Remember in the session's branch what it ends with, so that it can be taken up again."""
    connection.execute(_leave, {"branch": session.branch, **_ending(session)})


def _as_now(branch: Branch, session: Session) -> Branch:
    return msgspec.structs.replace(branch, **_ending(session))


def _ending(session: Session) -> dict[str, Any]:
    return {name: getattr(session, name) for name in ("message_count", "user_message_count", "last_run")}
