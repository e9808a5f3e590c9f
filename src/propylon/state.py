"""The state directory: private, ours alone while the server runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
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
        make_private(folder)
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


def make_private(folder: Path) -> None:
    """Everything in the state directory is for its owner alone: folders 0700, files 0600, whatever they were. Links are left alone.

    Raises Unusable for what belongs to somebody else, because that one could read and change it.
    """
    for path in (folder, *folder.rglob("*")):
        try:
            found = path.lstat()
        except FileNotFoundError:  # a worker that lives without us tidied up
            continue
        if stat.S_ISLNK(found.st_mode):
            continue
        if found.st_uid != os.getuid():
            raise Unusable(f"{path} belongs to another user; make it yours, or name another state directory")
        wanted = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
        if stat.S_IMODE(found.st_mode) != wanted:
            with contextlib.suppress(FileNotFoundError):
                path.chmod(wanted)


def _next_epoch(path: Path) -> int:
    try:
        epoch = int(path.read_text()) + 1
    except (OSError, ValueError):
        epoch = 1
    fresh = path.with_suffix(".new")
    fresh.write_text(str(epoch))
    fresh.replace(path)
    return epoch
