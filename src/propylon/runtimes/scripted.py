"""A runtime that plays a list of events: for tests and for measuring everything around the agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable

from propylon.runtimes.base import Batch, Batches, Capabilities, ContextChange, Controls, RunEnd, RunInput

Script = Callable[[RunInput, Controls], AsyncIterator[Batch]]


class ScriptedRuntime:
    """Every run plays what `script` yields; without a RunEnd of its own the run completes."""

    capabilities = Capabilities(approvals=True, clarify=True, steer=True)

    def __init__(self, script: Script) -> None:
        self._script = script

    async def title(self, session: str, said: str, answer: str) -> str:
        return ""

    async def run(self, run: RunInput, controls: Controls) -> Batches:
        async for batch in self._script(run, controls):
            yield batch
            if batch.end:
                return
        yield Batch(events=[], end=completed(run))

    def resume(self, run: str, session: str, mark: int, controls: Controls) -> Batches | None:
        return None


def completed(run: RunInput, answer: str = "") -> RunEnd:
    """A success whose context is the turn itself."""
    rows = [{"role": "user", "content": run.text}, {"role": "assistant", "content": answer}]
    return RunEnd(outcome="completed", context=ContextChange(keep=1 << 30, rows=rows))


def playing(batches: Iterable[Batch]) -> Script:
    """The same batches for every run."""
    held = list(batches)

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        for batch in held:
            yield batch

    return script
