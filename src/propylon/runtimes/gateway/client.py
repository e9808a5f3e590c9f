"""HTTP to a gateway: one shared pool, no redirects, no proxies from the environment, nothing of a browser's request ever sent on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec

from propylon.runtimes.failures import RuntimeFailure
from propylon.runtimes.gateway import faults
from propylon.runtimes.gateway.transport import Transport
from propylon.runtimes.gateway.values import parsed

RUNS = 128
"""Runs that may be at work at once without waiting for a connection."""

INACTIVE_S = 600.0
"""A stream on which nothing comes for that long is dead; a gateway sends a comment every 30 s."""

CONNECT_S = 10.0
KEPT_S = 30.0
QUICK_S = 15.0
"""For answers that take no agent."""

ANSWER_BYTES = 16 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Endpoint:
    """A checked base URL and the key for it, "" for none."""

    base: str
    key: str

    def headers(self, session: str = "", owner: str = "") -> dict[str, str]:
        """`session` names the conversation at the gateway; `owner` is the session here, told only to a gateway that knows us."""
        found = {"Accept": "application/json"}
        if session:
            found["X-Hermes-Session-Id"] = session
        if self.key:
            found["Authorization"] = f"Bearer {self.key}"
            if owner:
                found["X-Hermes-Session-Key"] = f"webui:{owner}"
        return found


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes

    @property
    def value(self) -> Any:
        """What the body says; None when it is no JSON."""
        return parsed(self.body)


class Client:
    """Bounded by twice the runs: each may have its stream open and ask something beside it."""

    def __init__(self) -> None:
        self._http = httpx2.AsyncClient(
            transport=Transport(limit=2 * RUNS, kept_s=KEPT_S),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(INACTIVE_S, connect=CONNECT_S, pool=CONNECT_S),
            headers={"Accept-Encoding": "identity", "User-Agent": "propylon"},
        )

    @asynccontextmanager
    async def stream(
        self, endpoint: Endpoint, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncGenerator[httpx2.Response]:
        """An answer as it comes; leaving closes the connection when the answer is not over. Raises RuntimeFailure for a refusal."""
        sent = {**headers, "Accept": "text/event-stream"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        async with self._http.stream(method, endpoint.base + path, headers=sent, content=body) as answer:
            if answer.status_code != 200:
                raise RuntimeFailure(faults.of_status(answer.status_code, await _start(answer), endpoint.key, answer.reason_phrase))
            yield answer

    async def ask(
        self, endpoint: Endpoint, method: str, path: str, value: Any = None, *, owner: str = "", most: int = ANSWER_BYTES
    ) -> Reply:
        """A short question, whatever the status of its answer. Raises httpx2.HTTPError; an answer longer than `most` bytes is cut."""
        headers = endpoint.headers(owner=owner)
        if value is not None:
            headers["Content-Type"] = "application/json"
        content = None if value is None else _encode(value)
        async with self._http.stream(method, endpoint.base + path, headers=headers, content=content, timeout=QUICK_S) as answer:
            return Reply(answer.status_code, await _start(answer, most))

    async def close(self) -> None:
        await self._http.aclose()


def body_of(value: Any) -> bytes:
    return _encode(value)


async def _start(answer: httpx2.Response, most: int = faults.BODY_BYTES) -> bytes:
    """The first bytes of a body; the rest is never read."""
    pieces: list[bytes] = []
    length = 0
    async for piece in answer.aiter_bytes():
        pieces.append(piece)
        length += len(piece)
        if length >= most:
            break
    return b"".join(pieces)[:most]
