"""Turns of the gateway runtime without a server around it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from propylon.events import Event, Token, joined
from propylon.runtimes.base import Attachment, Batch, Context, Controls, Permissions, RunEnd, RunInput
from propylon.runtimes.failures import Failure, RuntimeFailure
from propylon.runtimes.gateway.runtime import SILENCES_S, GatewayRuntime, Given

_numbers = itertools.count(1)


@dataclass
class Played:
    """What a turn gave, in the order of its batches."""

    events: list[Event] = field(default_factory=list)
    end: RunEnd | None = None
    failed: Failure | None = None
    mark: int = 0

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Token))

    @property
    def failure(self) -> Failure | None:
        return self.failed or (self.end.failure if self.end else None)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Rig:
    """A runtime with notes and a home below `folder`, sending to the gateway at `base`."""

    def __init__(self, folder: Path, base: str, key: str, *, silences: tuple[float, ...] = SILENCES_S, **given: Any) -> None:
        self.folder = folder
        self.home = folder / "own-home"
        self.home.mkdir(exist_ok=True)
        self.workspace = folder / "work"
        self.workspace.mkdir(exist_ok=True)
        self.given = Given(backend="gateway", base_url=base, key=key, **given)
        self.runtime = GatewayRuntime(self.given, folder / "notes", lambda profile: self.home, silences)

    def input(
        self,
        text: str,
        *,
        branch: str = "",
        base: str | None = None,
        rows: list[dict[str, Any]] | None = None,
        model: str = "",
        provider: str = "",
        attachments: tuple[Attachment, ...] = (),
        permissions: Permissions | None = None,
        **more: Any,
    ) -> RunInput:
        async def load() -> list[dict[str, Any]]:
            return rows or []

        number = next(_numbers)
        return RunInput(
            run=f"run{number}",
            session=f"session{number}",
            branch=branch or f"branch{number}",
            profile="default",
            workspace=self.workspace,
            model=model,
            provider=provider,
            text=text,
            note="",
            context=Context(base=base, load=load),
            attachments=attachments,
            permissions=permissions or Permissions(),
            **more,
        )

    async def play(self, run: RunInput, controls: Controls | None = None, played: Played | None = None) -> Played:
        """To its end. `played` is filled as it goes."""
        return await follow(self.runtime.run(run, controls or Controls()), played)

    async def say(self, text: str, **fields: Any) -> Played:
        return await self.play(self.input(text, **fields))


async def follow(batches: AsyncGenerator[Batch], played: Played | None = None) -> Played:
    played = played or Played()
    try:
        async with aclosing(batches), asyncio.timeout(60):
            async for batch in batches:
                played.events += joined(batch.events)
                played.mark = max(played.mark, batch.mark)
                played.end = batch.end
    except RuntimeFailure as error:
        played.failed = error.failure
    return played


@asynccontextmanager
async def rig(folder: Path, base: str, key: str, **given: Any) -> AsyncGenerator[Rig]:
    made = Rig(folder, base, key, **given)
    try:
        yield made
    finally:
        await made.runtime.close()
