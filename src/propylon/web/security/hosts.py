"""Which names are ours. A page that got its name bound to our address (DNS rebinding) still sends its own name. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from propylon.web.security.refusal import Refusal

SETTING = "HERMES_WEBUI_ALLOWED_HOSTS"
_FORM = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class Host:
    """`name` in lower case, an IPv6 address in brackets; `port` is empty where none is named or it is a scheme's own."""

    name: str
    port: str

    def __str__(self) -> str:
        return f"{self.name}:{self.port}" if self.port else self.name


@lru_cache(maxsize=256)
def parse(text: str) -> Host | None:
    """A Host header, or None for what is none: empty, with a path, a user, a space ..."""
    found = _FORM.fullmatch(text) if len(text) <= 255 else None
    if found is None:
        return None
    name, port = found[1].lower(), found[2] or ""
    if name.startswith("[") and literal(name) is None:
        return None
    return Host(name, "" if port in ("80", "443") else port)


@lru_cache(maxsize=256)
def literal(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that `name` is, None for a real name."""
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None


def is_loopback(name: str) -> bool:
    address = literal(name)
    return name == "localhost" if address is None else address.is_loopback


def refused(text: str, allowed: frozenset[Host], *, literals: bool) -> Refusal | None:
    """`allowed` are the configured names; one without a port stands for every port. `literals`: addresses pass without being listed."""
    host = parse(text)
    if host is None:
        return Refusal(400, "malformed", "The Host header names no host", closes=True)
    if is_loopback(host.name) or host in allowed or Host(host.name, "") in allowed:
        return None
    if literals and literal(host.name) is not None:
        return None
    return Refusal(421, "host", f"This server does not answer to that name. If it should, add the name to {SETTING} and start it again.")
