"""Subagents are seen, waited for, and belong to the call that made them."""

from __future__ import annotations

from pathlib import Path

from agent_rig import Demo, Template, script, template_of


def test_parallel_subagents_are_waited_for_and_shown(template: Template) -> None:
    server = template.fork().attach()
    goals = [
        script({"text": f"looking {i}", "tools": [["terminal", {"command": f"echo child-{i}"}]]}, {"text": f"summary-of-{i}"})
        for i in range(3)
    ]
    tasks = [["delegate_task", {"tasks": [{"goal": goal} for goal in goals]}]]
    end = server.turn("r1", script({"tools": tasks}, {"text": "all is over"}))
    assert end["outcome"] == "completed" and server.text("r1").strip() == "all is over"
    (call,), (result,) = server.of("r1", "tool"), server.of("r1", "result")
    assert all(f"summary-of-{i}" in result["r"] for i in range(3)) and "dispatched" not in result["r"]
    frames = server.of("r1", "sub")
    assert {frame["tid"] for frame in frames} == {call["tid"]} and {frame["parent"] for frame in frames} == {""}
    by_id: dict[str, list[dict[str, object]]] = {}
    for frame in frames:
        by_id.setdefault(frame["id"], []).append(frame)
    assert len(by_id) == 3
    for told in by_id.values():
        assert [frame["step"] for frame in told] == ["start", "tool", "end"]
        first, tool, last = told
        assert first["goal"] == goals[int(str(first["index"]))] and first["count"] == 3 and first["model"] == "fake-1"
        assert tool["name"] == "terminal" and str(tool["preview"]).startswith("echo child-")
        assert last["status"] == "completed" and last["summary"] == f"summary-of-{last['index']}"
        assert isinstance(last["tokens_in"], int) and last["tokens_in"] > 0 and isinstance(last["s"], float)
    order = [frame["k"] for frame in server.frames if frame["k"] in ("sub", "result", "end")]
    assert order[-2:] == ["result", "end"]


def test_two_delegating_calls_keep_their_subagents_apart(template: Template) -> None:
    server = template.fork().attach()
    calls = [["delegate_task", {"goal": script({"text": f"summary-of-{i}"})}] for i in range(2)]
    server.turn("r1", script({"tools": calls}, {"text": "over"}))
    tids = [frame["tid"] for frame in server.of("r1", "tool")]
    ends = {frame["tid"]: frame["summary"] for frame in server.of("r1", "sub") if frame["step"] == "end"}
    assert ends == {tids[0]: "summary-of-0", tids[1]: "summary-of-1"}


def test_a_subagent_of_a_subagent_asks(place: Path, demo: Demo) -> None:
    with template_of(place, "deep", demo, settings={"more": "delegation: {max_spawn_depth: 2}"}) as template:
        worker = template.fork()
        folder = worker.workspace / "precious"
        folder.mkdir()
        server = worker.attach()
        inner = script({"tools": [["terminal", {"command": f"rm -rf {folder}"}]]}, {"text": "inner is over"})
        outer = script({"tools": [["delegate_task", {"goal": inner}]]}, {"text": "outer is over"})
        assert server.start("r1", script({"tools": [["delegate_task", {"goal": outer, "role": "orchestrator"}]]}, {"text": "over"}))["ok"]
        question = server.asked()
        starts = [frame for frame in server.of("r1", "sub") if frame["step"] == "start"]
        (call,) = server.of("r1", "tool")
        assert [frame["goal"] for frame in starts] == [outer, inner] and starts[1]["parent"] == starts[0]["id"]
        assert question["sub"] == starts[1]["id"] and question["tid"] == call["tid"] == starts[1]["tid"]
        assert folder.exists() and server.ask(c="answer", q=question["q"], choice="once")["ok"]
        assert server.end("r1")["outcome"] == "completed" and not folder.exists()
        ends = [frame["id"] for frame in server.of("r1", "sub") if frame["step"] == "end"]
        assert ends == [starts[1]["id"], starts[0]["id"]]
