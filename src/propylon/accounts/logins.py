"""Logins of this server: in memory as a whole, because every request asks for one; every change is in the database first."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from propylon import ids
from propylon.errors import NotFound
from propylon.store import logins
from propylon.store.engine import Database
from propylon.store.records import Login, Scope

log = logging.getLogger(__name__)

DAY = 86_400.0
TIDY_S = 30.0
ALL_SCOPES: tuple[Scope, ...] = ("read", "chat", "approve", "manage")
AGENT_AT_MOST = 200

Kind = Literal["browser", "device"]


@dataclass(frozen=True)
class Life:
    """Seconds: in all, and without being used."""

    whole: float
    idle: float

    def over(self, login: Login, now: float) -> bool:
        return now >= login.created_at + self.whole or now >= login.seen_at + self.idle


LIVES = {"browser": Life(30 * DAY, 7 * DAY), "device": Life(365 * DAY, 90 * DAY)}


class Logins:
    """Made by `open`; closed before the database. `ended` is called with the id of each login that is no more."""

    def __init__(self, database: Database, known: Iterable[Login], clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._by_token = {login.token_hash: login for login in known}
        self._seen: dict[str, tuple[float, str]] = {}
        self._tidying: asyncio.Task[None] | None = None
        self.ended: list[Callable[[str], None]] = []
        self.in_use: Callable[[], Iterable[str]] = tuple

    @classmethod
    async def open(cls, database: Database, clock: Callable[[], float] = time.time) -> Logins:
        opened = cls(database, await database.read(logins.listing), clock)
        await opened.tidy()
        opened._tidying = asyncio.create_task(opened._keep_tidy())
        return opened

    def find(self, token: str, kind: Kind, address: str) -> Login | None:
        """The login of a token, noted as used now; None when there is none of this kind, or not any more."""
        login = self._by_token.get(_hash(token))
        if login is None or login.kind != kind:
            return None
        now = self._clock()
        if LIVES[login.kind].over(self._fresh(login), now):
            return None
        self._seen[login.id] = (now, address)
        return login

    def listing(self) -> list[Login]:
        """The living, the one used last first."""
        now = self._clock()
        living = [fresh for login in self._by_token.values() if not LIVES[login.kind].over(fresh := self._fresh(login), now)]
        return sorted(living, key=lambda login: login.seen_at, reverse=True)

    async def add(self, kind: Kind, *, name: str, scopes: tuple[Scope, ...], address: str, agent: str) -> tuple[Login, str]:
        """A new login and its token, which nobody can tell again."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        login = Login(
            id=ids.login_id(),
            token_hash=_hash(token),
            kind=kind,
            name=name,
            scopes=scopes,
            profile="default",
            created_at=now,
            seen_at=now,
            address=address,
            agent=agent[:AGENT_AT_MOST],
        )
        await self._database.write(lambda c: logins.add(c, login))
        self._by_token[login.token_hash] = login
        return login, token

    async def end(self, login_id: str) -> Login:
        """Raises NotFound."""
        found = next((login for login in self._by_token.values() if login.id == login_id), None)
        if found is None:
            raise NotFound("There is no such login")
        await self._end([found])
        return found

    async def end_all(self, kinds: Iterable[Kind] = ("browser", "device"), *, but: str | None = None) -> int:
        """All logins of these kinds except one; how many there were."""
        wanted = tuple(kinds)
        found = [login for login in self._by_token.values() if login.kind in wanted and login.id != but]
        await self._end(found)
        return len(found)

    async def tidy(self) -> None:
        """Write down who was seen, and end what is over. A login whose event stream is open is in use."""
        now, open_now = self._clock(), frozenset(self.in_use())
        for login in self._by_token.values():
            if login.id in open_now:
                self._seen[login.id] = (now, self._fresh(login).address)
        seen, self._seen = self._seen, {}
        self._by_token = {key: _seen(login, seen) for key, login in self._by_token.items()}
        if seen:
            await self._database.write(lambda c: logins.seen(c, seen))
        await self._end([login for login in self._by_token.values() if LIVES[login.kind].over(self._fresh(login), now)])

    async def close(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tidying
        await self.tidy()

    async def _keep_tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            try:
                await self.tidy()
            except SQLAlchemyError:
                log.exception("who is logged in could not be written down; tried again in %.0f s", TIDY_S)

    async def _end(self, found: list[Login]) -> None:
        """At once for new requests; then for good; then for what is open."""
        for login in found:
            self._by_token.pop(login.token_hash, None)
        if found:
            await self._database.write(lambda c: logins.remove(c, [login.id for login in found]))
        for login in found:
            for told in self.ended:
                told(login.id)

    def _fresh(self, login: Login) -> Login:
        return _seen(login, self._seen)


def _seen(login: Login, times: dict[str, tuple[float, str]]) -> Login:
    if login.id not in times:
        return login
    at, address = times[login.id]
    return msgspec.structs.replace(login, seen_at=at, address=address)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
