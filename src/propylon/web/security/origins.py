"""Writes that a browser sends for somebody else's page. Pure.

Browsers say where a request comes from; a client that is no browser says nothing and is let through: it holds no cookie that a page
could abuse. Every statement that is there must be right.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from propylon.web.security.caller import RawHeaders, values_of
from propylon.web.security.hosts import Host, parse
from propylon.web.security.refusal import Refusal

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def cross_site(headers: RawHeaders, own: Iterable[Host]) -> Refusal | None:
    """For requests that change something. `own`: the hosts, with their ports, that a page of ours can come from."""
    headers = list(headers)
    sites = values_of(headers, b"sec-fetch-site")
    if any(site not in ("same-origin", "none") for site in sites):
        return _foreign()
    origins = values_of(headers, b"origin")
    stated = origins or values_of(headers, b"referer")
    hosts = frozenset(own)
    if any(_host(text, whole=bool(origins)) not in hosts for text in stated):
        return _foreign()
    return None


def ours(asked: Iterable[Host], listed: Iterable[Host]) -> frozenset[Host]:
    """What our pages can come from: the host that was asked for, and listed names that a proxy may have replaced by another.

    A listed name that was asked for counts with the port that was asked for alone: another port is another server.
    """
    here = frozenset(asked)
    names = {host.name for host in here}
    return here | {host for host in listed if host.name not in names}


def _host(text: str, *, whole: bool) -> Host | None:
    """The host of an origin (`whole`: nothing may follow it) or of an address; None for what is neither, `null` among them."""
    if any(character <= " " or character == "\\" for character in text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc or (whole and text != f"{parts.scheme}://{parts.netloc}"):
        return None
    return parse(parts.netloc)


def _foreign() -> Refusal:
    return Refusal(403, "cross_site", "A page of another site cannot do this here")
