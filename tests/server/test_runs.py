"""Runs of the real agent through the whole server: no bleed, stop at any moment, nothing flagged runs."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from support.process import ServerProcess, script, until, write_config
from support.serving import Frame, collected, frames, new_session, rows, send, text_of

LOOK = 'echo "$HERMES_HOME|$HERMES_SESSION_KEY|$(pwd)"; sleep 0.5; echo "$HERMES_HOME|$HERMES_SESSION_KEY|$(pwd)"'


def results(found: list[Frame]) -> list[str]:
    return [frame.data["result"] for frame in found if frame.event == "tool_complete"]


async def test_b10_two_sessions_with_their_own_homes_and_workspaces_do_not_bleed(server: ServerProcess, model: str) -> None:
    other = server.home / "profiles" / "other"
    write_config(other, model, "fake-2")
    places = [(server.home, server.workspace, "default"), (other, server.folder / "elsewhere", "other")]
    places[1][1].mkdir()
    message = script({"tools": [["terminal", {"command": LOOK}], ["write_file", {"path": "mine.txt", "content": "x"}]]}, {"text": "ok"})

    async def turns(client: httpx2.AsyncClient, home: Path, workspace: Path, profile: str) -> None:
        session = await new_session(client, workspace=str(workspace), profile=profile)
        for _ in range(3):
            found = await collected(client, await send(client, session, message), after_seq=0)
            looked = json.loads(results(found)[0])["output"].split()
            assert set(looked) == {f"{home}|{session}|{workspace}"}, looked
        detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
        assert (detail["profile"], detail["model"]) == (profile, "fake-1" if profile == "default" else "fake-2")

    async with server.client() as client:
        await asyncio.gather(*(turns(client, *place) for place in places))
    for _, workspace, _ in places:
        assert (workspace / "mine.txt").exists()
    assert list(server.folder.glob("*.txt")) == []


async def test_stop_while_the_answer_streams(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "one two three " * 300, "delay": 0.02}))
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "token":
                began = time.monotonic()
                assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
                assert time.monotonic() - began < 1
                break
        found = await collected(client, run, after_seq=0)
        assert found[-1].event == "cancel"
        stored = await rows(client, session)
        assert stored[1]["_partial"] and stored[1]["content"] == text_of(found)
        again = await collected(client, await send(client, session, script({"text": "next turn"})), after_seq=0)
        assert text_of(again) == "next turn"


async def test_stop_while_a_command_runs_ends_the_command(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, script({"tools": [["terminal", {"command": "sleep 47.11"}]]}, {"text": "slept"}))
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "tool":
                break
        await until(sleeping)
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
        tool = (await rows(client, session))[-2]
        assert tool["role"] == "tool" and tool["interrupted"] is True
        again = await collected(client, await send(client, session, script({"text": "on"})), after_seq=0)
        assert text_of(again) == "on"
        await until(lambda: not sleeping())


def sleeping() -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] == ["sleep", "47.11"]:
            found.append(process.pid)
    return found


@pytest.mark.parametrize("after", [0.0, 0.05, 0.15])
async def test_b30_stop_while_the_agent_is_made(server: ServerProcess, after: float) -> None:
    async with server.client() as client:
        session = await new_session(client, profile="default", model="fake-2", model_provider="custom")
        run = await send(client, session, script({"text": "should not be said", "wait": 1}))
        await asyncio.sleep(after)
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
        found = await collected(client, run, after_seq=0)
        assert [frame.event for frame in found] == ["cancel"]
        again = await collected(client, await send(client, session, script({"text": "this is"})), after_seq=0)
        assert text_of(again) == "this is"


async def test_a_failing_provider_is_told_by_its_code(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        message = script({"error": [401, {"message": "no such key", "type": "invalid_request_error"}]})
        found = await collected(client, await send(client, session, message), after_seq=0)
        assert (found[-1].event, found[-1].data["type"]) == ("apperror", "auth")
        found = await collected(client, await send(client, session, script({"text": "better now"})), after_seq=0)
        assert text_of(found) == "better now"


async def test_b28_a_changed_configuration_is_used_by_the_next_turn(server: ServerProcess, model: str) -> None:
    async with server.client() as client:
        session = await new_session(client)
        await collected(client, await send(client, session, script({"text": "x"})))
        before = server.workers()
        write_config(server.home, model.replace("/v1", "/nowhere/v1"))
        (server.home / ".env").write_text("EXAMPLE=1\n")
        await collected(client, await send(client, session, script({"text": "y"})))
        assert {note.pid for note in before}.isdisjoint({note.pid for note in server.workers()})


async def test_a_huge_result_travels_whole(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        (server.workspace / "big.txt").write_text("line of text\n" * 6000)
        message = script({"tools": [["terminal", {"command": "cat big.txt"}]]}, {"text": "read"})
        found = await collected(client, await send(client, session, message), after_seq=0)
        done = next(frame.data for frame in found if frame.event == "tool_complete")
        whole = await client.get("/api/tool-result", params={"session_id": session, "tool_call_id": done["tid"]})
        assert len(whole.text.encode()) == done["result_size"]
        assert whole.text.startswith(done["result"][:1000])


async def test_lone_surrogates_from_the_model_do_not_wedge_a_run(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        found = await collected(client, await send(client, session, script({"text": "a \ud800 b"})), after_seq=0)
        assert found[-1].event == "stream_end"
        assert "\ud800" not in text_of(found)
