"""Sessions: make, list, open."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from propylon import ids
from propylon.errors import Invalid, NotFound
from propylon.sessions import views
from propylon.sessions.changes import Changes
from propylon.store import messages as message_rows
from propylon.store import runs as run_rows
from propylon.store import sessions as session_rows
from propylon.store.engine import Database
from propylon.store.records import Session

ROWS_AT_MOST = 500


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


@dataclass(frozen=True, kw_only=True)
class Defaults:
    workspace: Path
    model: str | None


class Sessions:
    def __init__(self, database: Database, changes: Changes, default_model: DefaultModel, defaults: Defaults) -> None:
        self._database = database
        self._changes = changes
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

        return await self._database.read(read)

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

        return await self._database.read(read)

    async def get(self, session_id: str) -> Session:
        """Raises NotFound."""
        return await self._database.read(lambda connection: found(connection, session_id))

    async def bounded_tail(self, session_id: str, end: int) -> dict[str, Any]:
        """The detail that goes with `done`: the last whole rows before `end` that fit, perhaps none."""

        def read(connection: Connection) -> dict[str, Any]:
            session = found(connection, session_id)
            last = message_rows.tail_bounded(connection, session_id, end)
            offset = last[0].position if last else end
            # As it was at that end: a replay long after must not tell of a later run.
            then = msgspec.structs.replace(session, active_run=None, message_count=end)
            return views.detail(then, views.rows(last), offset, offset > 0, None, None)

        return await self._database.read(read)

    async def count(self) -> int:
        return await self._database.read(session_rows.count)

    async def tool_text(self, session_id: str, tool_call_id: str, part: str) -> str | None:
        return await self._database.read(lambda c: message_rows.tool_content(c, session_id, tool_call_id, part))


def found(connection: Connection, session_id: str) -> Session:
    session = session_rows.get(connection, session_id)
    if session is None:
        raise NotFound("Session not found")
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
