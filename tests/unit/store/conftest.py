from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from propylon.store import Database, sessions


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "app.db")
    yield opened
    await opened.close()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """One long transaction on the writer's connection; nobody else writes in such a test."""
    with database._writer.begin() as opened:
        yield opened


@pytest.fixture
def new_session(connection: Connection) -> Callable[..., Any]:
    def create(session_id: str, *, at: float = 1.0, profile: str = "default", **changes: Any) -> Any:
        sessions.create(connection, session_id, at=at, profile=profile, workspace="/w")
        return sessions.change(connection, session_id, **changes)

    return create
