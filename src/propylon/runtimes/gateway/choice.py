"""Whether a profile's runs go through a gateway, and through which. Pure: the environment's values and the configuration are arguments."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from propylon.runtimes.gateway.values import mapping

DEFAULT_BASE_URL = "http://127.0.0.1:8642"
WORDS = frozenset({"gateway", "api_server", "api-server"})

Backend = Literal["gateway", "legacy"]


class BadAddress(ValueError):
    """A base URL that must not be used, with the reason in one sentence. Never holds a secret."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """What anybody may know: presences, never the address or the key."""

    enabled: bool
    backend: Backend
    base_url_configured: bool
    api_key_configured: bool


def backend(given: str | None, config: Any) -> Backend:
    """`given` is the environment's word, None or "" when there is none; any other word of its, blank ones too, masks the configuration.

    Only the strict words choose the gateway: sending a conversation elsewhere is never guessed from something truthy.
    """
    word = given or mapping(config).get("webui_chat_backend")
    return "gateway" if isinstance(word, str) and word.strip().lower() in WORDS else "legacy"


def base_url(given: str | None, config: Any) -> str:
    """Environment, then configuration, then the gateway's default; without a slash at its end."""
    configured = mapping(config).get("webui_gateway_base_url")
    found = given or (configured if isinstance(configured, str) else "")
    return found.strip().rstrip("/") or DEFAULT_BASE_URL


def status(given: str | None, given_url: str | None, key: str, config: Any) -> Status:
    chosen = backend(given, config)
    configured = mapping(config).get("webui_gateway_base_url")
    url = given_url or (configured if isinstance(configured, str) else "")
    return Status(
        enabled=chosen == "gateway",
        backend=chosen,
        base_url_configured=bool(url.strip().rstrip("/")),
        api_key_configured=bool(key),
    )


def checked(url: str, *, allow_plain_http: bool) -> str:
    """The address, if a key and a conversation may be sent there: https, or plain http on this machine. Raises BadAddress."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadAddress("The gateway's address is no URL.") from error
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise BadAddress("The gateway's address must begin with https:// or http:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("The gateway's address must not hold a user name or password; the key has a setting of its own.")
    if parts.query or parts.fragment:
        raise BadAddress("The gateway's address must end with its host, port or path.")
    if parts.scheme == "http" and not (allow_plain_http or loopback(host)):
        raise BadAddress(
            "The gateway's address is plain http to another machine, so that the key and the conversation could be read on the way."
        )
    return url


def loopback(host: str) -> bool:
    """By the numbers, or the one name that always means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
