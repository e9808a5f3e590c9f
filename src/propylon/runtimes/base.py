"""A way to execute a run.

A runtime turns a `RunInput` into batches of events. The caller takes a batch, makes it durable and only then asks for the next one:
resuming the iterator is the acknowledgement. The last batch, and only that one, carries the `RunEnd`.

Closing the iterator early abandons the run: with `controls.cancelled` set the agent is stopped, otherwise it is left running and may
be found again with `resume` (by this process or the next).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from propylon.events import Event, Usage
from propylon.runtimes.failures import Failure

Rows = list[dict[str, Any]]
"""Messages of the model context, in the agent's own shape."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The model context a run goes on from: the run that left it, and how to load it when the agent no longer holds it."""

    base: str | None
    load: Callable[[], Awaitable[Rows]]


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """What the agent may do in this session without asking: all (`yolo`), or what matches the pattern keys a person allowed before."""

    yolo: bool = False
    granted: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that goes with the person's message; `size` in bytes."""

    path: Path
    name: str
    mime: str
    size: int


@dataclass(frozen=True, kw_only=True)
class RunInput:
    """A turn in a `branch` of the session, which is another one after its past was changed.

    "" for `model`, `provider`, `personality` or `effort` (of reasoning) means the profile's own; `note` goes to the model beside the
    conversation and is never stored.
    """

    run: str
    session: str
    branch: str
    profile: str
    workspace: Path
    model: str
    provider: str
    text: str
    note: str
    context: Context
    attachments: tuple[Attachment, ...] = ()
    personality: str = ""
    effort: str = ""
    permissions: Permissions = field(default_factory=Permissions)


@dataclass(frozen=True, kw_only=True)
class ContextChange:
    """The context after the run: the first `keep` messages of the one it started from, then `rows`."""

    keep: int
    rows: Rows


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """How the agent says the run went. `context` is None when it could not say what it holds."""

    outcome: Literal["completed", "interrupted", "failed"]
    failure: Failure | None = None
    usage: Usage = field(default_factory=Usage)
    context: ContextChange | None = None
    model: str = ""
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Events in order. `mark` is the runtime's own cursor behind them, stored with them and handed back to `resume` (0: it has none)."""

    events: list[Event]
    mark: int = 0
    end: RunEnd | None = None


@dataclass(frozen=True, kw_only=True)
class AnswerApproval:
    """`choice` is once, session, always or deny; `reason` is what the agent is told of a denial."""

    question: str
    choice: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class AnswerClarify:
    question: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Steer:
    """A word to the agent at work. The same `id` again is the same word."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class SetYolo:
    """Let everything pass that would be asked for, and what waits now, or ask again from now on."""

    on: bool


Command = AnswerApproval | AnswerClarify | Steer | SetYolo
Obey = Callable[[Command], Awaitable[str]]
"""Passes a command on; "" when it was taken, else why not: `gone` for a question that is no longer open, or a sentence."""

NOT_LISTENING = "The agent is not listening yet"


class Controls:
    """What the owner of a run can tell its runtime while it runs."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self._obey: asyncio.Future[Obey] = asyncio.get_running_loop().create_future()

    def listen(self, obey: Obey) -> None:
        """Called by the runtime once it can pass commands on."""
        if not self._obey.done():
            self._obey.set_result(obey)

    async def tell(self, command: Command, within: float) -> str:
        """What `Obey` answers; waits at most `within` seconds for the runtime to listen, and as long again for its answer."""
        try:
            obey = await asyncio.wait_for(asyncio.shield(self._obey), within)
            return await asyncio.wait_for(obey(command), within)
        except TimeoutError:
            return NOT_LISTENING


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a runtime can do; what it cannot is refused with a reason, never skipped in silence."""

    survives_restart: bool = False
    approvals: bool = False
    clarify: bool = False
    steer: bool = False


Batches = AsyncGenerator[Batch]


class Runtime(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...

    def run(self, run: RunInput, controls: Controls) -> Batches:
        """Start the run. Raises RuntimeFailure when it cannot be started or its owner is gone."""
        ...

    async def title(self, session: str, said: str, answer: str) -> str:
        """A title for a session that begins with this exchange; "" when there is none to be had."""
        ...

    def resume(self, run: str, session: str, mark: int, controls: Controls) -> Batches | None:
        """Go on with a run that an earlier process left, after the batch marked `mark`; None when nobody holds it any more."""
        ...
