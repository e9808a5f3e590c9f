"""The past of a conversation: undone, cut, gone on with elsewhere, taken up again. Nothing of it is destroyed.

Each change is checked and made in one transaction: it needs a session without a live run and, where the caller names a revision, the one
it knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from propylon import ids
from propylon.errors import Invalid
from propylon.sessions import views
from propylon.sessions.changes import Changes
from propylon.sessions.service import found
from propylon.store import branches
from propylon.store import history as history_rows
from propylon.store import messages as message_rows
from propylon.store.engine import Database
from propylon.store.history import ContextFrom
from propylon.store.records import Session

SHOWN_ROWS = 50
"""Rows of the two sides of the conversation that come with the answer to a change."""

T = TypeVar("T")


@dataclass(frozen=True)
class Removed:
    """The exchange that was taken back: what the person had said, and how many rows it was with its answer."""

    text: str
    count: int


class History:
    def __init__(self, database: Database, changes: Changes, context_from: ContextFrom) -> None:
        self._database = database
        self._changes = changes
        self._context_from = context_from

    async def truncate(self, session_id: str, revision: int | None, *, keep: int | None, before: str | None) -> dict[str, Any]:
        """Keep the first `keep` rows, or those before the row with the id `before`; the session's detail after it.

        Raises Invalid unless one of the two is given, NotFound, Busy, Changed.
        """
        if (keep is None) == (before is None):
            raise Invalid("keep_count: give either this or message_id")

        def cut(connection: Connection, session: Session) -> tuple[Session, dict[str, Any]]:
            position = history_rows.row_of(connection, session_id, before).position if before is not None else keep or 0
            after = self._cut(connection, session, position, "truncate")
            return after, _detail(connection, after)

        return await self._change(session_id, revision, cut)

    async def clear(self, session_id: str, revision: int | None) -> dict[str, Any]:
        """Begin anew in the same session; its detail. Raises NotFound, Busy, Changed."""

        def cut(connection: Connection, session: Session) -> tuple[Session, dict[str, Any]]:
            after = self._cut(connection, session, 0, "clear")
            return after, _detail(connection, after)

        return await self._change(session_id, revision, cut)

    async def drop_last(self, session_id: str, revision: int | None, *, reason: str) -> Removed:
        """Take back the last message of a person and all after it. Raises Invalid if there is none, NotFound, Busy, Changed."""

        def cut(connection: Connection, session: Session) -> tuple[Session, Removed]:
            last = message_rows.last_of_person(connection, session_id)
            if last is None:
                raise Invalid(f"There is nothing to {reason}")
            removed = Removed(last.content, session.message_count - last.position)
            return self._cut(connection, session, last.position, reason), removed

        return await self._change(session_id, revision, cut)

    async def restore(self, session_id: str, revision: int | None, branch: str) -> dict[str, Any]:
        """Take up a branch as it was left; the session's detail. Raises NotFound, Busy, Changed."""

        def take_up(connection: Connection, session: Session) -> tuple[Session, dict[str, Any]]:
            after = history_rows.restore(connection, session, branch, at=time.time())
            return after, _detail(connection, after)

        return await self._change(session_id, revision, take_up)

    async def branch(
        self, session_id: str, revision: int | None, *, keep: int | None, upto: str | None, title: str | None
    ) -> dict[str, Any]:
        """A new session that goes on from here: with the first `keep` rows, or those up to the row `upto`, or all. Its detail.

        Raises Invalid if both are given, NotFound, Busy, Changed.
        """
        if keep is not None and upto is not None:
            raise Invalid("keep_count: give either this or message_id")

        def position(connection: Connection, session: Session) -> int:
            if upto is not None:
                return history_rows.row_of(connection, session_id, upto).position + 1
            return session.message_count if keep is None else keep

        def title_of(session: Session) -> str:
            return title or f"{session.title or views.UNTITLED} (branch)"

        return await self._fork(session_id, revision, position, title_of, reason="branch", parent=session_id)

    async def duplicate(self, session_id: str, revision: int | None) -> dict[str, Any]:
        """A new session like this one, which it does not point back to. Its detail. Raises NotFound, Busy, Changed."""
        return await self._fork(
            session_id,
            revision,
            lambda connection, session: session.message_count,
            lambda session: f"{session.title or views.UNTITLED} (copy)",
            reason="duplicate",
            parent=None,
        )

    async def branches(self, session_id: str) -> dict[str, Any]:
        """All the ways the conversation went, oldest first. Raises NotFound."""

        def read(connection: Connection) -> dict[str, Any]:
            session = found(connection, session_id)
            every = branches.of_session(connection, session)
            listed = [views.branch(each, branches.preview(connection, each.id), each.id == session.branch) for each in every]
            return {"branches": listed, "revision": session.revision}

        return await self._database.read(read)

    async def _change(self, session_id: str, revision: int | None, change: Callable[[Connection, Session], tuple[Session, T]]) -> T:
        """`change` in the transaction that checked the session; told to everybody unless it came to nothing."""

        def write(connection: Connection) -> tuple[Session, Session, T]:
            before = history_rows.changeable(connection, session_id, revision)
            return before, *change(connection, before)

        before, after, answer = await self._database.write(write)
        if after.revision != before.revision:
            self._changes.tell("history", session_id, revision=after.revision)
        return answer

    async def _fork(
        self,
        session_id: str,
        revision: int | None,
        position: Callable[[Connection, Session], int],
        title: Callable[[Session], str],
        *,
        reason: str,
        parent: str | None,
    ) -> dict[str, Any]:
        new = ids.session_id()

        def write(connection: Connection) -> dict[str, Any]:
            session = history_rows.changeable(connection, session_id, revision)
            made = history_rows.fork(
                connection,
                session,
                position(connection, session),
                new,
                at=time.time(),
                title=title(session),
                reason=reason,
                parent_session=parent,
                context_from=self._context_from,
            )
            return _detail(connection, made)

        detail = await self._database.write(write)
        self._changes.tell("created", new)
        return detail

    def _cut(self, connection: Connection, session: Session, position: int, reason: str) -> Session:
        return history_rows.cut(connection, session, position, at=time.time(), reason=reason, context_from=self._context_from)


def _detail(connection: Connection, session: Session) -> dict[str, Any]:
    page = message_rows.tail(connection, session.id, SHOWN_ROWS)
    return views.detail(session, views.rows(page.messages), page.offset, page.truncated, None, None)
