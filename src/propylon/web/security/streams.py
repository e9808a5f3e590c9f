"""The open event streams: how many there are of whom, and how they end when their login does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

PER_LOGIN = 2_000
IN_ALL = 8_000


class Streams:
    def __init__(self, per_login: int = PER_LOGIN, in_all: int = IN_ALL) -> None:
        self._per_login = per_login
        self._in_all = in_all
        self._open: dict[asyncio.Future[None], str] = {}
        self._count: Counter[str] = Counter()

    def __iter__(self) -> Iterator[asyncio.Future[None]]:
        return iter(list(self._open))

    def __len__(self) -> int:
        return len(self._open)

    def full(self, key: str) -> bool:
        """Whether one more of this login, or address, is too much."""
        return len(self._open) >= self._in_all or self._count[key] >= self._per_login

    def add(self, stream: asyncio.Future[None], key: str) -> None:
        self._open[stream] = key
        self._count[key] += 1

    def discard(self, stream: asyncio.Future[None]) -> None:
        key = self._open.pop(stream, None)
        if key is not None:
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]

    def owners(self) -> frozenset[str]:
        """Whose streams are open."""
        return frozenset(self._count)

    def end(self, key: str) -> None:
        """Close all streams of a login that is no more."""
        for stream, owner in list(self._open.items()):
            if owner == key:
                stream.cancel()
