"""Sessions: make, list, open, change their settings."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from propylon import ids
from propylon.errors import Changed, Invalid, NotFound
from propylon.sessions import views
from propylon.sessions.changes import Changes
from propylon.store import history as history_rows
from propylon.store import messages as message_rows
from propylon.store import runs as run_rows
from propylon.store import sessions as session_rows
from propylon.store.engine import Database
from propylon.store.records import Session

ROWS_AT_MOST = 500
TITLE_AT_MOST = 200
"""Characters of a title."""


class ModelChoice(Protocol):
    """A model by name and provider. `demo`: it is the built-in one, because the profile has no provider."""

    @property
    def model(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def demo(self) -> bool: ...


DefaultModel = Callable[[str], Awaitable[ModelChoice | None]]
"""What a new session of the profile would use; None while that is not known."""

Waiting = Callable[[str], bool]
"""Whether the live run of this session waits for an answer of a person."""


def never(session_id: str) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Defaults:
    workspace: Path
    model: str | None


@dataclass(frozen=True, kw_only=True)
class NewSettings:
    """What a person sets for a session; what is None stays as it is."""

    workspace: str | None = None
    model: str | None = None
    provider: str | None = None
    personality: str | None = None
    reasoning_effort: str | None = None


class Sessions:
    def __init__(
        self, database: Database, changes: Changes, default_model: DefaultModel, defaults: Defaults, waiting: Waiting = never
    ) -> None:
        self._database = database
        self._changes = changes
        self._waiting = waiting
        self.default_model = default_model
        self.defaults = defaults

    async def create(self, *, workspace: str | None, model: str | None, provider: str | None, profile: str | None) -> dict[str, Any]:
        """A new session, as its detail. Raises Invalid for a workspace that is no directory."""
        where = resolved_workspace(workspace, self.defaults.workspace)
        whose = profile or "default"
        model, provider = await self.model_for(whose, model, provider)
        number = ids.session_id()

        def make(connection: Connection) -> Session:
            return session_rows.create(
                connection, number, at=time.time(), profile=whose, workspace=str(where), model=model, provider=provider
            )

        session = await self._database.write(make)
        self._changes.tell("created", session.id)
        return views.detail(session, [], 0, False, None, None)

    async def model_for(self, profile: str, model: str | None, provider: str | None) -> tuple[str, str]:
        """The model and provider that are meant: those asked for, else the default one; "" leaves it to the run."""
        if model or self.defaults.model:
            return model or self.defaults.model or "", provider or ""
        choice = await self.default_model(profile)
        return (choice.model, choice.provider) if choice else ("", "")

    async def list(
        self, *, profile: str, limit: int | None, cursor: str | None, include_archived: bool, archived_limit: int | None
    ) -> dict[str, Any]:
        """A page with `limit`; without it the newest, all pinned and all live ones."""

        def read(connection: Connection) -> dict[str, Any]:
            found = session_rows.listing(
                connection,
                profile,
                limit=limit,
                cursor=cursor,
                include_archived=include_archived,
                archived_limit=archived_limit,
            )
            return {
                "sessions": [views.row(session) for session in found.sessions],
                "next_cursor": found.next_cursor,
                "archived_count": session_rows.archived_count(connection, profile),
                "cli_count": 0,
                "server_time": time.time(),
                "server_tz": time.strftime("%z"),
            }

        listed = await self._database.read(read)
        listed["sessions"] = [self._with_question(row) for row in listed["sessions"]]
        return listed

    async def open(self, session_id: str, *, limit: int | None, before: int | None, with_messages: bool = True) -> dict[str, Any]:
        """The session and the last `limit` visible rows before the absolute index `before`. Raises NotFound."""

        def read(connection: Connection) -> dict[str, Any]:
            session = found(connection, session_id)
            run = run_rows.get_run(connection, session.active_run) if session.active_run else None
            text = None
            if run:
                said = message_rows.rows_between(connection, session_id, run.first_position, run.first_position + 1)
                text = said[0].content if said else None
            if not with_messages:
                return views.detail(session, [], session.message_count, session.message_count > 0, run, text)
            page = message_rows.tail(connection, session_id, min(limit or ROWS_AT_MOST, ROWS_AT_MOST), before)
            return views.detail(session, views.rows(page.messages), page.offset, page.truncated, run, text)

        return self._with_question(await self._database.read(read))

    async def rename(self, session_id: str, title: str, revision: int | None) -> dict[str, Any]:
        """A title by a person, which nothing but a person replaces; the session's row. Raises Invalid, NotFound, Changed."""
        title = " ".join(title.split())
        if not title:
            raise Invalid("title: nothing was written")
        if len(title) > TITLE_AT_MOST:
            raise Invalid(f"title: more than {TITLE_AT_MOST} characters")

        def write(connection: Connection) -> Session:
            found_at(connection, session_id, revision)
            return session_rows.change(connection, session_id, title=title, title_source="person")

        session = await self._database.write(write)
        self._changes.tell("title", session_id, title=title)
        return self._with_question(views.row(session))

    async def set_agent_title(self, session_id: str, title: str) -> bool:
        """A title by the agent, which replaces only one that was made from the first message; whether it did."""
        title = " ".join(title.split())[:TITLE_AT_MOST]
        if not title:
            return False
        replaced = await self._database.write(lambda connection: session_rows.set_agent_title(connection, session_id, title))
        if replaced:
            self._changes.tell("title", session_id, title=title)
        return replaced

    async def update(self, session_id: str, wanted: NewSettings, revision: int | None) -> dict[str, Any]:
        """Settings of the runs to come; the session's detail without rows. Raises Invalid, NotFound, Changed."""
        values: session_rows.SessionChanges = {}
        if wanted.workspace is not None:
            values["workspace"] = str(resolved_workspace(wanted.workspace, self.defaults.workspace))
        if wanted.model is not None:
            values["model"], values["provider"] = wanted.model, wanted.provider or ""
        elif wanted.provider is not None:
            values["provider"] = wanted.provider
        if wanted.personality is not None:
            values["personality"] = wanted.personality
        if wanted.reasoning_effort is not None:
            values["reasoning_effort"] = wanted.reasoning_effort

        def write(connection: Connection) -> None:
            found_at(connection, session_id, revision)
            session_rows.change(connection, session_id, **values)

        await self._database.write(write)
        self._changes.tell("settings", session_id)
        return await self.open(session_id, limit=None, before=None, with_messages=False)

    async def get(self, session_id: str) -> Session:
        """Raises NotFound."""
        return await self._database.read(lambda connection: found(connection, session_id))

    async def bounded_tail(self, session_id: str, end: int, run_id: str | None = None) -> dict[str, Any]:
        """The detail that goes with `done`: the last whole rows before `end` that fit, perhaps none.

        With a run, of the branch it was made on, also when the session has left that since.
        """

        def read(connection: Connection) -> dict[str, Any]:
            session = found(connection, session_id)
            run = run_rows.get_run(connection, run_id) if run_id is not None else None
            last = message_rows.tail_bounded(connection, run.branch if run else session.branch, end)
            offset = last[0].position if last else end
            # As it was at that end: a replay long after must not tell of a later run.
            then = msgspec.structs.replace(session, active_run=None, message_count=end)
            return views.detail(then, views.rows(last), offset, offset > 0, None, None)

        return await self._database.read(read)

    async def count(self) -> int:
        return await self._database.read(session_rows.count)

    async def tool_text(self, session_id: str, tool_call_id: str, part: str) -> str | None:
        return await self._database.read(lambda c: message_rows.tool_content(c, session_id, tool_call_id, part))

    async def message(self, session_id: str, message_id: str) -> dict[str, Any]:
        """A stored row, whole and as it was said. Raises NotFound."""

        def read(connection: Connection) -> dict[str, Any]:
            return message_rows.whole(connection, history_rows.row_of(connection, session_id, message_id))

        return await self._database.read(read)

    def _with_question(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "pending_question": True} if row["is_streaming"] and self._waiting(row["session_id"]) else row


def found(connection: Connection, session_id: str) -> Session:
    session = session_rows.get(connection, session_id)
    if session is None:
        raise NotFound("Session not found")
    return session


def found_at(connection: Connection, session_id: str, revision: int | None) -> Session:
    """The session, if it is at the revision that is given. Raises NotFound and Changed."""
    session = found(connection, session_id)
    if revision is not None and revision != session.revision:
        raise Changed(session.revision)
    return session


def resolved_workspace(given: str | None, default: Path) -> Path:
    """An existing directory, absolute and without links. Raises Invalid."""
    path = Path(given).expanduser() if given else default
    if not path.is_absolute():
        raise Invalid(f"workspace: {given} is not an absolute path")
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise Invalid(f"workspace: {path} does not exist") from error
    if not resolved.is_dir():
        raise Invalid(f"workspace: {path} is not a directory")
    return resolved
