"""Sessions: made, read, changed, listed newest first."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple, TypedDict, Unpack

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from propylon.errors import Invalid, NotFound
from propylon.store.records import Branch, Session, TitleSource
from propylon.store.schema import branches, sessions

DEFAULT_LIMIT = 500
"""Sessions in a list that was asked for without a limit; pinned and live ones come in addition."""

_s = sessions.c
_columns = [_s[name] for name in Session.__struct_fields__]
_profile: sa.BindParameter[str] = bindparam("profile", type_=sa.Text)
_by_id = sa.select(*_columns).where(_s.id == bindparam("session"))
_newest = sa.select(*_columns).order_by(_s.updated_at.desc(), _s.id.desc())
_unpinned = _newest.where(_s.profile == _profile, ~_s.pinned).limit(bindparam("size"))
_after = sa.tuple_(_s.updated_at, _s.id) < sa.tuple_(bindparam("updated_at"), bindparam("after_id"))
_pages = {
    (archived, later): query.where(_after) if later else query
    for archived, query in ((True, _unpinned.where(_s.archived)), (False, _unpinned.where(~_s.archived)))
    for later in (True, False)
}
_live = sa.select(*_columns).where(_s.profile == _profile, _s.active_run.is_not(None))
_pinned = sa.select(*_columns).where(_s.profile == _profile, _s.pinned)
_count = sa.select(sa.func.count()).select_from(sessions)
_archived_count = sa.select(sa.func.count()).select_from(sessions).where(_s.profile == _profile, _s.archived)
_set_agent_title = (
    sessions.update()
    .where(_s.id == bindparam("session"), _s.title_source == sa.literal_column("'first_message'"))
    .values(title_source="agent")
)


class SessionChanges(TypedDict, total=False):
    """What a person, or an agent on their behalf, may change of a session."""

    title: str
    title_source: TitleSource
    workspace: str
    model: str
    provider: str
    pinned: bool
    archived: bool
    project_id: str | None
    last_run: str | None
    updated_at: float
    yolo: bool
    granted: tuple[str, ...]
    personality: str
    reasoning_effort: str


class Listing(NamedTuple):
    """`next_cursor` continues the list; None at its end."""

    sessions: list[Session]
    next_cursor: str | None


class Start(NamedTuple):
    """What a new session begins with: the rows of the branch `parent` below `fork`, what was so there, and settings."""

    reason: str
    parent: str | None = None
    fork: int = 0
    user_message_count: int = 0
    last_message_at: float | None = None
    last_run: str | None = None
    parent_session: str | None = None
    personality: str = ""
    reasoning_effort: str = ""


EMPTY = Start("first")


def create(
    connection: Connection,
    session_id: str,
    *,
    at: float,
    profile: str,
    workspace: str,
    model: str = "",
    provider: str = "",
    title: str = "",
    title_source: TitleSource = "none",
    project_id: str | None = None,
    start: Start = EMPTY,
) -> Session:
    """Store a new session and its first branch, which has the session's id. It is empty, or begins with rows that exist (`start`)."""
    session = Session(
        id=session_id,
        title=title,
        title_source=title_source,
        workspace=workspace,
        model=model,
        provider=provider,
        profile=profile,
        created_at=at,
        updated_at=at,
        last_message_at=start.last_message_at,
        pinned=False,
        archived=False,
        project_id=project_id,
        active_run=None,
        message_count=start.fork,
        user_message_count=start.user_message_count,
        input_tokens=0,
        output_tokens=0,
        estimated_cost=0.0,
        context_length=0,
        threshold_tokens=0,
        last_prompt_tokens=0,
        last_run=start.last_run,
        revision=1,
        branch=session_id,
        parent_session=start.parent_session,
        yolo=False,
        granted=(),
        personality=start.personality,
        reasoning_effort=start.reasoning_effort,
    )
    connection.execute(sessions.insert(), {name: getattr(session, name) for name in Session.__struct_fields__})
    branch = Branch(
        id=session_id,
        session_id=session_id,
        parent=start.parent,
        fork=start.fork,
        created_at=at,
        reason=start.reason,
        message_count=start.fork,
        user_message_count=start.user_message_count,
        last_run=start.last_run,
    )
    connection.execute(branches.insert(), {name: getattr(branch, name) for name in Branch.__struct_fields__})
    return session


def get(connection: Connection, session_id: str) -> Session | None:
    row = connection.execute(_by_id, {"session": session_id}).one_or_none()
    return None if row is None else Session(*row)


def change(connection: Connection, session_id: str, **changes: Unpack[SessionChanges]) -> Session:
    """Store the changes and count the revision on. Its place in the list moves only with `updated_at`. Raises NotFound."""
    values: dict[str, Any] = {**changes, "revision": _s.revision + 1}
    connection.execute(sessions.update().where(_s.id == session_id).values(values))
    session = get(connection, session_id)
    if session is None:
        raise NotFound("Session not found")
    return session


def set_agent_title(connection: Connection, session_id: str, title: str) -> bool:
    """Replace a title that was made from the first message, no other one; whether it was.

    The revision stays: it tells of what a person's next change is based on, and no change of theirs is based on this one.
    """
    return connection.execute(_set_agent_title, {"session": session_id, "title": title}).rowcount == 1


def listing(
    connection: Connection,
    profile: str,
    *,
    limit: int | None = None,
    cursor: str | None = None,
    include_archived: bool = False,
    archived_limit: int | None = None,
) -> Listing:
    """The profile's sessions, newest first.

    With `limit`: a page of that many; the first one has all pinned sessions before and in addition. Without: the newest
    `DEFAULT_LIMIT`, all pinned and all live ones, no cursor; `archived_limit` then bounds the archived among them.
    Raises Invalid for a cursor that is not ours.
    """
    size = DEFAULT_LIMIT if limit is None else max(1, limit)
    found = _page(connection, profile, size + 1, cursor, archived=False)
    if include_archived:
        room = size if limit is not None or archived_limit is None else max(0, min(size, archived_limit))
        found += _page(connection, profile, room + (limit is not None), cursor, archived=True)
    found = sorted(found, key=_age, reverse=True)
    rows = found[:size] if limit is not None or not include_archived else found
    more = limit is not None and len(found) > size
    if cursor is None:
        rows = _pinned_first(connection, profile, rows, live=limit is None, include_archived=include_archived)
    return Listing(rows, _cursor(found[size - 1]) if more else None)


def archived_count(connection: Connection, profile: str) -> int:
    return connection.execute(_archived_count, {"profile": profile}).scalar_one()


def count(connection: Connection) -> int:
    """Sessions of all profiles, archived ones too."""
    return connection.execute(_count).scalar_one()


def _page(connection: Connection, profile: str, size: int, cursor: str | None, *, archived: bool) -> list[Session]:
    values: dict[str, Any] = {"profile": profile, "size": size}
    if cursor is not None:
        values["updated_at"], values["after_id"] = _parse(cursor)
    return [Session(*row) for row in connection.execute(_pages[archived, cursor is not None], values)]


def _pinned_first(connection: Connection, profile: str, rows: list[Session], *, live: bool, include_archived: bool) -> list[Session]:
    first = [Session(*row) for row in connection.execute(_pinned, {"profile": profile})]
    if live:
        first += [Session(*row) for row in connection.execute(_live, {"profile": profile})]
    by_id = {session.id: session for session in [*rows, *first] if include_archived or not session.archived}
    return sorted(by_id.values(), key=lambda session: (session.pinned, *_age(session)), reverse=True)


def _age(session: Session) -> tuple[float, str]:
    return session.updated_at, session.id


def _cursor(session: Session) -> str:
    return base64.urlsafe_b64encode(f"{session.updated_at!r} {session.id}".encode()).decode().rstrip("=")


def _parse(cursor: str) -> tuple[float, str]:
    try:
        time, _, session_id = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode().partition(" ")
        return float(time), session_id
    except ValueError as error:
        raise Invalid("cursor: not one that this list gave") from error
