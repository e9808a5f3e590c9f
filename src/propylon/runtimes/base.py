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
class RunInput:
    run: str
    session: str
    profile: str
    workspace: Path
    model: str
    provider: str
    text: str
    note: str
    context: Context


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


@dataclass(kw_only=True)
class Controls:
    """What the owner of a run can tell its runtime while it runs."""

    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    survives_restart: bool = False


Batches = AsyncGenerator[Batch]


class Runtime(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...

    def run(self, run: RunInput, controls: Controls) -> Batches:
        """Start the run. Raises RuntimeFailure when it cannot be started or its owner is gone."""
        ...

    def resume(self, run: str, session: str, mark: int, controls: Controls) -> Batches | None:
        """Go on with a run that an earlier process left, after the batch marked `mark`; None when nobody holds it any more."""
        ...
