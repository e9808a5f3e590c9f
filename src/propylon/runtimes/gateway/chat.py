"""A turn as a chat completion: what every gateway offers. Closing the connection stops it; nothing of it survives this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from propylon.runtimes.base import Command, RunEnd, SetYolo, Steer
from propylon.runtimes.failures import RuntimeFailure
from propylon.runtimes.gateway import faults
from propylon.runtimes.gateway.attachments import check_body
from propylon.runtimes.gateway.client import Client, Endpoint, body_of
from propylon.runtimes.gateway.feed import Feed
from propylon.runtimes.gateway.history import Message
from propylon.runtimes.gateway.sse import Decoder, TooLong
from propylon.runtimes.gateway.translate import Chat

PATH = "/v1/chat/completions"

TAIL_S = 0.25
"""How long the end of an answer's body is waited for after its last word, so that the connection can be used again."""

NO_APPROVALS = (
    "This turn goes to the gateway as a chat completion, which cannot ask for permission: commands that need it are refused there."
)
UNSUPPORTED = "The gateway cannot be told this over a chat completion"


@dataclass(frozen=True, kw_only=True)
class Request:
    """`session` is the gateway's session, `owner` ours. `messages` ends with the person's."""

    session: str
    owner: str
    model: str
    provider: str
    messages: list[Message]

    def body(self) -> bytes:
        """Raises RuntimeFailure when the gateway would refuse it for its size."""
        fields: dict[str, Any] = {"model": self.model or "default", "stream": True, "messages": self.messages}
        if self.provider:
            fields["provider"] = self.provider
        encoded = body_of(fields)
        check_body(encoded)
        return encoded


class ChatTurn:
    """`accepted` is called when the gateway has taken the turn, so that its session holds the message."""

    def __init__(self, client: Client, endpoint: Endpoint, run: str, request: Request, accepted: Callable[[], None]) -> None:
        self._client = client
        self._endpoint = endpoint
        self._request = request
        self._accepted = accepted
        self._chat = Chat(run, endpoint.key)
        self._reading: asyncio.Task[None] | None = None
        self._failed: RuntimeFailure | None = None
        self.feed = Feed()

    @property
    def working(self) -> bool:
        return self._chat.working

    def begin(self) -> None:
        """Send the turn, and hear its answer in the background."""
        self._reading = asyncio.create_task(self._read_all())

    async def leave(self, *, ended: bool, cancelled: bool) -> None:
        """Close the connection, which stops the turn, unless the gateway has said its last word."""
        if not self._chat.done and self._reading is not None:
            self._reading.cancel()
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def obey(self, command: Command) -> str:
        """Why a chat completion cannot do what it is told."""
        return UNSUPPORTED if isinstance(command, SetYolo | Steer) else "gone"

    def end(self) -> RunEnd:
        """Once the feed is closed. Raises RuntimeFailure."""
        if self._failed is not None:
            raise self._failed
        return self._chat.end()

    async def _read_all(self) -> None:
        """Raises nothing but CancelledError: what went wrong is told by `end`."""
        try:
            await self._read()
        except RuntimeFailure as error:
            self._failed = error
        except (httpx2.HTTPError, httpx2.InvalidURL, TooLong, OSError) as error:
            if not self._chat.done:
                self._failed = RuntimeFailure(faults.of_error(error, self._endpoint.key))
        finally:
            self.feed.close()

    async def _read(self) -> None:
        headers = self._endpoint.headers(self._request.session, self._request.owner)
        decoder = Decoder()
        async with self._client.stream(self._endpoint, "POST", PATH, headers, self._request.body()) as answer:
            self._accepted()
            pieces = answer.aiter_raw()
            async for data in pieces:
                self.feed.put(self._chat.feed(decoder.feed(data)))
                if self._chat.done:
                    self.feed.close()
                    break
                await self.feed.room()
            try:
                async with asyncio.timeout(TAIL_S):
                    async for _ in pieces:
                        pass
            except TimeoutError:
                return
