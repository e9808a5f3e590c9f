"""The cookie that holds a login's token, in and out. Pure."""

from __future__ import annotations

from propylon.web.security.caller import Caller, RawHeaders, values_of

NAME = "hermes_session"
HOST_NAME = f"__Host-{NAME}"
"""On TLS: a browser takes it only from us, for this host and all paths."""

_BEARER = "bearer "
MOST = 4


def name_for(caller: Caller) -> str:
    return HOST_NAME if caller.secure and not caller.prefix else NAME


def tokens(headers: RawHeaders, name: str) -> list[str]:
    """What the cookies of that name hold. There may be several, of several paths; more than `MOST` are no accident and not looked at."""
    pairs = (pair.strip().partition("=") for value in values_of(headers, b"cookie") for pair in value.split(";"))
    return [value for key, _, value in pairs if key == name][:MOST]


def bearer(headers: RawHeaders) -> str | None:
    """The token of an `Authorization: Bearer` header."""
    found = values_of(headers, b"authorization")
    return found[0][len(_BEARER) :].strip() if found and found[0].lower().startswith(_BEARER) else None


def cookie(caller: Caller, token: str, lasts: int) -> str:
    """The Set-Cookie header. `lasts` in seconds; 0 and an empty token take the cookie away."""
    name = name_for(caller)
    path = "/" if name == HOST_NAME else f"{caller.prefix}/"
    return f"{name}={token}; Max-Age={lasts}; Path={path}; HttpOnly; SameSite=Lax{'; Secure' if caller.secure else ''}"
