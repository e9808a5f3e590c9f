"""Before the first row: is this file ours, whole and of a version we know; else a backup, an upgrade or a clear sentence.

All of it is plain `sqlite3`; Alembic, which takes longer to import than the rest of a start, is touched only to make or upgrade a file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from propylon.errors import StoreUnusable
from propylon.store.schema import APPLICATION_ID, SCHEMA_VERSION

DriverConnection = sqlite3.Connection
MIGRATIONS = Path(__file__).with_name("migrations")
FULL_CHECK_BYTES = 256 * 1024 * 1024
"""Up to this size (0.1 s) every page is checked at every start; larger files only after an unclean end and before an upgrade."""

_HEADER = b"SQLite format 3\x00"


def examine(path: Path) -> int | None:
    """The version of the file; None if there is none or an empty one. Writes nothing. Raises StoreUnusable."""
    try:
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be read: {error.strerror}") from error
    if not header:  # SQLite drops a journal beside an empty file: the first start did not come to its end
        return None
    if header != _HEADER:
        raise StoreUnusable(f"{path} is not a database. Move it away, or name another directory, and start again.")
    try:
        with closing(read_only(path)) as connection:
            return _version(connection, path, size)
    except sqlite3.DatabaseError as error:
        raise _broken(path, str(error)) from error


def make_private(path: Path) -> None:
    """Make the file, or the existing one, readable by its owner only (the journals beside it follow). Raises StoreUnusable."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be written: {error.strerror}") from error
    with contextlib.suppress(PermissionError):  # somebody else's file that we may write: theirs to protect
        path.chmod(0o600)


def back_up(path: Path, version: int) -> Path:
    """A consistent copy beside the file, named for its version and the time. Raises StoreUnusable."""
    target = path.with_name(f"{path.name}.v{version}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.backup")
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
        partial.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(f"No backup of {path} could be made before its upgrade: {error}") from error
    return target


def upgrade(connection: Connection) -> None:
    """Bring the file to our version, inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version(connection: sqlite3.Connection, path: Path, size: int) -> int | None:
    version = int(_pragma(connection, "user_version"))
    if _pragma(connection, "application_id") != APPLICATION_ID:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0 and version == 0:
            return None
        raise StoreUnusable(f"{path} belongs to another program. Move it away, or name another directory, and start again.")
    if version > SCHEMA_VERSION:
        raise StoreUnusable(f"{path} was written by a newer Propylon (version {version}, known here: {SCHEMA_VERSION}). Install that one.")
    if size <= FULL_CHECK_BYTES or version < SCHEMA_VERSION or _wal(path):
        found = str(_pragma(connection, "quick_check(1)"))
    else:
        found = "ok" if _pragma(connection, "page_count") * _pragma(connection, "page_size") <= size else "it ends too early"
    if found != "ok":
        raise _broken(path, found)
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _wal(path: Path) -> bool:
    """Whether another process has the file open, or the last one that had it did not end cleanly."""
    return path.with_name(path.name + "-wal").exists()


def read_only(path: Path) -> DriverConnection:
    """A connection that changes nothing, and makes no file where there is none."""
    # Without a journal nothing but the file itself need be read; `immutable` leaves no journal files behind.
    return sqlite3.connect(path.absolute().as_uri() + ("?mode=ro" if _wal(path) else "?mode=ro&immutable=1"), uri=True)


def _broken(path: Path, why: str) -> StoreUnusable:
    return StoreUnusable(f"{path} is damaged ({why}). It was not changed. Put a backup in its place, or move it away, and start again.")
