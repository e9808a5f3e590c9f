"""A file of version 1 becomes one of today, with all that is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from time import perf_counter

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from propylon.store import Database, branches, contexts, history, messages, opening, runs, sessions
from propylon.store.schema import APPLICATION_ID, SCHEMA_VERSION


def version_1(path: Path, count: int) -> None:
    """A session with one run of `count` rows, a large tool result and a context; and an empty session."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(opening.MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql("PRAGMA user_version = 1")
    engine.dispose()
    with closing(sqlite3.connect(path)) as file, file:
        for name, rows, people, last in (("s1", count, 1, "r1"), ("s2", 0, 0, None)):
            session = (name, "Title", "person", "/w", "m", "v", "default", 1.0, 2.0, 2.0, 1, 0, "p", None, rows, people, 5, 6, 0.5, 7, 8, 9)
            file.execute(f"INSERT INTO sessions VALUES ({', '.join('?' * 24)})", (*session, last, 11))
        run = ("r1", "s1", "completed", "key", "m", "v", "hermes", None, 1.0, 2.0, 0, count, "{}", None)
        file.execute(f"INSERT INTO runs VALUES ({', '.join('?' * 14)})", run)
        rows = [("s1", 0, "r1.0", "r1", "user", 1, None, 1.0, "{}", "the question")]
        rows += [("s1", 1, "r1.1", "r1", "tool", 0, "t1", 1.0, '{"content_size": 8, "name": "f"}', "the")]
        rows += [("s1", n, f"r1.{n}", "r1", "assistant", 1, None, 1.5, '{"reasoning": "hm"}', f"row {n} " * 60) for n in range(2, count)]
        file.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        file.execute("INSERT INTO payloads VALUES ('s1', 't1', 'result', 1, 'the whole')")
        file.execute("INSERT INTO contexts VALUES ('r1', 's1', NULL, 0, 1, '[{\"n\": 1}]')")


async def test_a_file_of_version_1_keeps_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    version_1(path, 50_000)
    begin = perf_counter()
    database = Database.open(path)
    assert perf_counter() - begin < 20  # some 1.5 s on a quiet machine
    session = await database.read(lambda c: sessions.get(c, "s1"))
    assert session is not None
    assert (session.branch, session.parent_session, session.yolo, session.granted) == ("s1", None, False, ())
    assert (session.personality, session.reasoning_effort) == ("", "")
    assert (session.title, session.message_count, session.last_run, session.revision) == ("Title", 50_000, "r1", 11)
    run = await database.read(lambda c: runs.run_by_key(c, "s1", "key"))
    assert run is not None and (run.branch, run.end_position) == ("s1", 50_000)
    page = await database.read(lambda c: messages.tail(c, "s1", 2))
    assert [message.row() for message in page.messages][1] == {
        "message_id": "r1.49999",
        "run_id": "r1",
        "role": "assistant",
        "content": "row 49999 " * 60,
        "timestamp": 1.5,
        "reasoning": "hm",
    }
    assert await database.read(lambda c: messages.tool_content(c, "s1", "t1", "result")) == "the whole"
    assert await database.read(lambda c: contexts.load_context(c, "r1")) == [{"n": 1}]
    (first,) = await database.read(lambda c: branches.of_session(c, session))
    assert (first.id, first.parent, first.fork, first.reason, first.message_count) == ("s1", None, 0, "first", 50_000)
    empty = await database.read(lambda c: sessions.get(c, "s2"))
    assert empty is not None and (empty.branch, empty.message_count) == ("s2", 0)
    after = await database.write(
        lambda c: history.cut(c, session, 1, at=3.0, reason="undo", context_from=lambda text, rows: [{"said": text}])
    )
    assert (after.message_count, after.branch) != (50_000, "s1")
    await database.close()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        assert file.execute("SELECT count(*) FROM messages").fetchone() == (50_000,)
        upgraded = {row[0]: " ".join(row[1].split()) for row in file.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")}
    fresh = Database.open(tmp_path / "fresh.db")
    await fresh.close()
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as file:
        made = {row[0]: " ".join(row[1].split()) for row in file.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")}
    assert upgraded == made
    (backup,) = tmp_path.glob("app.db.v1.*.backup")
    with closing(sqlite3.connect(backup)) as file:
        assert file.execute("SELECT count(*) FROM messages WHERE session_id = 's1'").fetchone() == (50_000,)
