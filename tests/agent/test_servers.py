"""MCP servers: nobody waits for them for long, and none is missing in silence. The agent needs the package `mcp` for them."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_rig import Demo, Message, Template, script, template_of

pytest.importorskip("mcp")

SERVER = Path(__file__).with_name("mcp_server.py")


@pytest.fixture(scope="module")
def shelf(place: Path, demo: Demo) -> Iterator[tuple[Template, Path]]:
    """A template with a good server, one that comes when a file is there, one that is broken and one switched off; that file."""
    spec = importlib.util.find_spec("mcp")
    assert spec is not None and spec.origin is not None
    packages = str(Path(spec.origin).parents[1])
    gate = place / "late-server-may-come"
    command = {"command": sys.executable, "env": {"PYTHONPATH": packages}}
    servers = {
        "shelf": command | {"args": [str(SERVER)]},
        "late": command | {"args": [str(SERVER), str(gate)]},
        "broken": {"command": "/nonexistent/server", "args": []},
        "off": command | {"args": [str(SERVER)], "enabled": False},
    }
    env = "TERMINAL_CWD=/\nHERMES_SESSION_KEY=stolen\nHERMES_CRON_SESSION=1\n"
    with template_of(
        place, "mcp", demo, env=env, settings={"more": f"mcp_servers: {json.dumps(servers)}"}, PYTHONPATH=packages
    ) as template:
        assert template.ready["fork"], template.ready
        yield template, gate


def states(reply: Message) -> dict[str, str]:
    return {server["name"]: server["status"] for server in reply["value"]}


def test_b5_servers_come_in_the_background(shelf: tuple[Template, Path], demo: Demo) -> None:
    template, gate = shelf
    gate.unlink(missing_ok=True)
    server = template.fork().attach()
    look = script({"tools": [["mcp__shelf__lookup", {"title": "Walden"}]]}, {"text": "found-5577"})
    assert server.start("r1", look)["ok"]
    note = server.until(lambda frame: frame["k"] == "note")
    assert note["level"] == "info" and "late" in note["t"] and "off" not in note["t"]
    assert server.ask(c="servers")["value"], "asked while a run waits"
    assert server.end("r1")["outcome"] == "completed"
    found = states(server.ask(c="servers"))
    assert found == {"shelf": "connected", "late": "connecting", "broken": found["broken"], "off": "disabled"}
    (result,) = server.of("r1", "result")
    assert "third from the left" in result["r"] and "untrusted_tool_result" not in result["r"]
    gate.write_text("come")
    while states(asked := server.ask(c="servers")) != {"shelf": "connected", "late": "connected", "broken": "failed", "off": "disabled"}:
        pass
    listed = {entry["name"]: entry for entry in asked["value"]}
    assert listed["shelf"]["transport"] == "stdio" and listed["shelf"]["tools"] >= 2 and listed["broken"]["error"]
    look = script({"tools": [["mcp__late__lookup", {"title": "Emma"}]]}, {"text": "found-5578"})
    end = server.turn("r2", look, base="r1")
    assert "Emma: on the shelf" in server.of("r2", "result")[0]["r"] and end["context"]["keep"] == 4, "a new agent, the same context"
    warnings = [frame["t"] for run in ("r1", "r2") for frame in server.of(run, "note") if frame["level"] == "warn"]
    assert len(warnings) == 1 and "broken" in warnings[0]
    server.turn("r3", script({"text": "quiet"}), base="r2")
    assert not server.of("r3", "note"), "told once"


def test_asking_for_servers_does_not_move_the_worker(shelf: tuple[Template, Path]) -> None:
    template, gate = shelf
    gate.write_text("come")
    worker = template.fork()
    server = worker.attach()
    look = script({"tools": [["terminal", {"command": 'pwd; echo "key=$HERMES_SESSION_KEY"; rm -rf precious'}]]}, {"text": "ok"})
    for base, run in ((None, "r1"), ("r1", "r2")):
        assert server.ask(c="servers")["value"]
        assert server.start(run, look, base=base)["ok"]
        question = server.asked()
        assert server.ask(c="servers")["value"] and server.ask(c="answer", q=question["q"], choice="once")["ok"]
        server.end(run)
        said = server.of(run, "result")[0]["r"]
        assert str(worker.workspace) in said and f"key={worker.spec['session']}" in said


@pytest.mark.parametrize(("choice", "wanted"), [("once", "accept"), ("deny", "decline")])
def test_what_a_server_asks_is_asked_also_when_asking_is_off(shelf: tuple[Template, Path], choice: str, wanted: str) -> None:
    template, gate = shelf
    gate.write_text("come")
    server = template.fork().attach()
    burn = script({"tools": [["mcp__shelf__burn", {"title": "Emma"}]]}, {"text": "done"})
    assert server.start("r1", burn, yolo=True)["ok"]
    question = server.asked()
    assert question["choices"] == ["once", "deny"] and "Burn Emma?" in question["command"]
    assert question["tid"] == server.of("r1", "tool")[0]["tid"]
    assert server.ask(c="answer", q=question["q"], choice="session")["error"] == "choice"
    assert server.ask(c="answer", q=question["q"], choice=choice)["ok"]
    server.end("r1")
    assert wanted in server.of("r1", "result")[0]["r"]
