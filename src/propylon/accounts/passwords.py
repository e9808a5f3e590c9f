"""Passwords: hashed with Argon2id, on threads of their own, because one guess takes 0.2 s and 64 MiB."""

from __future__ import annotations

import asyncio
import hmac
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 1024
"""Bytes of a password in UTF-8."""

SHORTEST_NEW = 8
"""Characters of a password that is set in the page."""

AT_ONCE = 2


def fits(given: object) -> bool:
    """Whether this can be a password at all: text of 1 to `LONGEST` bytes."""
    if not isinstance(given, str):
        return False
    try:
        return 1 <= len(given.encode()) <= LONGEST
    except UnicodeEncodeError:  # a lone surrogate
        return False


def same(given: str, expected: str) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(given.encode(), expected.encode())


class Hashing:
    """At most `AT_ONCE` hashes at a time, off the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, "password")

    async def hash(self, password: str) -> str:
        return await asyncio.wrap_future(self._threads.submit(self._hasher.hash, password))

    async def verify(self, stored: str, given: str) -> bool:
        return await asyncio.wrap_future(self._threads.submit(self._verify, stored, given))

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def _verify(self, stored: str, given: str) -> bool:
        try:
            return self._hasher.verify(stored, given)
        except (VerificationError, InvalidHashError):
            return False
