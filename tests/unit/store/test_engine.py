from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from propylon.errors import StoreUnusable
from propylon.store import Database, opening, sessions
from propylon.store.schema import SCHEMA_VERSION


def _create(session_id: str, connection: Connection) -> None:
    sessions.create(connection, session_id, at=1.0, profile="default", workspace="/w")


async def _made(path: Path) -> Path:
    database = Database.open(path)
    await database.write(lambda c: _create("s1", c))
    await database.close()
    return path


async def test_a_fresh_file_is_private_and_alone_after_closing(tmp_path: Path) -> None:
    path = await _made(tmp_path / "app.db")
    assert [file.name for file in tmp_path.iterdir()] == ["app.db"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    reopened = Database.open(path)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert (await reopened.read(lambda c: sessions.get(c, "s1"))) is not None
    await reopened.close()
    await reopened.close()


async def test_the_file_is_durable_and_strict(database: Database) -> None:
    def pragmas(connection: Connection) -> list[object]:
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")]

    assert await database.write(pragmas) == ["wal", 2, 1]


async def test_a_path_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "100% my ?#files é"
    folder.mkdir()
    database = Database.open(await _made(folder / "app.db"))
    assert (await database.read(lambda c: sessions.get(c, "s1"))) is not None
    await database.close()
    assert [file.name for file in folder.iterdir()] == ["app.db"]


async def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    def half(connection: Connection) -> None:
        _create("s1", connection)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(half)
    assert await database.read(lambda c: sessions.get(c, "s1")) is None


async def test_errors_do_not_quote_what_was_written(database: Database) -> None:
    await database.write(lambda c: _create("secret-words", c))
    with pytest.raises(DatabaseError) as error:
        await database.write(lambda c: _create("secret-words", c))
    assert "secret-words" not in str(error.value)


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseError):
        await database.read(lambda c: _create("s1", c))


async def test_cancelled_writes_are_carried_out(database: Database) -> None:
    go = threading.Event()
    blocked = asyncio.create_task(database.write(lambda c: (go.wait(10), _create("running", c))))
    queued = asyncio.create_task(database.write(lambda c: _create("queued", c)))
    await asyncio.sleep(0.05)
    blocked.cancel()
    queued.cancel()
    results = await asyncio.gather(blocked, queued, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 2
    go.set()
    assert await database.write(lambda c: [sessions.get(c, name) is not None for name in ("running", "queued")]) == [True, True]


async def test_closing_waits_for_what_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    database = Database.open(path)
    asked = [asyncio.create_task(database.write(lambda c, n=n: _create(f"s{n}", c))) for n in range(20)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*asked)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (20,)


async def test_neither_reads_nor_writes_block_the_loop(database: Database) -> None:
    go = threading.Event()
    write = asyncio.create_task(database.write(lambda c: go.wait(10)))
    read = asyncio.create_task(database.read(lambda c: go.wait(10)))
    assert await asyncio.wait_for(database.read(lambda c: 1), 5) == 1
    go.set()
    assert await asyncio.gather(write, read) == [True, True]


async def test_an_up_to_date_file_is_opened_without_alembic(tmp_path: Path) -> None:
    path = await _made(tmp_path / "app.db")
    code = (
        "import asyncio, sys; from pathlib import Path; from propylon.store import Database\n"
        "database = Database.open(Path(sys.argv[1])); asyncio.run(database.close())\n"
        "assert 'alembic' not in sys.modules, 'imported'"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, path], check=True, timeout=60)


@pytest.mark.parametrize("damage", ["text", "truncated", "overwritten", "header only"])
async def test_a_broken_file_is_refused_and_unchanged(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "app.db"
    database = Database.open(path)
    for n in range(200):
        await database.write(lambda c, n=n: _create(f"s{n}" * 20, c))
    await database.close()
    raw = path.read_bytes()
    broken = {
        "text": b"this is not a database, whatever its name says",
        "truncated": raw[: len(raw) // 2],
        "overwritten": raw[:8192] + b"\xa5" * (len(raw) - 8192),
        "header only": raw[:60],
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(StoreUnusable, match=r"app\.db"):
        Database.open(path)
    assert path.read_bytes() == broken
    assert [file.name for file in tmp_path.iterdir()] == ["app.db"]


async def test_a_newer_file_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = await _made(tmp_path / "app.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    raw = path.read_bytes()
    with pytest.raises(StoreUnusable, match="newer"):
        Database.open(path)
    assert path.read_bytes() == raw
    assert [file.name for file in tmp_path.iterdir()] == ["app.db"]


def test_another_programs_file_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    raw = path.read_bytes()
    with pytest.raises(StoreUnusable, match="another program"):
        Database.open(path)
    assert path.read_bytes() == raw


def test_a_first_start_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    code = (
        "import os, sys; from pathlib import Path; from propylon.store import Database, opening\n"
        "upgrade = opening.upgrade; opening.upgrade = lambda connection: (upgrade(connection), os._exit(9))\n"
        "Database.open(Path(sys.argv[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code, path], timeout=60, check=False).returncode == 9
    asyncio.run(Database.open(path).close())
    assert [file.name for file in tmp_path.iterdir()] == ["app.db"]


async def test_an_empty_file_is_a_fresh_one(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.touch()
    assert await _made(path)


@pytest.mark.parametrize("where", ["file/app.db", "missing/app.db", "folder"])
def test_a_path_that_cannot_be(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnusable):
        Database.open(tmp_path / where)


@pytest.mark.parametrize("mode", [None, 0o444, 0o666])
async def test_a_directory_that_may_not_be_written(tmp_path: Path, mode: int | None) -> None:
    path = tmp_path / "app.db"
    if mode is not None:
        await _made(path)
        path.chmod(mode)
    tmp_path.chmod(0o555)
    code = (
        "import os, sys; from pathlib import Path; from propylon.errors import StoreUnusable; from propylon.store import Database\n"
        "os.getuid() == 0 and os.setuid(65534)\n"
        "try: Database.open(Path(sys.argv[1]))\n"
        "except StoreUnusable as error: sys.exit(str(error))"
    )
    try:
        _reachable(tmp_path)
        done = subprocess.run([sys.executable, "-W", "error", "-c", code, path], capture_output=True, text=True, timeout=60, check=False)
    finally:
        tmp_path.chmod(0o700)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(str(path)) and len(done.stderr.splitlines()) == 1


def _reachable(folder: Path) -> None:
    """As root the test gives its rights away first: the folders above must let anybody through, or it would test those."""
    for parent in folder.parents:
        if os.getuid() == 0 and parent.stat().st_uid == 0 and not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)


def _next_migration(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    shutil.copytree(opening.MIGRATIONS, folder)
    ours, after = f"{SCHEMA_VERSION:04}", f"{SCHEMA_VERSION + 1:04}"
    (folder / "versions" / f"{after}_next.py").write_text(
        f'from alembic import op\nrevision = "{after}"\ndown_revision = "{ours}"\n\n\ndef upgrade():\n    {body}\n'
    )
    monkeypatch.setattr(opening, "MIGRATIONS", folder)
    monkeypatch.setattr(opening, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr("propylon.store.engine.SCHEMA_VERSION", SCHEMA_VERSION + 1)


async def test_an_upgrade_keeps_a_copy_of_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    state.mkdir()
    path = await _made(state / "app.db")
    _next_migration(tmp_path / "migrations", monkeypatch, "op.execute('CREATE TABLE later (id TEXT)')")
    database = Database.open(path)
    assert (await database.read(lambda c: sessions.get(c, "s1"))) is not None
    assert await database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM later").scalar()) == 0
    await database.close()
    (backup,) = set(state.iterdir()) - {path}
    assert backup.name.startswith(f"app.db.v{SCHEMA_VERSION}.") and stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT id FROM sessions").fetchall() == [("s1",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


async def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await _made(tmp_path / "app.db")
    with monkeypatch.context() as patched:
        body = "op.execute('CREATE TABLE later (id TEXT)'); op.execute('INSERT INTO nowhere VALUES (1)')"
        _next_migration(tmp_path / "migrations", patched, body)
        with pytest.raises(StoreUnusable, match="nowhere"):
            Database.open(path)
    database = Database.open(path)
    assert (await database.read(lambda c: sessions.get(c, "s1"))) is not None
    assert await database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'later'").scalar()) == 0
    await database.close()
