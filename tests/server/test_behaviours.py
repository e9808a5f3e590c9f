"""Behaviours of the streaming engine with the real agent, through the whole server, by their numbers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.process import ServerProcess, script, scripted_model, server_process, until, write_config
from support.serving import collected, new_session, parsed, rows, send, text_of

CONFIG_MORE = """
platform_toolsets: {cli: [file, terminal]}
agent:
  environment_probe: false
  personalities:
    pirate: "You speak like a pirate."
    tutor: {system_prompt: "You are a tutor.", tone: patient, style: short}
"""


class Asked:
    """What the scripted model was asked, newest last."""

    def __init__(self, record: Path) -> None:
        self._record = record

    def turns(self) -> list[dict[str, Any]]:
        """Bodies of the requests that offer tools: the turns themselves, not side questions."""
        found = [json.loads(line) for line in self._record.read_text().splitlines()]
        return [one["body"] for one in found if one["method"] == "POST" and one["body"].get("tools")]

    def system(self) -> str:
        return "\n".join(str(message["content"]) for message in self.turns()[-1]["messages"] if message["role"] == "system")


@pytest.fixture
async def asked(folder: Path) -> AsyncGenerator[tuple[ServerProcess, Asked]]:
    """A server whose model writes down what it is asked."""
    record = folder / "asked.jsonl"
    with scripted_model(record) as address:
        async with server_process(folder) as server:
            write_config(server.home, address)
            path = server.home / "config.yaml"
            path.write_text(path.read_text().replace("agent: {environment_probe: false}\n", "") + CONFIG_MORE)
            await server.start()
            yield server, Asked(record)


async def turn(client: httpx2.AsyncClient, session: str, text: str = "hello there") -> list[Any]:
    found = await collected(client, await send(client, session, text), after_seq=0)
    assert found[-1].event == "stream_end", found[-1]
    return found


async def test_b8_b31_the_model_is_told_the_workspace_and_the_stored_text_stays_as_it_was_written(
    asked: tuple[ServerProcess, Asked],
) -> None:
    server, model = asked
    place = server.folder / "a place"
    place.mkdir()
    async with server.client() as client:
        session = await new_session(client, workspace=str(place))
        await turn(client, session, "where are you?")
        assert f"The workspace of this conversation is {place}" in model.system()
        said = [message["content"] for message in model.turns()[-1]["messages"] if message["role"] == "user"]
        assert said == ["where are you?"]
        assert (await rows(client, session))[0]["content"] == "where are you?"


async def test_b29_the_agent_has_the_tools_of_the_profile_and_keeps_the_session_under_its_id(asked: tuple[ServerProcess, Asked]) -> None:
    server, model = asked
    async with server.client() as client:
        session = await new_session(client)
        await turn(client, session)
    offered = {tool["function"]["name"] for tool in model.turns()[-1]["tools"]}
    assert {"terminal", "read_file", "write_file"} <= offered and not offered & {"delegate_task", "execute_code", "clarify"}
    with closing(sqlite3.connect(server.home / "state.db")) as database:
        assert database.execute("SELECT source FROM sessions WHERE id = ?", [session]).fetchall() == [("webui",)]


async def test_b32_a_personality_is_heard_by_the_model_and_stored_nowhere(asked: tuple[ServerProcess, Asked]) -> None:
    server, model = asked
    async with server.client() as client:
        session = await new_session(client)
        listed = (await client.get("/api/personalities", params={"session_id": session})).json()["personalities"]
        assert {"pirate", "tutor"} <= {one["name"] for one in listed}
        for name, words in (("pirate", ["You speak like a pirate."]), ("tutor", ["You are a tutor.", "patient", "short"])):
            await client.post("/api/session/update", json={"session_id": session, "personality": name})
            await turn(client, session)
            assert all(word in model.system() for word in words)
        await client.post("/api/session/update", json={"session_id": session, "personality": ""})
        await turn(client, session)
        assert "pirate" not in model.system() and "tutor" not in model.system()
        assert "pirate" not in str(await rows(client, session))


async def test_reasoning_effort_is_of_the_session(asked: tuple[ServerProcess, Asked]) -> None:
    server, model = asked
    async with server.client() as client:
        session = await new_session(client)
        await client.post("/api/session/update", json={"session_id": session, "reasoning_effort": "high"})
        await turn(client, session)
        high = json.dumps(model.turns()[-1])
        await client.post("/api/session/update", json={"session_id": session, "reasoning_effort": "low"})
        await turn(client, session)
        low = json.dumps(model.turns()[-1])
        assert '"high"' in high and '"low"' in low and '"high"' not in low
        wrong = await client.post("/api/session/update", json={"session_id": session, "reasoning_effort": "enormous"})
        assert wrong.status_code == 400


async def test_b25_a_broken_session_store_of_the_agent_does_not_stop_the_run(server: ServerProcess) -> None:
    broken = server.home / "state.db"
    for path in server.home.glob("state.db*"):
        path.unlink()
    broken.mkdir()
    async with server.client() as client:
        session = await new_session(client)
        found = await turn(client, session, script({"text": "I go on"}))
        assert text_of(found) == "I go on"
        assert [frame.data["level"] for frame in found if frame.event == "status"] == ["warn"]


async def test_b36_a_title_comes_from_the_agent_and_never_over_a_name_that_a_person_gave(server: ServerProcess) -> None:
    async with server.client() as client:
        session, named = await new_session(client), await new_session(client)
        await client.post("/api/session/rename", json={"session_id": named, "title": "Mine"})
        async with client.stream("GET", "/api/sessions/events") as stream:
            found = parsed(stream)
            await turn(client, named, script({"text": "hello"}))
            await turn(client, session, "Tell me about the history of gates. " + script({"text": "hello"}))
            while True:
                frame = await anext(found)
                if frame.data["reason"] == "title":
                    break
        assert frame.data["session_id"] == session
        listed = {row["session_id"]: row["title"] for row in (await client.get("/api/sessions")).json()["sessions"]}
        assert listed[named] == "Mine"
        assert listed[session] and not listed[session].startswith("Tell me about the history of gates. SCRIPT")


async def test_b37_b41_usage_adds_up_here_and_in_the_agents_own_store(server: ServerProcess) -> None:
    """The agent keeps absolute totals under source `webui` by itself; nothing is added to them from here."""
    async with server.client() as client:
        session = await new_session(client)
        for _ in range(2):
            found = await turn(client, session, script({"text": "hello", "usage": [100, 20]}))
            done = next(frame.data for frame in found if frame.event == "done")
            assert (done["usage"]["input_tokens"], done["usage"]["output_tokens"]) == (90, 20)
        detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
        assert (detail["input_tokens"], detail["output_tokens"]) == (180, 40)

    def totals() -> list[Any]:
        with closing(sqlite3.connect(server.home / "state.db")) as database:
            return database.execute("SELECT source, input_tokens, output_tokens FROM sessions WHERE id = ?", [session]).fetchall()

    await until(lambda: totals() == [("webui", 180, 40)])


MCP_SERVER = """
from mcp.server.fastmcp import FastMCP
server = FastMCP("gate")

@server.tool()
def greet(name: str) -> str:
    "Greets."
    return f"Welcome through the gate, {name}"

server.run()
"""


async def test_b5_mcp_servers_are_connected_off_the_request_path_and_their_state_is_shown(server: ServerProcess) -> None:
    import sys

    program = server.folder / "gate_server.py"
    program.write_text(MCP_SERVER)
    config = server.home / "config.yaml"
    servers = {
        "gate": {"command": sys.executable, "args": [str(program)]},
        "broken": {"command": sys.executable, "args": ["-c", "raise SystemExit(3)"]},
    }
    config.write_text(config.read_text() + f"mcp_servers: {json.dumps(servers)}\n")
    async with server.client() as client:
        client.timeout = httpx2.Timeout(90)
        session = await new_session(client)
        message = script({"tools": [["mcp__gate__greet", {"name": "Ada"}]]}, {"text": "greeted"})
        states: dict[str, str] = {}
        while states.get("gate") != "connected" or states.get("broken") == "connecting":
            found = await turn(client, session, script({"text": "one moment"}))
            listed = (await client.get("/api/mcp/servers", params={"session_id": session})).json()["servers"]
            states = {one["name"]: one["status"] for one in listed}
        assert states["broken"] == "failed" and next(one for one in listed if one["name"] == "broken")["error"]
        found = await turn(client, session, message)
        (result,) = [frame.data["result"] for frame in found if frame.event == "tool_complete"]
        assert "Welcome through the gate, Ada" in result and "untrusted_tool_result" not in result
