"""The file `app.db`: one writer thread, a few reader threads, none of them the event loop.

Every `write` is one transaction that is on disk when it returns (`synchronous=FULL`); every `read` sees one state of the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from propylon.errors import StoreUnusable
from propylon.store import opening
from propylon.store.schema import SCHEMA_VERSION

T = TypeVar("T")

READERS = 2
BUSY_TIMEOUT_MS = 5_000


class Database:
    """Use `open`. Afterwards `read` and `write` from one event loop, then `close`."""

    def __init__(self, writer: Engine, readers: Engine) -> None:
        self._writer = writer
        self._readers = readers
        self._closed = False
        self._write_thread = ThreadPoolExecutor(1, "store-write")
        self._read_threads = ThreadPoolExecutor(READERS, "store-read")

    @classmethod
    def open(cls, path: Path) -> Database:
        """Open the file, made or upgraded where needed. Blocks (not for the event loop of a live server).

        Raises StoreUnusable, with the file unchanged, when it cannot be written, is broken, is not ours or is of a newer version.
        """
        version = opening.examine(path)
        opening.make_private(path)
        if version is not None and version < SCHEMA_VERSION:
            opening.back_up(path, version)
        writer = _engine(path, writes=True)
        try:
            with writer.begin() as connection:
                if version != SCHEMA_VERSION:
                    opening.upgrade(connection)
        except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
            writer.dispose()
            raise StoreUnusable(f"{path} cannot be written: {getattr(error, 'orig', error)}") from error
        except BaseException:
            writer.dispose()
            raise
        return cls(writer, _engine(path, writes=False))

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """`fn(connection)` in one transaction, after all writes before it; rolled back if it raises.

        Once asked for it is carried out, also when the caller is cancelled while it waits
        (asyncio then logs an error that nobody hears).
        """
        done = self._write_thread.submit(_in_transaction, self._writer, fn)
        return await asyncio.shield(asyncio.wrap_future(done))

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """`fn(connection)` on one unchanging state of the file, which it cannot write."""
        return await asyncio.wrap_future(self._read_threads.submit(_in_transaction, self._readers, fn))

    async def close(self) -> None:
        """Carry out what was asked for, then fold everything into the one file. Closing again does nothing."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._read_threads.shutdown()
        self._write_thread.shutdown()
        self._readers.dispose()
        with contextlib.closing(self._writer.raw_connection()) as connection:
            # A reader in another process can keep part of the journal in use; its last connection then folds it in.
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writer.dispose()


def _in_transaction(engine: Engine, fn: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        return fn(connection)


def _engine(path: Path, *, writes: bool) -> Engine:
    # The connections are handed from thread to thread (opened here, used there, closed elsewhere), never shared.
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1 if writes else READERS,
        max_overflow=0,
        hide_parameters=True,  # an error in a log must not quote the conversation
        connect_args={"check_same_thread": False, "isolation_level": None},
    )
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: opening.DriverConnection, _entry: ConnectionPoolEntry) -> None:
        pragmas = [f"busy_timeout = {BUSY_TIMEOUT_MS}", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"]
        for pragma in pragmas if writes else [*pragmas, "query_only = ON"]:
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
