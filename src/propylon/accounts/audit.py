"""The log of logins, answers to what the agent asks, and changed settings. One function; a row in the database and a line on stderr each.

What is noted never holds a password, a token, or text of a conversation.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Literal, Protocol

from propylon.store import audit
from propylon.store.engine import Database
from propylon.store.records import Login, Noted

log = logging.getLogger("propylon.audit")

Event = Literal[
    "logged_in",
    "login_failed",
    "locked_out",
    "logged_out",
    "login_revoked",
    "all_logged_out",
    "password_set",
    "device_added",
    "approval_answered",
    "grant_revoked",
    "clarify_answered",
    "yolo_set",
    "settings_changed",
    "secret_revealed",
]


class By(Protocol):
    """Who did it."""

    @property
    def address(self) -> str: ...
    @property
    def login(self) -> Login | None: ...


class Audit:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, event: Event, by: By, **facts: Any) -> None:
        login = by.login.id if by.login else None
        words = " ".join(f"{name}={value!r}" for name, value in facts.items() if value is not None)
        log.info("%s from %s login=%s %s", event, by.address, login, words)
        at = time.time()
        await self._database.write(lambda c: audit.add(c, event, at=at, login_id=login, address=by.address, facts=facts))

    async def tail(self, size: int) -> list[Noted]:
        """The newest first."""
        return await self._database.read(lambda c: audit.tail(c, size))
