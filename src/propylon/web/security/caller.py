"""Who asks, as the routes see it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from propylon.store.records import Login

RawHeaders = Iterable[tuple[bytes, bytes]]
KEY = "propylon.caller"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """`address` is the client's (behind listed proxies the one they name), `host` the checked Host, `prefix` the path a proxy took away.

    `login` is None for strangers, and for everybody where no password is set.
    """

    id: str
    address: str
    agent: str
    host: str
    secure: bool
    prefix: str
    login: Login | None = None

    @property
    def key(self) -> str:
        """What limits count: the login, else the address."""
        return self.login.id if self.login else self.address


def caller_of(scope: Scope) -> Caller:
    return cast(Caller, scope[KEY])


def values_of(headers: RawHeaders, name: bytes) -> list[str]:
    """All values of a header, in order; Latin-1, as HTTP has it. `name` is in lower case."""
    return [value.decode("latin-1") for key, value in headers if key == name]


def value_of(headers: RawHeaders, name: bytes) -> str | None:
    return next(iter(values_of(headers, name)), None)


def request_id() -> str:
    """For the person, the answer and the log: 10 letters that name one request."""
    return secrets.token_hex(5)
