"""Addresses within our own pages: relative, so that they hold below any prefix, and never anybody else's. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

_NEXT = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")


def next_path(text: str | None) -> str:
    """Where to go after a login: one leading `/`, then neither `/` nor a backslash, no control characters; else the start page.

    The page's `nextPath` follows the same rule.
    """
    return text if text is not None and len(text) <= 2000 and _NEXT.fullmatch(text) else "/"


def relative(path: str, here: str) -> str:
    """`path` (with its leading `/`) as an address relative to the page at `here`."""
    up = "../" * (here.count("/") - 1)
    return (up + path.lstrip("/")) or "./"


def to_login(here: str, query: str) -> str:
    """The login page, which leads back."""
    wanted = next_path(f"{here}?{query}" if query else here)
    return f"{relative('/login', here)}?next={quote(wanted, safe='')}"
