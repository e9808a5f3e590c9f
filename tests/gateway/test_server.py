"""The product as a user runs it, with a real gateway behind it: `propylon serve`, `hermes gateway run`, and a scripted model."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.gateway_process import GatewayProcess, gateway_process
from support.process import ServerProcess, script, server_process, write_config
from support.serving import collected, first_token, frames, new_session, rows, send, text_of

LONG = script({"text": "one two three " * 100, "delay": 0.02})


@pytest.fixture(params=["chat", "runs"])
async def served(
    request: pytest.FixtureRequest, folder: Path, real_gateway: GatewayProcess, recorded_model: str
) -> AsyncGenerator[ServerProcess]:
    """A server whose turns go to the real gateway, over each transport in turn."""
    async with server_process(folder, **environment(real_gateway, request.param)) as process:
        write_config(process.home, recorded_model)
        await process.start()
        yield process


def environment(gateway: GatewayProcess, transport: str) -> dict[str, str]:
    found = {
        "HERMES_WEBUI_CHAT_BACKEND": "gateway",
        "HERMES_WEBUI_GATEWAY_BASE_URL": gateway.base,
        "HERMES_WEBUI_GATEWAY_API_KEY": gateway.key,
    }
    return found if transport == "runs" else {**found, "HERMES_WEBUI_GATEWAY_USE_RUNS_API": "0"}


def over_runs(request: pytest.FixtureRequest) -> bool:
    return "runs" in request.node.name


def asked_of_the_model(record: Path) -> list[dict[str, Any]]:
    """The messages of the last streamed question to the model."""
    bodies = [json.loads(line)["body"] for line in record.read_text().splitlines()]
    found: list[dict[str, Any]] = [body for body in bodies if body.get("messages") and body.get("stream")][-1]["messages"]
    return found


async def edited(client: httpx2.AsyncClient, session: str, message: str, text: str) -> str:
    answer = await client.post("/api/chat/start", json={"session_id": session, "message": text, "edit_message_id": message})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["stream_id"])


async def test_a8_a41_text_a_tool_and_an_edit_that_cuts_the_gateways_context(
    served: ServerProcess, record: Path, real_gateway: GatewayProcess
) -> None:
    async with served.client() as client:
        health = (await client.get("/api/health/agent")).json()["gateway_chat"]
        assert health == {"enabled": True, "backend": "gateway", "base_url_configured": True, "api_key_configured": True}
        session = await new_session(client)
        found = await collected(client, await send(client, session, script({"text": "alpha"})), after_seq=0)
        assert [found[0].event, found[-1].event] == ["context_status", "stream_end"] and text_of(found) == "alpha"
        message = script({"text": "look", "tools": [["terminal", {"command": "echo hi"}]]}, {"text": "beta"})
        found = await collected(client, await send(client, session, message), after_seq=0)
        assert [frame.event for frame in found if frame.event.startswith("tool")] == ["tool", "tool_complete"]
        stored = await rows(client, session)
        assert [row["role"] for row in stored] == ["user", "assistant", "user", "assistant", "tool", "assistant"]
        assert stored[-1]["content"].strip() == "beta"
        asked = json.dumps(asked_of_the_model(record))
        assert "alpha" in asked
        run = await edited(client, session, stored[2]["message_id"], script({"text": "gamma"}))
        assert text_of(await collected(client, run, after_seq=0)) == "gamma"
        asked = json.dumps(asked_of_the_model(record)[1:])
        assert "alpha" in asked and "beta" not in asked and "echo hi" not in asked
        await collected(client, await send(client, session, script({"text": "delta"})), after_seq=0)
        asked = json.dumps(asked_of_the_model(record)[1:])
        assert "alpha" in asked and "gamma" in asked and "beta" not in asked
    for path in [served.folder / "server.log", *(one for one in served.state.rglob("*") if one.is_file())]:
        assert real_gateway.key.encode() not in path.read_bytes(), path


async def test_a45_a46_stop(served: ServerProcess) -> None:
    async with served.client() as client:
        session = await new_session(client)
        run = await send(client, session, LONG)
        await first_token(client, run)
        began = time.monotonic()
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
        assert time.monotonic() - began < 1
        found = await collected(client, run, after_seq=0)
        assert found[-1].event == "cancel"
        stored = await rows(client, session)
        assert stored[1]["_partial"] and stored[1]["content"] == text_of(found)
        again = await collected(client, await send(client, session, script({"text": "next turn"})), after_seq=0)
        assert text_of(again) == "next turn"


@pytest.mark.parametrize("served", ["runs"], indirect=True)
async def test_permission_once_and_denied(served: ServerProcess) -> None:
    async with served.client() as client:
        session = await new_session(client)
        for choice in ("deny", "once"):
            target = served.folder / "victim"
            target.mkdir(exist_ok=True)
            message = script({"tools": [["terminal", {"command": f"rm -rf {target}"}]]}, {"text": "over"})
            run = await send(client, session, message)
            async for frame in frames(client, run, after_seq=0):
                if frame.event == "approval":
                    break
            question = {"session_id": session, "approval_id": frame.data["approval_id"]}
            (waiting,) = (await client.get("/api/approval/pending", params={"session_id": session})).json()["all"]
            assert waiting["approval_id"] == question["approval_id"]
            assert (await client.post("/api/approval/respond", json={**question, "choice": choice})).status_code == 200
            assert (await client.post("/api/approval/respond", json={**question, "choice": "once"})).status_code == 409
            found = await collected(client, run, after_seq=0)
            assert [one.data["choice"] for one in found if one.event == "answered"] == [choice]
            assert found[-1].event == "stream_end"
            assert target.exists() is (choice == "deny")


async def test_a60_our_server_is_killed_in_the_middle(served: ServerProcess, request: pytest.FixtureRequest) -> None:
    text = "one two three " * 30
    async with served.client() as client:
        session = await new_session(client)
        message = script({"text": "begin", "tools": [["terminal", {"command": "sleep 0.2"}]]}, {"text": text, "delay": 0.02})
        run = await send(client, session, message)
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "token" and "one" in frame.data["text"]:
                break
    await served.stop(signal.SIGKILL)
    await served.start()
    async with served.client() as client:
        found = await collected(client, run, after_seq=0)
        assert [frame.number for frame in found] == list(range(1, len(found) + 1))
        stored = await rows(client, session)
        if over_runs(request):
            assert found[-1].event == "stream_end"
            assert [row["role"] for row in stored] == ["user", "assistant", "tool", "assistant"]
            assert stored[-1]["content"].strip() == text.strip()
            assert list((served.state / "gateway").glob("*.json")) == []
        else:
            assert (found[-1].event, found[-1].data["type"]) == ("apperror", "interrupted")
            assert stored[3]["_partial"] and stored[3]["content"].strip().startswith("one")
        again = await collected(client, await send(client, session, script({"text": "next turn"})), after_seq=0)
        assert text_of(again) == "next turn"


@pytest.mark.parametrize("served", ["runs"], indirect=True)
async def test_our_server_is_killed_while_the_agent_waits_for_permission(served: ServerProcess) -> None:
    target = served.folder / "victim"
    target.mkdir()
    async with served.client() as client:
        session = await new_session(client)
        message = script({"tools": [["terminal", {"command": f"rm -rf {target}"}]]}, {"text": "over"})
        run = await send(client, session, message)
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "approval":
                break
    await served.stop(signal.SIGKILL)
    await served.start()
    async with served.client() as client:
        question = {"session_id": session, "approval_id": frame.data["approval_id"], "choice": "once"}
        assert (await client.post("/api/approval/respond", json=question)).status_code == 200
        found = await collected(client, run, after_seq=0)
        assert found[-1].event == "stream_end"
        assert [one.data["choice"] for one in found if one.event == "answered"] == ["once"]
        assert (await rows(client, session))[-1]["content"].strip() == "over" and not target.exists()


@asynccontextmanager
async def session_of(folder: Path, gateway: GatewayProcess, transport: str, model: str) -> AsyncGenerator[tuple[httpx2.AsyncClient, str]]:
    """A client of a server of its own, and a session there."""
    folder.mkdir()
    async with server_process(folder, **environment(gateway, transport)) as server:
        write_config(server.home, model)
        await server.start()
        async with server.client() as client:
            yield client, await new_session(client)


async def test_the_gateway_is_killed_in_the_middle_and_comes_back(folder: Path, recorded_model: str) -> None:
    with gateway_process(folder, recorded_model) as gateway:
        async with AsyncExitStack() as stack:
            served = [
                await stack.enter_async_context(session_of(folder / name, gateway, name, recorded_model)) for name in ("chat", "runs")
            ]
            runs = [await send(client, session, LONG) for client, session in served]
            await asyncio.gather(*(first_token(client, run) for (client, _), run in zip(served, runs, strict=True)))
            gateway.kill()
            began = time.monotonic()
            for (client, session), run in zip(served, runs, strict=True):
                found = await collected(client, run, after_seq=0)
                assert time.monotonic() - began < 10
                assert found[-1].event == "apperror" and found[-1].data["type"] == "gateway_error"
                stored = await rows(client, session)
                assert stored[1]["_partial"] and stored[1]["content"] == text_of(found)
            gateway.start()
            for client, session in served:
                again = await collected(client, await send(client, session, script({"text": "next turn"})), after_seq=0)
                assert text_of(again) == "next turn", again
