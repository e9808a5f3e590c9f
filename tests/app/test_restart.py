"""What a server finds of the one before it; the runtime here does not survive it, so runs end as interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.conftest import Serve, saying
from propylon.events import StreamEnd, Token
from propylon.runlog.sqlite import SqliteRunLog
from propylon.runtimes.base import Batch, Controls, RunInput
from support.serving import collected, frames, new_session, rows, send


async def endless(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
    yield Batch(events=[Token(text="half")])
    await asyncio.Event().wait()


async def test_a_run_whose_owner_is_gone_is_closed_as_interrupted(serve: Serve) -> None:
    async with serve(endless) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        async for _ in frames(client, run):
            break
    async with serve(saying(Token(text="again"))) as client:
        found = await collected(client, run, after_seq=0)
        assert [frame.event for frame in found] == ["token", "apperror"]
        assert found[1].data["type"] == "interrupted"
        stored = await rows(client, session)
        assert (stored[1]["content"], stored[1]["_partial"]) == ("half", True)
        await collected(client, await send(client, session, "next"))
        assert (await rows(client, session))[-1]["content"] == "again"


async def test_a_run_stored_but_not_yet_told_is_told_after_the_start(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server dies between the rows and the last events; the log is completed from the rows."""
    append = SqliteRunLog.append
    reached = asyncio.Event()

    async def dies(self: SqliteRunLog, run: str, events: list[object], mark: int = 0) -> int:
        if any(isinstance(event, StreamEnd) for event in events):
            reached.set()
            await asyncio.Event().wait()
        return await append(self, run, events, mark)  # type: ignore[arg-type]

    monkeypatch.setattr("propylon.runs.runner.Runner.detach", _let_go)
    monkeypatch.setattr(SqliteRunLog, "append", dies)
    async with serve(saying(Token(text="whole"))) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        await asyncio.wait_for(reached.wait(), 10)
    monkeypatch.setattr(SqliteRunLog, "append", append)
    async with serve(saying()) as client:
        found = await collected(client, run, after_seq=0)
        assert [frame.event for frame in found] == ["token", "done", "stream_end"]
        assert [row["content"] for row in await rows(client, session)] == ["go", "whole"]


async def _let_go(self: object) -> None:
    return None


async def test_a_run_that_said_nothing_yet_is_closed_too(serve: Serve) -> None:
    async def silent(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        await asyncio.Event().wait()
        yield Batch(events=[])

    async with serve(silent) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
    async with serve(saying()) as client:
        assert [frame.event for frame in await collected(client, run, after_seq=0)] == ["apperror"]
        assert [row["role"] for row in await rows(client, session)] == ["user", "assistant"]
