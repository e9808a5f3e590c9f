"""Identifiers. Opaque to clients; short enough for file names and socket paths."""

from __future__ import annotations

import secrets


def session_id() -> str:
    """12 hexadecimal digits, as the existing clients know them."""
    return secrets.token_hex(6)


def run_id() -> str:
    return "r" + secrets.token_hex(10)


def branch_id() -> str:
    """Of every branch but a session's first one, which has the session's id."""
    return "b" + secrets.token_hex(10)


def login_id() -> str:
    """Names a login to its owner; not what lets anybody in."""
    return "l" + secrets.token_hex(8)


def worker_id() -> str:
    return secrets.token_hex(4)


def message_id(run: str, index: int) -> str:
    """Id of a transcript row of a run: 0 is the person's message, 1, 2, 3 ... what answered it."""
    return f"{run}.{index}"
