"""Sessions as clients see them, over a real file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from propylon.sessions.changes import Changes
from propylon.sessions.history import History
from propylon.sessions.service import Defaults, ModelChoice, Sessions
from propylon.store import Database, runs, sessions


async def no_model(profile: str) -> ModelChoice | None:
    return None


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "app.db")
    yield opened
    await opened.close()


def turn(connection: Connection, run: str, *, ends: bool = True) -> None:
    runs.start_run(connection, "s1", run, [{"message_id": f"{run}.0", "role": "user", "content": run}], at=1.0)
    if ends:
        rows = [{"message_id": f"{run}.1", "role": "assistant", "content": f"of {run}"}]
        runs.finish_run(connection, run, status="completed", rows=rows, ended_at=2.0, context=(1 << 30, [{}]))


def service(database: Database, tmp_path: Path, *waiting: str) -> Sessions:
    return Sessions(database, Changes(), no_model, Defaults(workspace=tmp_path, model=None), lambda session_id: session_id in waiting)


async def test_a_question_is_told_only_of_a_live_run(database: Database, tmp_path: Path) -> None:
    def fill(connection: Connection) -> None:
        for name in ("s1", "s2"):
            sessions.create(connection, name, at=1.0, profile="default", workspace="/w")
        turn(connection, "r1", ends=False)

    await database.write(fill)
    asked = service(database, tmp_path, "s1", "s2")
    listed = await asked.list(profile="default", limit=None, cursor=None, include_archived=False, archived_limit=None)
    assert {row["session_id"]: row["pending_question"] for row in listed["sessions"]} == {"s1": True, "s2": False}
    assert (await asked.open("s1", limit=None, before=None))["pending_question"] is True
    assert (await asked.rename("s1", "x", None))["pending_question"] is True
    assert (await service(database, tmp_path).open("s1", limit=None, before=None))["pending_question"] is False


async def test_the_last_rows_of_a_run_are_those_of_its_branch(database: Database, tmp_path: Path) -> None:
    def fill(connection: Connection) -> None:
        sessions.create(connection, "s1", at=1.0, profile="default", workspace="/w")
        turn(connection, "r1")
        turn(connection, "r2")

    await database.write(fill)
    asked = service(database, tmp_path)
    history = History(database, Changes(), lambda text, rows: [])
    await history.drop_last("s1", None, reason="undo")
    await database.write(lambda connection: turn(connection, "r3"))

    async def shown(end: int, run: str | None) -> list[str]:
        return [row["message_id"] for row in (await asked.bounded_tail("s1", end, run))["messages"]]

    assert await shown(4, "r2") == ["r1.0", "r1.1", "r2.0", "r2.1"]
    assert await shown(4, "r3") == await shown(4, None) == ["r1.0", "r1.1", "r3.0", "r3.1"]
    assert await shown(2, "r1") == ["r1.0", "r1.1"]


async def test_b36_a_title_of_the_agent_is_told_when_it_is_taken(database: Database, tmp_path: Path) -> None:
    await database.write(lambda c: sessions.create(c, "s1", at=1.0, profile="default", workspace="/w"))
    changes = Changes()
    asked = Sessions(database, changes, no_model, Defaults(workspace=tmp_path, model=None))
    assert not await asked.set_agent_title("s1", "Too early")
    await database.write(lambda connection: turn(connection, "r1"))
    assert not await asked.set_agent_title("s1", " \n")
    assert await asked.set_agent_title("s1", " Of  it ")
    assert [(change.reason, change.facts) for change in changes.since(0)] == [("title", {"title": "Of it"})]
    await asked.rename("s1", "Mine", None)
    assert not await asked.set_agent_title("s1", "Again")
    assert (await asked.get("s1")).title == "Mine"
