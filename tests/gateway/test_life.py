"""Runs through a gateway inside a whole server: one life of a run, whichever runtime it has. The gateway is the scripted one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from propylon.app import Backend, Backends, scripted
from propylon.events import EVENT_TYPES
from propylon.runtimes.gateway.runtime import GatewayRuntime, Given
from propylon.runtimes.scripted import playing
from propylon.settings import Settings
from propylon.state import State
from support.gateway import KEY, ScriptedGateway, Writer
from support.process import script, until
from support.serving import collected, first_token, frames, new_session, parsed, rows, send, serving, text_of

Serve = Callable[[], AbstractAsyncContextManager[httpx2.AsyncClient]]
LONG = script({"text": "one two three " * 400, "delay": 0.02})


def through(base: str, use_runs: bool | None, silences: tuple[float, ...] = (15.0, 60.0)) -> Backends:
    """A server whose runs go to the gateway at `base`, and that has no agent of its own."""

    def build(settings: Settings, state: State) -> Backend:
        given = Given(backend="gateway", base_url=base, key=KEY, use_runs=use_runs)
        runtime = GatewayRuntime(given, state.gateway, settings.profile_home, silences)
        return replace(
            scripted(playing([]))(settings, state),
            runtimes={"gateway": runtime},
            choose=lambda profile: "gateway" if runtime.chosen(profile) else "hermes",
            gateway=lambda: runtime.status("default"),
            close=runtime.close,
        )

    return build


@pytest.fixture(params=["chat", "runs"])
def serve(request: pytest.FixtureRequest, tmp_path: Path, gateway: ScriptedGateway) -> Serve:
    """A server over this test's state; may be used again to stand for a restart."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return lambda: serving(tmp_path / "home", workspace, through(gateway.base, None if request.param == "runs" else False))


@pytest.fixture
def serve_chat(tmp_path: Path, gateway: ScriptedGateway) -> Serve:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return lambda: serving(tmp_path / "home", workspace, through(gateway.base, False, (0.2, 0.4)))


async def detail(client: httpx2.AsyncClient, session: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/api/session", params={"session_id": session})).json()["session"]
    return found


@asynccontextmanager
async def at_work(serve: Serve) -> AsyncGenerator[tuple[httpx2.AsyncClient, str, str]]:
    """A client, a session, and its run that has said something and goes on."""
    async with serve() as client:
        session = await new_session(client)
        run = await send(client, session, LONG)
        await first_token(client, run)
        yield client, session, run


async def test_a8_the_status_is_part_of_the_agents_health(serve: Serve) -> None:
    async with serve() as client:
        found = (await client.get("/api/health/agent")).json()["gateway_chat"]
        assert found == {"enabled": True, "backend": "gateway", "base_url_configured": True, "api_key_configured": True}


@pytest.mark.parametrize("after", [0.0, 0.002, 0.01, 0.03])
async def test_a40_a_run_that_is_not_wanted_any_more_does_not_go_on(serve: Serve, gateway: ScriptedGateway, after: float) -> None:
    async with serve() as client:
        session = await new_session(client)
        run = await send(client, session, LONG)
        await asyncio.sleep(after)
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
        assert (await collected(client, run, after_seq=0))[-1].event == "cancel"
        again = await collected(client, await send(client, session, script({"text": "next"})), after_seq=0)
        assert text_of(again) == "next"
        asked = len(gateway.asked("/v1/chat/completions"))
        await until(lambda: all(one.status != "running" for one in gateway.runs.values()) and gateway.left >= asked - 1, within=3)


async def test_a41_a_live_run_is_known_with_all_it_was_given(serve: Serve, tmp_path: Path) -> None:
    async with at_work(serve) as (client, session, run):
        known = await detail(client, session)
        assert known["active_stream_id"] == run and known["workspace"] == str(tmp_path / "workspace")
        assert (await client.get("/health")).json()["active_streams"] == 1
        await client.post("/api/chat/cancel", json={"stream_id": run})
        assert (await client.get("/health")).json()["active_streams"] == 0


async def test_a45_a46_after_a_stop_nothing_but_its_word_comes(serve: Serve, gateway: ScriptedGateway) -> None:
    async with at_work(serve) as (client, session, run):
        began = time.monotonic()
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
        assert time.monotonic() - began < 0.5
        found = await collected(client, run, after_seq=0)
        assert [frame.event for frame in found].count("cancel") == 1 and found[-1].event == "cancel"
        stored = await rows(client, session)
        assert stored[1]["_partial"] and stored[1]["content"] == text_of(found)
        await until(lambda: gateway.left or any(one.status == "cancelled" for one in gateway.runs.values()), within=2)


async def test_a47_only_the_run_that_owns_the_session_writes_to_it(serve: Serve) -> None:
    async with at_work(serve) as (client, session, run):
        answer = await client.post("/api/chat/start", json={"session_id": session, "message": "me too"})
        assert answer.status_code == 409 and answer.json()["active_stream_id"] == run
        await client.post("/api/chat/cancel", json={"stream_id": run})
        second = await send(client, session, script({"text": "mine"}))
        await collected(client, second, after_seq=0)
        await asyncio.sleep(0.1)
        assert [row["content"] for row in await rows(client, session)][-1] == "mine"


async def test_a48_a53_nothing_is_pending_after_the_end(serve: Serve, gateway: ScriptedGateway) -> None:
    async with serve() as client:
        session = await new_session(client)
        await collected(client, await send(client, session, "hello"), after_seq=0)
        assert (await detail(client, session))["active_stream_id"] is None
        gateway.refuse["/v1"] = (500, b"broken")
        found = await collected(client, await send(client, session, "again"), after_seq=0)
        assert found[-1].event == "apperror"
        assert (await detail(client, session))["active_stream_id"] is None
        assert (await client.get("/health")).json()["active_streams"] == 0


async def test_a49_a50_one_row_of_the_person_and_one_of_the_agent_a_turn(serve: Serve, gateway: ScriptedGateway) -> None:
    async with serve() as client:
        session = await new_session(client)
        for words in ("first", "second", "third"):
            await collected(client, await send(client, session, script({"text": words})), after_seq=0)
        stored = await rows(client, session)
        assert [row["role"] for row in stored] == ["user", "assistant"] * 3
        assert [row["content"] for row in stored[1::2]] == ["first", "second", "third"]
        assert [row["role"] for row in gateway.seen[-1]] == ["user", "assistant"] * 2 + ["user"]
        assert [row["content"] for row in gateway.seen[-1]][1::2] == ["first", "second"]


async def test_a51_workspace_and_model_of_the_session_are_the_runs(serve: Serve, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    async with serve() as client:
        session = await new_session(client)
        body = {"session_id": session, "message": "x", "workspace": str(other), "model": "m", "model_provider": "p"}
        run = (await client.post("/api/chat/start", json=body)).json()["stream_id"]
        await collected(client, run, after_seq=0)
        found = await detail(client, session)
        assert (found["workspace"], found["model"], found["model_provider"]) == (str(other), "m", "p")


async def test_a14_a39_a52_the_frames_of_a_success_and_of_a_failure(serve: Serve, gateway: ScriptedGateway) -> None:
    async with serve() as client:
        session = await new_session(client)
        found = await collected(client, await send(client, session, script({"text": "hello"})), after_seq=0)
        assert (found[0].event, found[0].data["session_id"]) == ("context_status", session)
        assert [frame.event for frame in found[-2:]] == ["done", "stream_end"]
        done = found[-2].data
        assert done["usage"]["input_tokens"] == 100 and done["session"]["messages"][-1]["content"] == "hello"
        gateway.refuse["/v1/chat"] = gateway.refuse["/v1/runs"] = (503, b"busy")
        found = await collected(client, await send(client, session, "again"), after_seq=0)
        assert found[-1].event == "apperror" and "stream_end" not in [frame.event for frame in found]
        assert found[-1].data["type"] == "gateway_http_error" and found[-1].data["hint"] == "busy"
        assert found[-1].data["label"] and found[-1].data["message"] == "Gateway returned HTTP 503."


def test_a56_which_events_end_a_run() -> None:
    assert {cls.kind for cls in EVENT_TYPES if cls.terminal} == {"stream_end", "cancel", "apperror"}


async def test_a58_a62_a64_replay_from_any_cursor_each_event_once(serve: Serve) -> None:
    async with serve() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "a b c", "tools": [["terminal", {"command": "x"}]]}, {"text": "d"}))
        whole = await collected(client, run, after_seq=0)
        assert [frame.number for frame in whole] == list(range(1, len(whole) + 1))
        for after in range(len(whole)):
            assert await collected(client, run, after_seq=after) == whole[after:]
        assert (await client.get("/api/chat/stream", params={"stream_id": "nothing"})).status_code == 404
        async with client.stream("GET", "/api/chat/stream", params={"stream_id": run}, headers={"Last-Event-ID": f"{run}:2"}) as answer:
            assert [frame async for frame in parsed(answer)] == whole[2:]


async def test_a59_a61_the_state_of_a_run_is_told(serve: Serve, gateway: ScriptedGateway) -> None:
    async with at_work(serve) as (client, session, run):
        status = (await client.get("/api/chat/stream/status", params={"stream_id": run})).json()
        assert status["active"] is True and status["replay_available"] is True
        await client.post("/api/chat/cancel", json={"stream_id": run})
        states = [run]
        states.append(await send(client, session, "fine"))
        await collected(client, states[1])
        gateway.refuse["/v1/chat"] = gateway.refuse["/v1/runs"] = (500, b"")
        states.append(await send(client, session, "not fine"))
        await collected(client, states[2])
        told = [(await client.get("/api/chat/stream/status", params={"stream_id": one})).json()["journal"] for one in states]
        assert [one["terminal_state"] for one in told] == ["interrupted-by-user", "completed", "errored"]
        assert all(one["terminal"] for one in told)


async def test_a60_a_run_whose_server_left_ends_as_it_truly_did(
    serve: Serve, request: pytest.FixtureRequest, gateway: ScriptedGateway
) -> None:
    message = script({"text": "one two three " * 10, "delay": 0.02})
    async with serve() as client:
        session = await new_session(client)
        run = await send(client, session, message)
        await first_token(client, run)
    async with serve() as client:
        found = await collected(client, run, after_seq=0)
        stored = await rows(client, session)
        if "runs" in request.node.name:
            assert found[-1].event == "stream_end"
            assert stored[-1]["content"].strip() == ("one two three " * 10).strip()
        else:
            assert (found[-1].event, found[-1].data["type"]) == ("apperror", "interrupted")
            assert stored[1]["_partial"] and stored[1]["content"] == text_of(found)
        assert [frame.number for frame in found] == list(range(1, len(found) + 1))
        again = await collected(client, await send(client, session, script({"text": "next"})), after_seq=0)
        assert text_of(again) == "next"


async def test_a62_a63_any_number_of_viewers_see_all_of_it(serve: Serve) -> None:
    async with serve() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "one two three " * 20, "delay": 0.01}))
        early = asyncio.create_task(collected(client, run, after_seq=0))
        await first_token(client, run)
        late = asyncio.create_task(collected(client, run, after_seq=0))
        assert await early == await late == await collected(client, run, after_seq=0)


async def test_a65_silence_is_filled(serve_chat: Serve, gateway: ScriptedGateway) -> None:
    async def hang(out: Writer) -> None:
        await out.delta("a")
        await asyncio.sleep(20)

    gateway.chat = [hang]
    async with serve_chat() as client:
        run = await send(client, await new_session(client), "x")
        async with client.stream("GET", "/api/chat/stream", params={"stream_id": run, "after_seq": 0}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert "no-" in answer.headers["cache-control"] and answer.headers["x-accel-buffering"] == "no"
            async with asyncio.timeout(8):
                async for line in answer.aiter_lines():
                    if line.startswith(":"):
                        break


async def test_a66_every_end_closes_the_stream(serve: Serve, gateway: ScriptedGateway) -> None:
    async with serve() as client:
        session = await new_session(client)
        async with asyncio.timeout(10):
            ends = [(await collected(client, await send(client, session, "fine"), after_seq=0))[-1].event]
            run = await send(client, session, LONG)
            await first_token(client, run)
            viewer = asyncio.create_task(collected(client, run, after_seq=0))
            await client.post("/api/chat/cancel", json={"stream_id": run})
            ends.append((await viewer)[-1].event)
            gateway.refuse["/v1/chat"] = gateway.refuse["/v1/runs"] = (500, b"")
            ends.append((await collected(client, await send(client, session, "not fine"), after_seq=0))[-1].event)
    assert ends == ["stream_end", "cancel", "apperror"]


async def test_a_gateway_that_dies_in_the_middle_leaves_what_was_shown(serve: Serve, gateway: ScriptedGateway) -> None:
    async with at_work(serve) as (client, session, run):
        began = time.monotonic()
        await gateway.die()
        found = await collected(client, run, after_seq=0)
        assert time.monotonic() - began < 10
        assert (found[-1].event, found[-1].data["type"]) == ("apperror", "gateway_error")
        stored = await rows(client, session)
        assert stored[1]["_partial"] and stored[1]["content"] == text_of(found)


async def test_silence_is_told_unless_a_tool_is_at_work(serve_chat: Serve, gateway: ScriptedGateway) -> None:
    async def pause(out: Writer) -> None:
        await out.delta("a")
        await asyncio.sleep(0.6)
        await out.event({"tool": "terminal", "toolCallId": "1"}, "hermes.tool.progress")
        await asyncio.sleep(0.6)
        await out.delta("b")
        await out.finish()

    gateway.chat = [pause]
    async with serve_chat() as client:
        found = await collected(client, await send(client, await new_session(client), "x"), after_seq=0)
    kinds = [frame.event for frame in found if not (frame.event == "status" and "chat completion" in frame.data["text"])]
    assert kinds == ["context_status", "token", "status", "status", "tool", "token", "done", "stream_end"]


async def test_an_edit_is_a_branch_at_the_gateway(serve: Serve, gateway: ScriptedGateway) -> None:
    async with serve() as client:
        session = await new_session(client)
        for words in ("first", "second"):
            await collected(client, await send(client, session, script({"text": words})), after_seq=0)
        edited = (await rows(client, session))[2]["message_id"]
        body = {"session_id": session, "message": script({"text": "instead"}), "edit_message_id": edited}
        answer = await client.post("/api/chat/start", json=body)
        assert answer.status_code == 200, answer.text
        await collected(client, answer.json()["stream_id"], after_seq=0)
        assert [row["content"] for row in await rows(client, session)][1::2] == ["first", "instead"]
        told = str(gateway.seen[-1])
        assert "first" in told and "second" not in told


async def test_frames_reach_a_viewer_before_the_run_is_over(serve: Serve) -> None:
    async with at_work(serve) as (client, _, run):
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "token":
                break
        assert (await client.get("/api/chat/stream/status", params={"stream_id": run})).json()["active"] is True
