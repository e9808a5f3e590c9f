"""Servers that come and go: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from agent_rig import Connection, Template, Worker, alive, script, wait_until

LONG = script(
    {"reason": "a thought " * 20, "tools": [["terminal", {"command": "echo looked"}]], "rate": 200},
    {"text": "number {} of the words ".format("x") * 150, "rate": 400},
)


def whole(worker: Worker, run: str, connections: list[Connection]) -> tuple[str, list[str]]:
    """The text of a run over all connections, and its kinds without repetition. Numbers have been checked on the way."""
    text, kinds = "", []
    for connection in connections:
        for frame in connection.of(run, "text", "reason", "tool", "result", "end"):
            text += frame["t"] if frame["k"] == "text" else ""
            if not kinds or kinds[-1] != frame["k"]:
                kinds.append(frame["k"])
    return text, kinds


def test_detach_and_attach_in_mid_run(template: Template) -> None:
    worker = template.fork()
    first = worker.attach()
    assert first.start("r1", LONG)["ok"]
    first.until(lambda frame: frame["k"] == "text")
    first.close()
    time.sleep(0.2)
    second = worker.attach(after=first.last, epoch=2)
    assert second.hello["run"] == "r1" and second.hello["n"] >= first.last
    second.end("r1")
    text, kinds = whole(worker, "r1", [first, second])
    assert text.split() == ("number x of the words " * 150).split() and kinds == ["reason", "tool", "result", "text", "end"]


def test_a_server_that_dies_many_times(template: Template) -> None:
    worker = template.fork()
    chance = random.Random(7)
    connections: list[Connection] = []
    last = 0
    for epoch in range(1, 400):
        connection = worker.attach(after=last, epoch=epoch, acks=chance.random() < 0.7)
        connections.append(connection)
        if epoch == 1:
            assert connection.start("r1", LONG)["ok"]
        for _ in range(chance.randrange(12)):
            if connection.of("r1", "end"):
                break
            connection.take()
        last = connection.last
        ended = bool(connection.of("r1", "end"))
        connection.close()
        if ended:
            break
    assert epoch > 20
    text, kinds = whole(worker, "r1", connections)
    assert text.split() == ("number x of the words " * 150).split() and kinds == ["reason", "tool", "result", "text", "end"]


def test_a_higher_epoch_takes_over(template: Template) -> None:
    worker = template.fork()
    old = worker.attach(epoch=5)
    new = worker.attach(epoch=6)
    assert new.hello["k"] == "hello"
    with pytest.raises(EOFError):
        old.take(5)
    assert worker.attach(epoch=5).hello == {"k": "refused", "why": "epoch"}
    assert worker.attach(epoch=9, token="guess").hello["k"] == "refused"
    assert new.turn("r1", script({"text": "fine"}))["outcome"] == "completed"
    new.send(c="ping")
    pong = new.until(lambda message: message["k"] == "pong")
    assert pong["turns"] == 1 and pong["rss"] > 1_000_000


def test_twenty_megabytes_come_in_parts_and_a_pong_between(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    text = "é" * (10 * 1024 * 1024)
    run = {"c": "run", "id": "a", "run": "r1", "text": text, "base": None, "history": None}
    cancel = {"c": "cancel", "id": "b", "run": "r1"}
    server.sock.sendall(json.dumps(run, ensure_ascii=False).encode() + b"\n" + json.dumps(cancel).encode() + b"\n")
    server.until(lambda message: message["k"] == "part")
    server.send(c="ping")
    pieces = 0
    while server.take()["k"] != "pong":
        pieces += 1
    assert server.parts, "the pong came before the frame's end"
    end = server.end("r1")
    assert end["outcome"] == "interrupted" and end["context"]["rows"] == [{"role": "user", "content": text}]


def test_nobody_there_and_the_disk_used(template: Template) -> None:
    worker = template.fork()
    first = worker.attach()
    text = "0123456789" * 60 + " "
    assert first.start("r1", script({"text": text, "repeat": 9500}))["ok"]
    first.close()
    wait_until(lambda: Path(worker.spec["spill"]).exists() and Path(worker.spec["spill"]).stat().st_size > 1_000_000, 30)
    second = worker.attach(after=first.last, epoch=2)
    second.end("r1", 60)
    said = first.text("r1") + second.text("r1")
    assert said == (text * 9500).strip() or said == text * 9500
    wait_until(lambda: Path(worker.spec["spill"]).stat().st_size == 0, 5)


def test_idle_workers_leave(template: Template) -> None:
    worker = template.fork(idle_s=0.3, fresh_idle_s=0.3)
    server = worker.attach()
    server.turn("r1", script({"text": "x"}))
    wait_until(lambda: not alive(worker.pid), 10)
    assert not Path(worker.spec["socket"]).exists() and not Path(worker.spec["left"]).exists()
    fresh = template.fork(fresh_idle_s=0.3)
    wait_until(lambda: not alive(fresh.pid), 10)


def test_an_unclaimed_worker_leaves_its_frames(template: Template) -> None:
    worker = template.fork(unclaimed_s=0.3)
    server = worker.attach()
    assert server.start("r1", script({"text": "some words here", "rate": 30}))["ok"]
    server.close()
    wait_until(lambda: not alive(worker.pid), 10)
    frames = [json.loads(line) for line in Path(worker.spec["left"]).read_text().splitlines()]
    seen = server.last
    assert [frame["n"] for frame in frames] == list(range(seen + 1, seen + 1 + len(frames)))
    assert frames[-1]["k"] == "end" and not Path(worker.spec["socket"]).exists() and not Path(worker.spec["spill"]).exists()


def test_a_frozen_worker_goes_on_where_it_was(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    assert server.start("r1", script({"text": "word " * 60, "rate": 100}))["ok"]
    server.until(lambda frame: frame["k"] == "text")
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        while True:
            server.take(0.2)
    os.kill(worker.pid, signal.SIGCONT)
    assert server.end("r1")["outcome"] == "completed" and len(server.text("r1").split()) == 60


def test_a_worker_outlives_its_template(place: Path, template: Template) -> None:
    folder = place / "mortal"
    folder.mkdir()
    mortal = Template(template.home, folder)
    worker = mortal.fork()
    try:
        server = worker.attach()
        assert server.start("r1", script({"text": "word " * 40, "rate": 100}))["ok"]
        server.until(lambda frame: frame["k"] == "text")
        mortal.process.kill()
        assert server.end("r1")["outcome"] == "completed"
    finally:
        mortal.close()
