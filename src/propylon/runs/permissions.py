"""What the agent may do in a session without asking: everything for a while, or what a person allowed before. Both can be taken back."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from propylon.errors import NotFound
from propylon.runs.supervisor import Supervisor
from propylon.runtimes.base import SetYolo
from propylon.sessions.changes import Changes
from propylon.sessions.service import Sessions, found
from propylon.store import sessions as session_rows
from propylon.store.engine import Database
from propylon.store.records import Session


class PermissionService:
    def __init__(self, database: Database, supervisor: Supervisor, sessions: Sessions, changes: Changes) -> None:
        self._database = database
        self._supervisor = supervisor
        self._sessions = sessions
        self._changes = changes

    async def set_yolo(self, session: str, on: bool) -> bool:
        """Let everything pass that would be asked for, or ask again; also in the run that is live. Raises NotFound."""
        changed = await self._change(session, lambda connection: session_rows.change(connection, session, yolo=on))
        if changed.active_run is not None:
            await self._supervisor.tell(changed.active_run, SetYolo(on=on))
        return changed.yolo

    async def yolo(self, session: str) -> bool:
        """Raises NotFound."""
        return (await self._sessions.get(session)).yolo

    async def revoke(self, session: str, key: str) -> tuple[str, ...]:
        """Ask again for this pattern, from the next run on; what is still allowed. Raises NotFound, also for a pattern never allowed."""

        def write(connection: Connection) -> Session:
            granted = found(connection, session).granted
            if key not in granted:
                raise NotFound("This was not allowed for the session")
            return session_rows.change(connection, session, granted=tuple(other for other in granted if other != key))

        return (await self._change(session, write)).granted

    async def _change(self, session: str, write: Callable[[Connection], Session]) -> Session:
        changed = await self._database.write(write)
        self._changes.tell("settings", session)
        return changed
