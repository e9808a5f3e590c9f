"""Behaviours of the streaming engine that are the server's own, by their numbers; the runtime is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.asking import Asker, approval, clarify
from app.conftest import Serve, saying
from propylon.events import (
    Answer,
    Compressed,
    Event,
    Reasoning,
    Status,
    Subagent,
    Token,
    ToolFinished,
    ToolStarted,
    Usage,
)
from propylon.runtimes.base import Batch, Controls, RunEnd, RunInput
from propylon.runtimes.failures import RuntimeFailure, failure
from propylon.runtimes.scripted import completed
from support.serving import collected, first_token, frames, new_session, rows, send

OUTCOMES = ("done", "cancel", "apperror", "error")


async def test_b3_a_frame_is_three_lines_of_raw_utf8(serve: Serve) -> None:
    async with serve(saying(Token(text="größer — 大\n"))) as client:
        session = await new_session(client)
        run = await send(client, session, "sprich")
        answer = await client.get("/api/chat/stream", params={"stream_id": run, "after_seq": 0})
        assert answer.headers["content-type"].startswith("text/event-stream")
        first = answer.content.split(b"\n\n")[0]
        assert first == f'id: {run}:1\nevent: token\ndata: {{"text":"größer — 大\\n"}}'.encode()


async def test_b6_b49_a_stream_that_is_not_known_is_404(serve: Serve) -> None:
    async with serve(saying()) as client:
        answer = await client.get("/api/chat/stream", params={"stream_id": "nothere"})
        assert (answer.status_code, answer.json()["error"]) == (404, "stream not found")


async def test_b7_once_stopped_only_the_end_is_told(serve: Serve) -> None:
    async def stubborn(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="before")])
        await controls.cancelled.wait()
        yield Batch(events=[Token(text="after"), Status(text="still here")])
        yield Batch(events=[], end=completed(run))

    async with serve(stubborn) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        await first_token(client, run)
        await client.post("/api/chat/cancel", json={"stream_id": run})
        assert [frame.event for frame in await collected(client, run, after_seq=0)] == ["token", "cancel"]


async def test_b9_stopped_before_it_began_nothing_else_happens(serve: Serve) -> None:
    async def slow(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        await controls.cancelled.wait()
        yield Batch(events=[Token(text="never")])

    async with serve(slow) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
        assert [frame.event for frame in await collected(client, run, after_seq=0)] == ["cancel"]
        detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
        assert detail["active_stream_id"] is None and detail["messages"][0]["content"] == "go"


async def test_b35_times_never_go_backwards(serve: Serve) -> None:
    async with serve(saying(Token(text="a"), ToolStarted(tid="t", name="x"), ToolFinished(tid="t", name="x"), Token(text="b"))) as client:
        session = await new_session(client)
        for _ in range(3):
            await collected(client, await send(client, session, "go"))
        times = [row["timestamp"] for row in await rows(client, session)]
        assert times == sorted(times) and all(isinstance(time, float) for time in times)


ENDS = {
    "completed": ("completed", None),
    "failed": ("failed", failure("auth")),
    "interrupted": ("interrupted", failure("interrupted")),
}


@pytest.mark.parametrize("how", [*ENDS, "raises", "silent", "refused"])
async def test_b39_b46_every_end_leaves_the_session_free(serve: Serve, how: str) -> None:
    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="x")])
        if how == "raises":
            raise ValueError("boom")
        if how == "refused":
            raise RuntimeFailure(failure("capacity"))
        if how in ENDS:
            outcome, why = ENDS[how]
            yield Batch(events=[], end=RunEnd(outcome=outcome, failure=why))  # type: ignore[arg-type]

    async with serve(script) as client:
        session = await new_session(client)
        found = await collected(client, await send(client, session, "go"), after_seq=0)
        assert sum(frame.event in OUTCOMES for frame in found) == 1
        detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
        assert detail["active_stream_id"] is None and detail["is_streaming"] is False
        assert detail["pending_user_message"] is None and detail["pending_attachments"] == [] and detail["pending_started_at"] is None
        assert (await client.get("/health")).json()["active_streams"] == 0
        await send(client, session, "again")


async def test_b42_b44_done_tells_usage_and_the_window(serve: Serve) -> None:
    usage = Usage(
        input_tokens=10, output_tokens=5, context_length=128_000, threshold_tokens=64_000, last_prompt_tokens=10, estimated_cost=0.5
    )

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="x")])
        yield Batch(events=[], end=RunEnd(outcome="completed", usage=usage))

    async with serve(script) as client:
        session = await new_session(client)
        for turn in (1, 2):
            found = await collected(client, await send(client, session, "go"), after_seq=0)
            done = next(frame.data for frame in found if frame.event == "done")
            assert done["usage"]["input_tokens"] == 10 and done["usage"]["context_length"] == 128_000
            assert (done["session"]["input_tokens"], done["session"]["estimated_cost"]) == (10 * turn, 0.5 * turn)


async def test_b50_a_stop_by_get_and_by_post_are_the_same(serve: Serve) -> None:
    async def waiting(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="x")])
        await controls.cancelled.wait()

    async with serve(waiting) as client:
        session = await new_session(client)
        for method in ("GET", "POST"):
            run = await send(client, session, "go")
            await first_token(client, run)
            assert (await client.get("/api/chat/stream/status", params={"stream_id": run})).json()["active"] is True
            sent = {"params": {"stream_id": run}} if method == "GET" else {"json": {"stream_id": run}}
            answer = await client.request(method, "/api/chat/cancel", **sent)  # type: ignore[arg-type]
            assert answer.json() == {"ok": True, "cancelled": True, "stream_id": run}
            again = await client.request(method, "/api/chat/cancel", **sent)  # type: ignore[arg-type]
            assert again.json()["cancelled"] is False
            assert (await client.get("/api/chat/stream/status", params={"stream_id": run})).json()["active"] is False


EVERYTHING: tuple[Event, ...] = (
    Reasoning(text="hm "),
    Token(text="Let me see. "),
    Status(text="Trying again", level="warn"),
    ToolStarted(tid="t1", name="delegate_task", args={"goal": "look"}, at=5.0),
    Subagent(tid="t1", id="a", step="start", goal="look", at=5.5),
    Subagent(tid="t1", id="a", step="tool", name="terminal", preview="ls", at=5.6),
    Subagent(tid="t1", id="a", step="end", status="completed", duration=1.0, summary="seen"),
    ToolFinished(tid="t1", name="delegate_task", result="seen", result_size=4, duration=1.5),
    Compressed(message="shorter", count=1),
    Token(text="It is "),
    Answer(text="It is there."),
)


async def test_b59_one_outcome_then_nothing_and_the_same_for_every_viewer(serve: Serve) -> None:
    asker = Asker(approval("q1"), clarify("q2"), last=EVERYTHING)
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "everything")
        live = [asyncio.create_task(collected(client, run, after_seq=0)) for _ in range(3)]
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "clarify":
                break
        await client.post("/api/approval/respond", json={"session_id": session, "choice": "once"})
        await client.post("/api/clarify/respond", json={"session_id": session, "response": "yes"})
        found = await asyncio.gather(*live)
        assert found[0] == found[1] == found[2] == await collected(client, run, after_seq=0)
        names = [frame.event for frame in found[0]]
        assert sum(name in OUTCOMES for name in names) == 1 and names[-2:] == ["done", "stream_end"]


async def test_b60_the_stored_transcript_has_all_that_was_shown(serve: Serve) -> None:
    asker = Asker(approval("q1"), clarify("q2"), last=EVERYTHING)
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "everything")
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "clarify":
                break
        await client.post("/api/approval/respond", json={"session_id": session, "choice": "deny", "reason": "not now"})
        await client.post("/api/clarify/respond", json={"session_id": session, "response": "yes"})
        await collected(client, run)
        stored = await rows(client, session)
        everything = str(stored)
        for said in (
            "everything",
            "hm ",
            "Let me see. ",
            "Trying again",
            "delegate_task",
            "seen",
            "shorter",
            "It is there.",
            "not now",
            "'yes'",
        ):
            assert said in everything, said
        tool = next(row for row in stored if row["role"] == "tool")
        assert tool["subagents"][0]["tools"] == [{"name": "terminal", "preview": "ls"}] and tool["duration"] == 1.5
