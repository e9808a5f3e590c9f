"""What must outlive this process, as small private files: which run of the gateway is ours, and what its sessions hold. No text, no key."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import TypeVar

import msgspec

RUNS_KEPT_S = 24 * 3600.0
"""Notes of runs that nobody asks for any more; a gateway itself remembers a run for an hour."""

SESSIONS_KEPT_S = 180 * 24 * 3600.0
"""Without its note a session is told its conversation once more."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class RunNote(msgspec.Struct, frozen=True, kw_only=True):
    """A run of ours and the gateway's own id of it. `base` is the gateway's address, `session` the gateway's session it goes to."""

    run: str
    remote: str
    base: str
    session: str


class SessionNote(msgspec.Struct, frozen=True, kw_only=True):
    """Of a branch: its session at the gateway, and the run whose end that session's context is; "" when it is of no use as context."""

    session: str
    run: str = ""


T = TypeVar("T", RunNote, SessionNote)


class Notes:
    """Files of mode 0600 in a folder of mode 0700."""

    def __init__(self, folder: Path) -> None:
        self._runs = folder
        self._sessions = folder / "sessions"
        for path in (self._runs, self._sessions):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
        self._sweep()

    def keep_run(self, note: RunNote) -> None:
        _write(_file(self._runs, note.run), note)

    def run(self, run: str) -> RunNote | None:
        return _read(_file(self._runs, run), RunNote)

    def forget_run(self, run: str) -> None:
        _file(self._runs, run).unlink(missing_ok=True)

    def keep_session(self, branch: str, note: SessionNote) -> None:
        _write(_file(self._sessions, branch), note)

    def session(self, branch: str) -> SessionNote | None:
        return _read(_file(self._sessions, branch), SessionNote)

    def _sweep(self) -> None:
        now = time.time()
        for folder, kept in ((self._runs, RUNS_KEPT_S), (self._sessions, SESSIONS_KEPT_S)):
            for path in folder.glob("*.json"):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < now - kept:
                        path.unlink()


def _file(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ValueError("not an id that may name a file")
    return folder / f"{name}.json"


def _write(path: Path, note: RunNote | SessionNote) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(note))
    fresh.replace(path)


def _read(path: Path, kind: type[T]) -> T | None:
    """None for a note that is not there, or was half written at a power loss."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
