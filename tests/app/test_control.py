"""Steering, interrupting, queueing: what a person does while the agent is at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from app.asking import Asker, clarify
from app.conftest import Serve, saying
from propylon.events import Token
from propylon.runtimes.base import Batch, Controls, RunEnd, RunInput, Steer
from propylon.runtimes.failures import failure
from propylon.runtimes.scripted import completed
from support.serving import collected, first_token, frames, new_session, rows, send


class Held:
    """Runs say a word and go on when told to; a run whose text is `fail` fails."""

    def __init__(self) -> None:
        self.go: dict[str, asyncio.Event] = {}
        self.texts: list[str] = []

    async def script(self, run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        self.texts.append(run.text)
        yield Batch(events=[Token(text=f"about {run.text}")])
        await self.go.setdefault(run.text, asyncio.Event()).wait()
        if run.text == "fail":
            yield Batch(events=[], end=RunEnd(outcome="failed", failure=failure("server_error")))
            return
        yield Batch(events=[], end=completed(run))

    def let(self, *texts: str) -> None:
        for text in texts:
            self.go.setdefault(text, asyncio.Event()).set()


async def add(client: httpx2.AsyncClient, session: str, number: str, text: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/queue/add", json={"session_id": session, "id": number, "message": text, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def texts(queue: dict[str, Any]) -> list[str]:
    return [one["text"] for one in queue["queue"]]


async def said(client: httpx2.AsyncClient, session: str) -> list[str]:
    return [row["content"] for row in await rows(client, session) if row["role"] == "user"]


async def until_idle(client: httpx2.AsyncClient, session: str, count: int) -> None:
    """Until the session has this many messages of the person and nothing is live."""
    while True:
        detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
        if detail["active_stream_id"] is None and detail["user_message_count"] == count:
            return
        if detail["active_stream_id"] is not None:
            await collected(client, detail["active_stream_id"], after_seq=0)


async def test_a_word_to_the_agent_at_work_is_heard_and_kept(serve: Serve) -> None:
    asker = Asker(clarify("q1"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "work")
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "clarify":
                break
        steered = await client.post("/api/chat/steer", json={"session_id": session, "text": " use bash ", "word": "w1"})
        assert steered.json() == {"accepted": True, "stream_id": run}
        assert asker.heard == [Steer(id="w1", text="use bash")]
        await client.post("/api/clarify/respond", json={"session_id": session, "response": "go"})
        await collected(client, run)
        notices = [notice for row in await rows(client, session) for notice in row.get("notices", [])]
        assert {"level": "steer", "text": "use bash"} in notices


async def test_steering_that_nobody_can_hear_is_refused_with_a_reason_and_is_no_error(serve: Serve) -> None:
    held = Held()
    async with serve(held.script) as client:
        session = await new_session(client)
        idle = await client.post("/api/chat/steer", json={"session_id": session, "text": "hello"})
        assert idle.status_code == 200
        assert idle.json()["accepted"] is False and idle.json()["fallback"] == "not_running"
        assert (await client.post("/api/chat/steer", json={"session_id": session, "text": " "})).status_code == 400
        assert (await client.post("/api/chat/steer", json={"session_id": "nothere", "text": "x"})).status_code == 404


async def test_interrupt_stops_what_is_live_and_starts_the_message(serve: Serve) -> None:
    held = Held()
    async with serve(held.script) as client:
        session = await new_session(client)
        run = await send(client, session, "slow")
        await first_token(client, run)
        headers = {"Idempotency-Key": "k1"}
        body = {"session_id": session, "message": "quick"}
        answer = await client.post("/api/chat/interrupt", json=body, headers=headers)
        assert answer.status_code == 200
        assert (await collected(client, run, after_seq=0))[-1].event == "cancel"
        again = await client.post("/api/chat/interrupt", json=body, headers=headers)
        assert again.json()["stream_id"] == answer.json()["stream_id"]
        held.let("quick")
        assert (await collected(client, answer.json()["stream_id"], after_seq=0))[-1].event == "stream_end"
        assert await said(client, session) == ["slow", "quick"]


async def test_b48_a_start_right_after_a_stop_is_never_refused(serve: Serve) -> None:
    held = Held()
    async with serve(held.script) as client:
        session = await new_session(client)
        for number in range(10):
            run = await send(client, session, f"m{number}")
            await first_token(client, run)
            stopped = await client.get("/api/chat/cancel", params={"stream_id": run})
            assert stopped.json()["cancelled"] is True
        assert len(await said(client, session)) == 10


async def test_queued_messages_are_sent_in_order_as_runs_complete(serve: Serve) -> None:
    held = Held()
    async with serve(held.script) as client:
        session = await new_session(client)
        run = await send(client, session, "one")
        await add(client, session, "a", "two")
        await add(client, session, "b", "three")
        assert texts(await add(client, session, "c", "before all", first=True)) == ["before all", "two", "three"]
        again = await add(client, session, "a", "two")
        assert texts(again) == ["before all", "two", "three"] and again["paused"] is False and again["stream_id"] is None
        edited = await client.post("/api/queue/edit", json={"session_id": session, "id": "a", "message": "second"})
        moved = await client.post("/api/queue/move", json={"session_id": session, "id": "b", "before": "a"})
        assert texts(edited.json()) == ["before all", "second", "three"] and texts(moved.json()) == ["before all", "three", "second"]
        removed = await client.post("/api/queue/remove", json={"session_id": session, "id": "c"})
        assert texts(removed.json()) == ["three", "second"]
        held.let("one", "three", "second")
        await collected(client, run)
        await until_idle(client, session, 3)
        assert await said(client, session) == ["one", "three", "second"]
        assert texts((await client.get("/api/queue", params={"session_id": session})).json()) == []
        late = await client.post("/api/queue/edit", json={"session_id": session, "id": "a", "message": "too late"})
        assert late.status_code == 404
        sent = await add(client, session, "a", "two")
        assert texts(sent) == [] and sent["stream_id"] is None
        assert len(await said(client, session)) == 3


async def test_a_message_queued_in_a_free_session_is_sent_at_once(serve: Serve) -> None:
    async with serve(saying(Token(text="hi"))) as client:
        session = await new_session(client)
        added = await add(client, session, "a", "hello")
        assert added["stream_id"] is not None and texts(added) == []
        await collected(client, added["stream_id"])
        assert await said(client, session) == ["hello"]


async def test_after_a_stop_or_a_failure_the_queue_waits_for_a_person(serve: Serve) -> None:
    held = Held()
    async with serve(held.script) as client:
        session = await new_session(client)
        run = await send(client, session, "slow")
        await first_token(client, run)
        await add(client, session, "a", "fail")
        await add(client, session, "b", "last")
        await client.post("/api/chat/cancel", json={"stream_id": run})
        waiting = (await client.get("/api/queue", params={"session_id": session})).json()
        assert texts(waiting) == ["fail", "last"] and waiting["paused"] is True
        held.let("fail", "last")
        sent = (await client.post("/api/queue/send", json={"session_id": session})).json()
        assert (await collected(client, sent["stream_id"], after_seq=0))[-1].event == "apperror"
        waiting = (await client.get("/api/queue", params={"session_id": session})).json()
        assert texts(waiting) == ["last"] and waiting["paused"] is True
        await collected(client, await send_and_let(client, held, session, "mine"))
        await until_idle(client, session, 4)
        assert await said(client, session) == ["slow", "fail", "mine", "last"]
        nothing = await client.post("/api/queue/send", json={"session_id": session})
        assert nothing.status_code == 400


async def send_and_let(client: httpx2.AsyncClient, held: Held, session: str, text: str) -> str:
    held.let(text)
    return await send(client, session, text)


async def test_the_queue_survives_a_restart_and_goes_on(serve: Serve) -> None:
    held = Held()
    async with serve(held.script) as client:
        session = await new_session(client)
        await first_token(client, await send(client, session, "one"))
        await add(client, session, "a", "two")
        assert held.texts == ["one"]
    async with serve(held.script) as client:
        # The scripted run did not survive: it is closed as interrupted, so the queue waits.
        waiting = (await client.get("/api/queue", params={"session_id": session})).json()
        assert texts(waiting) == ["two"] and waiting["paused"] is True
        held.let("two")
        await client.post("/api/queue/send", json={"session_id": session})
        await until_idle(client, session, 2)
        assert await said(client, session) == ["one", "two"]


async def test_a_message_is_sent_once_however_many_send_it(serve: Serve) -> None:
    held = Held()
    async with serve(held.script) as client:
        session = await new_session(client)
        run = await send(client, session, "one")
        await first_token(client, run)
        await add(client, session, "a", "two")
        held.let("two")
        await client.post("/api/chat/cancel", json={"stream_id": run})
        answers = await asyncio.gather(*(client.post("/api/queue/send", json={"session_id": session}) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers)[0] == 200
        assert all(answer.status_code in (200, 400, 409) for answer in answers)
        await until_idle(client, session, 2)
        assert await said(client, session) == ["one", "two"]


async def test_edit_and_resend_replaces_the_message_and_what_followed_at_once(serve: Serve) -> None:
    inputs: list[RunInput] = []

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        inputs.append(run)
        yield Batch(events=[Token(text=f"about {run.text}")])
        yield Batch(events=[], end=completed(run))

    async with serve(script) as client:
        session = await new_session(client)
        for text in ("one", "two", "three"):
            await collected(client, await send(client, session, text))
        before = await rows(client, session)
        detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
        body = {"session_id": session, "message": "zwei", "edit_message_id": before[2]["message_id"], "revision": detail["revision"]}
        stale = await client.post("/api/chat/start", json={**body, "revision": detail["revision"] - 1})
        assert stale.status_code == 409 and stale.json()["code"] == "changed"
        started = await client.post("/api/chat/start", json=body, headers={"Idempotency-Key": "e1"})
        assert started.status_code == 200, started.text
        await collected(client, started.json()["stream_id"])
        again = await client.post("/api/chat/start", json=body, headers={"Idempotency-Key": "e1"})
        assert again.json()["stream_id"] == started.json()["stream_id"]
        now = await rows(client, session)
        assert [row["content"] for row in now] == ["one", "about one", "zwei", "about zwei"]
        assert now[:2] == before[:2]
        context = await inputs[-1].context.load()
        assert [message["content"] for message in context if message["role"] == "user"] == ["one"]
        unknown = await client.post("/api/chat/start", json={"session_id": session, "message": "x", "edit_message_id": "nothere"})
        assert unknown.status_code == 404
        answer_row = await client.post(
            "/api/chat/start", json={"session_id": session, "message": "x", "edit_message_id": now[1]["message_id"]}
        )
        assert answer_row.status_code == 400
        assert await rows(client, session) == now
