"""What a reverse proxy says of its client. Nobody else is believed. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from propylon.web.security.caller import RawHeaders, value_of, values_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix", b"x-real-ip", b"forwarded"})
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """`host` is the name that the proxy was asked for, empty where it says none; `believed`: what is said comes from a listed proxy."""

    address: str
    secure: bool = False
    host: str = ""
    prefix: str = ""
    believed: bool = False


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas. Raises ValueError with a sentence; `*` and networks of everything are none."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            network = ipaddress.ip_network(part)
        except ValueError as error:
            raise ValueError(f"'{part}' is neither an address nor a network") from error
        if network.prefixlen == 0:
            raise ValueError(f"'{part}' would trust everybody")
        found.append(network)
    return tuple(found)


def peer_of(socket_address: str, headers: RawHeaders, trusted: Iterable[Network]) -> Peer:
    """The client behind the socket. The last address that is no proxy of ours counts: what stands before it is the client's own say."""
    trusted = tuple(trusted)
    if not trusted or not _listed(socket_address, trusted):
        return Peer(address=socket_address)
    headers = list(headers)
    chain = [part.strip() for value in values_of(headers, b"x-forwarded-for") for part in value.split(",")]
    address = socket_address
    for part in reversed(chain):
        if _address(part) is None:
            break
        address = part
        if not _listed(part, trusted):
            break
    prefix = value_of(headers, b"x-forwarded-prefix") or ""
    return Peer(
        address=address,
        secure=value_of(headers, b"x-forwarded-proto") == "https",
        host=value_of(headers, b"x-forwarded-host") or "",
        prefix=prefix.rstrip("/") if _PREFIX.fullmatch(prefix) else "",
        believed=True,
    )


def _listed(text: str, trusted: tuple[Network, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in trusted)


@lru_cache(maxsize=1024)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
