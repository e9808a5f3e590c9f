"""The state directory: private, ours alone while the server runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from propylon.errors import Unusable
from propylon.runlog.sqlite import SqliteRunLog
from propylon.store.engine import Database

LONGEST_SOCKET_FOLDER = 80
"""Bytes; a Unix socket's path must stay under 108."""


@dataclass
class State:
    """What is open. `epoch` grows with every start, so that workers know the newer server."""

    folder: Path
    workers: Path
    gateway: Path
    agent_output: Path
    epoch: int
    database: Database
    runlog: SqliteRunLog
    _lock: IO[str]

    async def close(self) -> None:
        """Checkpoint and close both databases, then let go of the directory."""
        await self.runlog.close()
        await self.database.close()
        self._lock.close()


def open_state(folder: Path) -> State:
    """Raises Unusable with one sentence; nothing is overwritten then."""
    os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise Unusable(f"The state directory {folder} cannot be used: {error.strerror}") from error
    try:
        _claim(lock, folder)
        workers = _private(socket_folder(folder))
        gateway = _private(folder / "gateway")
        SqliteRunLog.check(folder / "runlog.db")
        database = Database.open(folder / "app.db")
        runlog = SqliteRunLog.open(folder / "runlog.db")
        epoch = _next_epoch(folder / "epoch")
    except OSError as error:
        lock.close()
        raise Unusable(f"The state directory {folder} cannot be used: {error}") from error
    except BaseException:
        lock.close()
        raise
    return State(folder, workers, gateway, folder / "agent.log", epoch, database, runlog, lock)


def socket_folder(folder: Path) -> Path:
    """Beside the state where its path is short enough for sockets, else a private folder named after it."""
    beside = folder / "workers"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_FOLDER:
        return beside
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"propylon-{os.getuid()}-{name}"


def _claim(lock: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        raise Unusable(f"Another Propylon (process {owner}) uses {folder}. Stop it or name another state directory.") from error
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()


def _private(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise Unusable(f"{folder} belongs to another user")
    folder.chmod(0o700)
    return folder


def _next_epoch(path: Path) -> int:
    try:
        epoch = int(path.read_text()) + 1
    except (OSError, ValueError):
        epoch = 1
    fresh = path.with_suffix(".new")
    fresh.write_text(str(epoch))
    fresh.replace(path)
    return epoch
