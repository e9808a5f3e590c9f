"""Stopping a run: while it streams, in a command, while its agent is constructed, by SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from agent_rig import Template, alive, script, wait_until

ENDLESS = script({"text": "word ", "repeat": 3000, "rate": 50})


def test_cancel_while_streaming(template: Template) -> None:
    server = template.fork().attach()
    assert server.start("r1", ENDLESS)["ok"]
    server.until(lambda frame: frame["k"] == "text")
    began = time.monotonic()
    assert server.ask(c="cancel", run="r1")["ok"]
    end = server.end("r1")
    assert end["outcome"] == "interrupted" and time.monotonic() - began < 2
    assert [row["role"] for row in end["context"]["rows"]][:2] == ["user", "assistant"]
    assert server.ask(c="cancel", run="r1") == {"k": "reply", "id": "c3", "ok": False, "error": "not running"}
    assert server.turn("r2", script({"text": "again"}), base="r1")["outcome"] == "completed"
    assert server.text("r2").strip() == "again"


def test_cancel_in_a_command(template: Template) -> None:
    server = template.fork().attach()
    assert server.start("r1", script({"tools": [["terminal", {"command": "sleep 30"}]]}, {"text": "late"}))["ok"]
    tool = server.until(lambda frame: frame["k"] == "tool")
    assert server.ask(c="cancel", run="r1")["ok"]
    assert server.end("r1", 5)["outcome"] == "interrupted"
    assert [frame["tid"] for frame in server.of("r1", "result")] == [tool["tid"]]


def test_cancel_before_the_agent_exists(template: Template) -> None:
    server = template.fork().attach()
    message = {"c": "run", "id": "a", "run": "r1", "text": ENDLESS, "base": None, "history": None}
    cancel = {"c": "cancel", "id": "b", "run": "r1"}
    server.sock.sendall(json.dumps(message).encode() + b"\n" + json.dumps(cancel).encode() + b"\n")
    end = server.end("r1", 5)
    assert end["outcome"] == "interrupted" and end["context"]["rows"][0]["content"] == ENDLESS
    assert all(reply["ok"] for reply in server.replies) and server.text("r1") == ""
    assert server.turn("r2", script({"text": "next"}), base="r1")["outcome"] == "completed"


def test_cancel_while_the_agent_is_constructed(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    assert server.start("r1", ENDLESS)["ok"]
    wait_until(lambda: bool(list(Path(f"/proc/{worker.pid}/task").iterdir())[1:]), 5)
    assert server.ask(c="cancel", run="r1")["ok"]
    assert server.end("r1", 5)["outcome"] == "interrupted"


def test_sigterm_in_a_run(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    assert server.start("r1", ENDLESS)["ok"]
    server.until(lambda frame: frame["k"] == "text")
    os.kill(worker.pid, signal.SIGTERM)
    assert server.end("r1", 5)["outcome"] == "interrupted"
    wait_until(lambda: not alive(worker.pid), 5)
    assert not any(Path(worker.spec[name]).exists() for name in ("socket", "left", "spill"))
    exit_line = template.until(lambda message: message["k"] == "exit" and message["pid"] == worker.pid)
    assert (exit_line["code"], exit_line["signal"]) == (0, 0)


def test_leave_is_refused_in_a_run(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    assert server.start("r1", ENDLESS)["ok"]
    assert server.ask(c="leave")["error"] == "busy" and server.start("r2", "x", base="r1")["error"] == "busy"
    assert server.ask(c="cancel", run="r1")["ok"]
    server.end("r1")
    assert server.ask(c="leave")["ok"]
    wait_until(lambda: not alive(worker.pid), 5)
