"""Facts about processes and the notes that let a later server find a worker again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec
import psutil


class WorkerNote(msgspec.Struct, frozen=True, kw_only=True):
    """Written beside a worker's socket: who it is, so that a process which merely got its number later is never taken for it."""

    id: str
    session: str
    profile: str
    token: str
    pid: int
    start: int
    boot: str
    settings: str

    def write(self, folder: Path) -> None:
        path = folder / f"{self.id}.json"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self))
        fresh.chmod(0o600)
        fresh.replace(path)


def read_notes(folder: Path) -> list[WorkerNote]:
    """All readable notes; one that is not (half written at a power loss) names no worker that could still live."""
    notes = []
    for path in sorted(folder.glob("*.json")):
        try:
            notes.append(msgspec.json.decode(path.read_bytes(), type=WorkerNote))
        except (msgspec.DecodeError, OSError):
            path.unlink(missing_ok=True)
    return notes


def boot_id() -> str:
    """Changes with every start of the machine; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def start_ticks(pid: int) -> int:
    """When the process started, in clock ticks since boot; 0 when it is gone or the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def is_same(note: WorkerNote) -> bool:
    """The worker of the note still exists as a process."""
    if note.boot != boot_id():
        return False
    if note.start:
        return start_ticks(note.pid) == note.start and state(note.pid) not in ("Z", "")
    return psutil.pid_exists(note.pid)


def state(pid: int) -> str:
    """One letter: R, S, D, T, Z ...; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def end(note: WorkerNote, how: signal.Signals) -> None:
    """Signal the worker of the note and nobody else; for SIGKILL its whole group, so that commands it runs end with it."""
    if not is_same(note):
        return
    try:
        if how is signal.SIGKILL:
            os.killpg(note.pid, how)
        else:
            os.kill(note.pid, how)
    except ProcessLookupError:
        pass
