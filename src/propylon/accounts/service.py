"""Accounts: one person, one password, many logins. The only way in."""

from __future__ import annotations

import contextlib
import time
from typing import Protocol

from propylon.accounts.audit import Audit
from propylon.accounts.logins import ALL_SCOPES, Logins
from propylon.accounts.passwords import LONGEST, SHORTEST_NEW, Hashing, fits, same
from propylon.accounts.throttle import Throttle
from propylon.errors import Invalid, NotAllowed, NotFound, TooOften, WrongPassword
from propylon.store import settings
from propylon.store.engine import Database
from propylon.store.records import Login, Scope

PASSWORD = "password_hash"
"""Name of the settings row with the Argon2id hash."""

MOST_DEVICES = 100
NAME_AT_MOST = 80


class Client(Protocol):
    """Who asks."""

    @property
    def address(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def login(self) -> Login | None: ...


class Accounts:
    """Made by `open`. Without a password everybody is let in, and `enabled` is false."""

    def __init__(self, database: Database, logins: Logins, audit: Audit, environment: str | None, stored: str | None) -> None:
        self._database = database
        self._environment = environment
        self._stored = stored
        self._changes = 0
        self._hashing = Hashing()
        self._throttle = Throttle()
        self._locked_out: dict[str, float] = {}
        self.logins = logins
        self.audit = audit

    @classmethod
    async def open(cls, database: Database, environment: str | None) -> Accounts:
        """`environment`: the password that the environment names; it beats the stored one."""
        stored = await database.read(lambda c: settings.get(c, PASSWORD))
        return cls(database, await Logins.open(database), Audit(database), environment, stored)

    @property
    def enabled(self) -> bool:
        return self._environment is not None or self._stored is not None

    @property
    def from_environment(self) -> bool:
        return self._environment is not None

    async def log_in(self, password: object, client: Client) -> tuple[Login, str]:
        """A new login of this browser and its token; its old one ends. Raises TooOften and WrongPassword."""
        change = self._changes
        await self._prove(password, client)
        if client.login is not None and client.login.kind == "browser":
            with contextlib.suppress(NotFound):
                await self.logins.end(client.login.id)
        opened = await self.logins.add("browser", name="", scopes=ALL_SCOPES, address=client.address, agent=client.agent)
        if change != self._changes:  # the password was changed while this one was looked at
            await self.logins.end(opened[0].id)
            raise WrongPassword("This is not the password any more")
        await self.audit.note("logged_in", client, new=opened[0].id)
        return opened

    async def log_out(self, client: Client) -> None:
        if client.login is not None:
            await self.logins.end(client.login.id)
            await self.audit.note("logged_out", client)

    async def revoke(self, login_id: str, client: Client) -> None:
        """Raises NotFound."""
        ended = await self.logins.end(login_id)
        await self.audit.note("login_revoked", client, login=ended.id, kind=ended.kind)

    async def log_out_everywhere(self, client: Client) -> int:
        """All browsers and devices but the one that asks; how many there were."""
        count = await self.logins.end_all(but=client.login.id if client.login else None)
        await self.audit.note("all_logged_out", client, count=count)
        return count

    async def set_password(self, new: str, current: object, client: Client) -> tuple[Login, str]:
        """Every login ends; a new one of the browser that asks, and its token.

        Raises NotAllowed where the environment names the password, Invalid for a bad new one, TooOften and WrongPassword for `current`.
        """
        if self._environment is not None:
            raise NotAllowed("The password is set by HERMES_WEBUI_PASSWORD; change it there")
        if not fits(new) or len(new) < SHORTEST_NEW:
            raise Invalid(f"new: a password has at least {SHORTEST_NEW} characters and at most {LONGEST} bytes")
        if self.enabled:
            await self._prove(current, client)
        self._changes += 1
        await self._store(await self._hashing.hash(new))
        count = await self.logins.end_all()
        opened = await self.logins.add("browser", name="", scopes=ALL_SCOPES, address=client.address, agent=client.agent)
        await self.audit.note("password_set", client, ended=count, new=opened[0].id)
        return opened

    async def add_device(self, name: str, scopes: tuple[Scope, ...], client: Client) -> tuple[Login, str]:
        """A token for a script or another device, told once. Raises NotAllowed and Invalid."""
        if not self.enabled:
            raise NotAllowed("Without a password nobody needs a token; set a password first")
        if sum(login.kind == "device" for login in self.logins.listing()) >= MOST_DEVICES:
            raise Invalid(f"There are {MOST_DEVICES} device tokens already; revoke one first")
        added = await self.logins.add("device", name=name, scopes=scopes, address="", agent="")
        await self.audit.note("device_added", client, device=added[0].id, name=name, scopes=list(scopes))
        return added

    async def close(self) -> None:
        await self.logins.close()
        self._hashing.close()

    async def _prove(self, password: object, client: Client) -> None:
        """Counted before anything is looked at."""
        try:
            await self._throttle.attempt(client.address)
        except TooOften as error:
            await self._note_lockout(client, error.after)
            raise
        if not fits(password) or not isinstance(password, str) or not await self._is_right(password):
            await self.audit.note("login_failed", client)
            raise WrongPassword("This is not the password")
        self._throttle.succeeded(client.address)

    async def _is_right(self, password: str) -> bool:
        if self._environment is not None:
            return same(password, self._environment)
        stored = self._stored
        if stored is None or not await self._hashing.verify(stored, password):
            return False
        if self._hashing.outdated(stored):
            await self._store(await self._hashing.hash(password))
        return True

    async def _store(self, hashed: str) -> None:
        await self._database.write(lambda c: settings.put(c, PASSWORD, hashed, at=time.time()))
        self._stored = hashed

    async def _note_lockout(self, client: Client, seconds: int) -> None:
        """Once for each time an address is locked out: a line for every refused guess would let a stranger fill the log."""
        now = time.monotonic()
        self._locked_out = {address: until for address, until in self._locked_out.items() if until > now}
        if client.address not in self._locked_out:
            self._locked_out[client.address] = now + seconds
            await self.audit.note("locked_out", client, seconds=seconds)
