"""A turn over real HTTP, the runtime scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.conftest import Serve, saying
from propylon.events import Event, Failed, Reasoning, Status, StreamEnd, Token, ToolFinished, ToolStarted, Usage
from propylon.runlog.sqlite import SqliteRunLog
from propylon.runtimes.base import Batch, ContextChange, Controls, RunEnd, RunInput
from propylon.runtimes.failures import RuntimeFailure, failure
from propylon.runtimes.scripted import completed
from support.serving import collected, frames, new_session, parsed, rows, send, text_of

ANSWER = (
    Reasoning(text="hm"),
    Token(text="Let me "),
    ToolStarted(tid="t1", name="terminal", args={"command": "ls"}, at=5.0),
    ToolFinished(tid="t1", name="terminal", result="a.txt", result_size=5, duration=0.1),
    Token(text="Done."),
)


async def test_b21_b43_what_was_streamed_is_what_is_stored(serve: Serve) -> None:
    async with serve(saying(*ANSWER)) as client:
        session = await new_session(client)
        run = await send(client, session, "list the files")
        found = await collected(client, run, after_seq=0)
        assert [frame.event for frame in found] == ["reasoning", "token", "tool", "tool_complete", "token", "done", "stream_end"]
        assert [frame.number for frame in found] == list(range(1, 8))
        stored = await rows(client, session)
        assert [(row["role"], row["content"]) for row in stored] == [
            ("user", "list the files"),
            ("assistant", "Let me "),
            ("tool", "a.txt"),
            ("assistant", "Done."),
        ]
        assert [row["message_id"] for row in stored] == [f"{run}.{number}" for number in range(4)]
        assert stored[1]["reasoning"] == "hm"


async def test_done_carries_the_stored_rows_and_the_session_is_free(serve: Serve) -> None:
    async with serve(saying(Token(text="hi"))) as client:
        session = await new_session(client)
        run = await send(client, session, "hello")
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "done":
                detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
                assert detail["active_stream_id"] is None
                assert frame.data["session"]["messages"] == detail["messages"]
                assert frame.data["session"]["_messages_offset"] == 0


async def test_done_carries_a_bounded_tail_of_whole_rows(serve: Serve) -> None:
    async with serve(saying(Token(text="x" * 20_000))) as client:
        session = await new_session(client)
        for _ in range(20):
            found = await collected(client, await send(client, session, "more"))
        done = next(frame.data["session"] for frame in found if frame.event == "done")
        assert 0 < len(done["messages"]) < 40
        assert sum(len(row["content"]) for row in done["messages"]) <= 256 * 1024
        assert done["_messages_truncated"] and done["_messages_offset"] + len(done["messages"]) == 40
        big = await new_session(client)
    async with serve(saying(Token(text="x" * 300_000))) as client:
        found = await collected(client, await send(client, big, "one that does not fit"))
        done = next(frame.data["session"] for frame in found if frame.event == "done")
        assert done["messages"] == [] and done["_messages_offset"] == 2


async def test_replay_gives_the_same_frames_to_anybody_at_any_time(serve: Serve) -> None:
    async with serve(saying(*ANSWER)) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        live = await collected(client, run, after_seq=0)
        assert await collected(client, run, after_seq=0) == live
        assert await collected(client, run, replay=1) == live
        assert await collected(client, run, after_seq=4) == live[4:]
        assert await collected(client, run, after_event_id=f"{run}:2") == live[2:]
        assert await collected(client, run, after_event_id="other:2") == live
        assert await collected(client, run, after_seq="nonsense") == live
        async with client.stream("GET", "/api/chat/stream", params={"stream_id": run}, headers={"Last-Event-ID": f"{run}:6"}) as answer:
            assert (await answer.aread()).startswith(f"id: {run}:7\n".encode())
    async with serve(saying()) as client:
        assert await collected(client, run, after_seq=0) == live


async def test_a_reader_without_a_cursor_goes_on_where_the_others_are(serve: Serve) -> None:
    more = asyncio.Event()

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="a")])
        await more.wait()
        yield Batch(events=[Token(text="b")])

    async with serve(script) as client:
        run = await send(client, await new_session(client), "go")
        async for frame in frames(client, run):
            assert frame.data["text"] == "a"
            break
        async with client.stream("GET", "/api/chat/stream", params={"stream_id": run}) as answer:
            more.set()
            assert text_of([frame async for frame in parsed(answer)]) == "b"


async def test_the_stream_may_be_opened_before_anything_was_said(serve: Serve) -> None:
    start = asyncio.Event()

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        await start.wait()
        yield Batch(events=[Token(text="late")])

    async with serve(script) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        async with client.stream("GET", "/api/chat/stream", params={"stream_id": run}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            start.set()
            assert b"late" in await answer.aread()


async def test_silence_is_filled_with_comments(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("propylon.web.sse.SILENCE_S", 0.01)

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        await controls.cancelled.wait()
        yield Batch(events=[])

    async with serve(script) as client:
        run = await send(client, await new_session(client), "go")
        async with client.stream("GET", "/api/chat/stream", params={"stream_id": run}) as answer:
            async for line in answer.aiter_lines():
                if line:
                    assert line.startswith(":")
                    break


async def test_the_same_send_is_one_run(serve: Serve) -> None:
    async with serve(saying(Token(text="hi"))) as client:
        session = await new_session(client)
        key = {"Idempotency-Key": "k1"}
        answers = await asyncio.gather(*(send(client, session, "hello", **key) for _ in range(5)))
        await collected(client, answers[0])
        assert len({*answers, await send(client, session, "hello", **key)}) == 1
        assert [row["role"] for row in await rows(client, session)] == ["user", "assistant"]


async def test_a_second_message_while_a_run_is_live_names_that_run(serve: Serve) -> None:
    release = asyncio.Event()

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="a")])
        await release.wait()

    async with serve(script) as client:
        session = await new_session(client)
        run = await send(client, session, "one")
        answer = await client.post("/api/chat/start", json={"session_id": session, "message": "two"})
        assert (answer.status_code, answer.json()["active_stream_id"]) == (409, run)
        status = (await client.get("/api/session/status", params={"session_id": session})).json()
        assert (status["active_stream_id"], status["is_streaming"], status["pending_user_message"]) == (run, True, "one")
        release.set()
        await collected(client, run)
        await collected(client, await send(client, session, "two"))
        assert [row["content"] for row in await rows(client, session)] == ["one", "a", "two", "a"]


async def test_while_a_run_lives_the_rows_hold_the_message_alone(serve: Serve) -> None:
    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="partial")])
        await controls.cancelled.wait()

    async with serve(script) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        async for _ in frames(client, run):
            break
        assert [row["content"] for row in await rows(client, session)] == ["go"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_stopping_keeps_what_was_shown_and_frees_the_session_at_once(serve: Serve, method: str) -> None:
    stopped = asyncio.Event()

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        try:
            yield Batch(events=[Token(text="part of it")])
            await asyncio.Event().wait()
        finally:
            assert controls.cancelled.is_set()
            stopped.set()

    async with serve(script) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        async for _ in frames(client, run):
            break
        if method == "GET":
            answer = await client.get("/api/chat/cancel", params={"stream_id": run})
        else:
            answer = await client.post("/api/chat/cancel", json={"stream_id": run})
        assert answer.json() == {"ok": True, "cancelled": True, "stream_id": run}
        await asyncio.wait_for(stopped.wait(), 5)
        found = await collected(client, run, after_seq=0)
        assert [frame.event for frame in found] == ["token", "cancel"]
        stored = await rows(client, session)
        assert (stored[1]["content"], stored[1]["_partial"]) == ("part of it", True)
        assert stored[2]["error"]["type"] == "cancelled"
        again = await client.post("/api/chat/cancel", json={"stream_id": run})
        assert again.json() == {"ok": True, "cancelled": False, "stream_id": run}
        assert await send(client, session, "next")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "http://evil.example/page"},
    ],
)
async def test_a_page_of_another_site_cannot_stop_a_run(serve: Serve, headers: dict[str, str]) -> None:
    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="a")])
        await controls.cancelled.wait()

    async with serve(script) as client:
        run = await send(client, await new_session(client), "go")
        answer = await client.get("/api/chat/cancel", params={"stream_id": run}, headers=headers)
        assert answer.status_code == 403
        assert (await client.get("/api/chat/stream/status", params={"stream_id": run})).json()["active"] is True


async def test_a_failed_run_says_so_once_and_keeps_what_was_shown(serve: Serve) -> None:
    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="I was")])
        raise RuntimeFailure(failure("rate_limit", details="HTTP 429"))

    async with serve(script) as client:
        session = await new_session(client)
        found = await collected(client, await send(client, session, "go"), after_seq=0)
        assert [frame.event for frame in found] == ["token", "apperror"]
        assert (found[1].data["type"], found[1].data["details"]) == ("rate_limit", "HTTP 429")
        assert found[1].data["label"] and found[1].data["hint"]
        stored = await rows(client, session)
        assert stored[1]["_partial"] and stored[2]["_error"]
        assert stored[2]["error"]["type"] == "rate_limit"


async def test_a_fault_inside_the_server_ends_the_run_in_words(serve: Serve) -> None:
    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="a")])
        raise ZeroDivisionError("by zero")

    async with serve(script) as client:
        found = await collected(client, await send(client, await new_session(client), "go"), after_seq=0)
        assert found[-1].event == "apperror" and "ZeroDivisionError" in found[-1].data["details"]


async def test_a_runtime_that_ends_without_a_word_is_an_interruption(serve: Serve) -> None:
    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="a")], end=RunEnd(outcome="interrupted"))

    async with serve(script) as client:
        found = await collected(client, await send(client, await new_session(client), "go"), after_seq=0)
        assert found[-1].data["type"] == "interrupted"


async def test_the_next_turn_goes_on_from_the_context_the_agent_returned(serve: Serve) -> None:
    seen: list[list[str]] = []

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        held = await run.context.load()
        seen.append([message["content"] for message in held])
        keep = 0 if run.text == "compress" else len(held)
        summary = [{"role": "assistant", "content": "summary"}] if run.text == "compress" else []
        rows = [*summary, {"role": "user", "content": run.text}, {"role": "assistant", "content": f"re {run.text}"}]
        yield Batch(events=[Token(text="x")], end=RunEnd(outcome="completed", context=ContextChange(keep=keep, rows=rows)))

    async with serve(script) as client:
        session = await new_session(client)
        for text in ("one", "two", "compress", "three"):
            await collected(client, await send(client, session, text))
    assert seen == [[], ["one", "re one"], ["one", "re one", "two", "re two"], ["summary", "compress", "re compress"]]


async def test_after_a_stop_the_context_is_what_the_person_saw(serve: Serve) -> None:
    seen: list[list[tuple[str, str]]] = []

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        seen.append([(message["role"], message["content"]) for message in await run.context.load()])
        if run.text == "stop me":
            yield Batch(events=[ToolStarted(tid="t", name="terminal", args={"command": "sleep"}), Token(text="half an ans")])
            await asyncio.Event().wait()
        yield Batch(events=[], end=completed(run, "fine"))

    async with serve(script) as client:
        session = await new_session(client)
        await collected(client, await send(client, session, "one"))
        run = await send(client, session, "stop me")
        async for _ in frames(client, run):
            break
        await client.post("/api/chat/cancel", json={"stream_id": run})
        await collected(client, await send(client, session, "two"))
    roles = [role for role, _ in seen[2]]
    assert roles == ["user", "assistant", "user", "assistant", "tool", "assistant"]
    assert seen[2][-1] == ("assistant", "half an ans")


async def test_usage_is_of_the_run_and_summed_in_the_session(serve: Serve) -> None:
    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="x")], end=RunEnd(outcome="completed", usage=Usage(input_tokens=10, output_tokens=3)))

    async with serve(script) as client:
        session = await new_session(client)
        for _ in range(2):
            found = await collected(client, await send(client, session, "go"))
        done = next(frame.data for frame in found if frame.event == "done")
        assert (done["usage"]["input_tokens"], done["session"]["input_tokens"], done["session"]["output_tokens"]) == (10, 20, 6)


async def test_b23_large_payloads_are_cut_for_viewers_and_whole_on_demand(serve: Serve) -> None:
    command, result = "é" * 50_000, "r" * 200_000
    events = (
        ToolStarted(tid="t1", name="terminal", args={"command": command, "n": 1}),
        ToolFinished(tid="t1", name="terminal", result=result, result_size=len(result)),
    )
    hold = asyncio.Event()

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=list(events))
        await hold.wait()

    async with serve(script) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "tool":
                assert len(frame.data["args"]["command"].encode()) <= 65536
                assert (frame.data["args"]["n"], frame.data["args_sizes"]) == (1, {"command": 100_000})
            if frame.event == "tool_complete":
                assert (len(frame.data["result"]), frame.data["result_size"]) == (65536, 200_000)
                break
        call = {"session_id": session, "tool_call_id": "t1"}
        for _ in range(2):
            assert (await client.get("/api/tool-result", params=call)).text == result
            assert (await client.get("/api/tool-result", params={**call, "part": "command"})).text == command
            assert (await client.get("/api/tool-result", params={**call, "part": "nothing"})).status_code == 404
            hold.set()
            await collected(client, run)
        tool = (await rows(client, session))[2]
        assert (len(tool["content"]), tool["content_size"]) == (65536, 200_000)


@pytest.mark.parametrize("event", [Token, StreamEnd])
async def test_a_log_that_cannot_be_written_for_a_while_still_ends_the_run_for_viewers(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, event: type[Event]
) -> None:
    append = SqliteRunLog.append
    failures = iter([OSError("disk full")])

    async def failing(self: SqliteRunLog, run: str, events: list[Event], mark: int = 0) -> int:
        if any(isinstance(each, (event, Failed)) for each in events) and (failure := next(failures, None)):
            raise failure
        return await append(self, run, events, mark)

    monkeypatch.setattr(SqliteRunLog, "append", failing)
    monkeypatch.setattr("propylon.runs.runner.RETRY_S", 0.01)
    async with serve(saying(Token(text="hello"))) as client:
        found = await collected(client, await send(client, await new_session(client), "go"), after_seq=0)
        assert found[-1].event == ("apperror" if event is Token else "stream_end")


async def test_notices_are_kept(serve: Serve) -> None:
    async with serve(saying(Status(text="Denied: rm -rf x", level="warn"), Token(text="I may not."))) as client:
        session = await new_session(client)
        await collected(client, await send(client, session, "go"))
        assert (await rows(client, session))[1]["notices"] == [{"level": "warn", "text": "Denied: rm -rf x"}]
