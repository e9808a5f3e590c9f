"""Turns of the real agent in forked workers."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from agent_rig import Connection, Demo, Template, cold, script, wait_until, write_home


def clean_rows(rows: list[dict[str, Any]]) -> bool:
    return not any(key.startswith("_") for row in rows for key in row)


def test_b27_ready_states_the_configured_provider(template: Template) -> None:
    assert template.ready["k"] == "ready" and template.ready["fork"] is True, template.ready
    assert template.ready["provider"] == {"configured": True, "model": "fake-1", "provider": "custom", "reason": ""}


def test_a_turn_with_tools_in_its_workspace(template: Template) -> None:
    worker = template.fork()
    server = worker.attach()
    assert server.hello["k"] == "hello" and server.hello["pid"] == worker.pid
    end = server.turn(
        "r1",
        script(
            {"text": "Let me write.", "reason": "a thought", "tools": [["write_file", {"path": "a.txt", "content": "hi"}]]},
            {"text": "And look.", "tools": [["terminal", {"command": "pwd; cat a.txt; exit 3"}]]},
            {"text": "All is well.", "usage": [500, 30]},
        ),
    )
    assert (worker.workspace / "a.txt").read_text() == "hi"
    kinds = [kind for kind, _ in itertools.groupby(frame["k"] for frame in server.frames)]
    assert kinds == ["reason", "text", "tool", "result", "text", "tool", "result", "text", "end"]
    first, written, second, looked = server.of("r1", "tool", "result")
    assert first["name"] == "write_file" and first["args"] == {"path": "a.txt", "content": "hi"} and first["preview"]
    assert written["tid"] == first["tid"] and written["error"] is False
    assert looked["tid"] == second["tid"] and looked["error"] is True and str(worker.workspace) in looked["r"]
    assert server.text("r1").split() == ["Let", "me", "write.", "And", "look.", "All", "is", "well."]
    assert end["outcome"] == "completed" and end["model"] == "fake-1"
    assert end["usage"]["input_tokens"] > 0 and end["usage"]["context_length"] == 131072
    assert end["context"]["keep"] == 0
    assert [row["role"] for row in end["context"]["rows"]] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert clean_rows(end["context"]["rows"])


def test_two_turns_warm_and_a_third_elsewhere(template: Template, demo: Demo) -> None:
    worker = template.fork()
    server = worker.attach()
    first = server.turn("r1", script({"text": "one"}), note="Be brief: note-7781.")
    assert server.hello["context"] is None
    second = server.turn("r2", 'SCRIPT: [{"text": "two"}]', base="r1")
    assert second["context"]["keep"] == 2 and [row["role"] for row in second["context"]["rows"]] == ["user", "assistant"]
    assert second["usage"]["input_tokens"] == first["usage"]["input_tokens"], "usage is the turn's own"
    assert server.start("r3", "x", base="r1")["error"] == "history"
    assert server.start("r2", "x", base="r2")["error"] == "again"
    asked = [request["body"]["messages"] for request in demo.requests() if "note-7781" in json.dumps(request["body"])]
    assert len(asked) == 1, "the note belongs to one turn"

    other = template.fork()
    rows = first["context"]["rows"] + second["context"]["rows"]
    orphan = {"role": "tool", "tool_call_id": "nobody", "content": "lost", "unknown": 1}
    asked_server = other.attach()
    third = asked_server.turn("r4", script({"text": "three"}), base="r2", history=[*rows, orphan])
    assert third["outcome"] == "completed" and third["context"]["keep"] == 4
    sent = [request for request in demo.requests() if request["method"] == "POST"][-1]["body"]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert asked_server.turn("r5", script({"text": "four"}), base="r4")["context"]["keep"] == 6


def test_b24_parallel_tools_keep_their_ids(template: Template) -> None:
    worker = template.fork()
    for name in "abc":
        (worker.workspace / f"{name}.txt").write_text(name * 10)
    server = worker.attach()
    tools = [["read_file", {"path": f"{name}.txt"}] for name in "abc"]
    server.turn("r1", script({"tools": tools}, {"text": "done"}))
    started = {frame["tid"]: frame["args"]["path"][0] for frame in server.of("r1", "tool")}
    results = server.of("r1", "result")
    assert len(started) == 3 == len(results)
    assert all(started[frame["tid"]] * 10 in frame["r"] and not frame["error"] for frame in results)


def test_failures_have_codes(template: Template) -> None:
    server = template.fork().attach()
    refused = server.turn("r1", script({"error": [401, {"message": "bad key"}]}))
    assert (refused["outcome"], refused["status"]) == ("failed", 401) and "bad key" in refused["error"]
    empty = server.turn("r2", script({"empty": True}), base="r1")
    assert (empty["outcome"], empty["kind"]) == ("failed", "empty_response_exhausted")
    cut = server.turn("r3", script({"text": "some words", "finish": "length"}), base="r2")
    assert (cut["outcome"], cut["kind"]) == ("failed", "truncated")
    fine = server.turn("r4", script({"text": "fine"}), base="r3")
    assert fine["outcome"] == "completed" and server.text("r4") == "fine"
    assert server.text("r1") == "" and not server.of("r1", "answer")


def test_a_model_that_cannot_be_made(place: Path, demo: Demo) -> None:
    folder = place / "small"
    folder.mkdir()
    template = Template(write_home(folder / "home", demo.address, window=", context_length: 8000"), folder)
    try:
        server = template.fork().attach()
        end = server.turn("r1", script({"text": "never"}))
        assert (end["outcome"], end["kind"]) == ("failed", "construction") and "64" in end["error"]
        assert end["context"] == {"keep": 0, "rows": [{"role": "user", "content": script({"text": "never"})}]}
        missing = server.turn("r2", "hello", base="r1", provider="nonsuch")
        assert (missing["kind"], missing["status"]) == ("auth", 401)
    finally:
        template.close()


def test_an_empty_home_and_the_demo_provider(place: Path) -> None:
    folder = place / "empty"
    folder.mkdir()
    template = Template(folder / "home", folder)
    try:
        assert template.ready["fork"] is True, template.ready
        assert template.ready["provider"]["configured"] is False and template.ready["provider"]["reason"]
        worker = template.fork()
        (worker.workspace / "alpha.txt").write_text("x")
        server = worker.attach()
        assert server.ask(c="prepare", model="demo", provider="demo")["ok"]

        def turn(run: str, base: str | None, text: str) -> dict[str, Any]:
            end = server.turn(run, text, base=base, model="demo", provider="demo")
            assert (end["outcome"], end["model"], end["provider"]) == ("completed", "demo", "demo")
            return end

        turn("r1", None, "list the files here")
        assert "alpha.txt" in server.text("r1") and server.of("r1", "tool")
        turn("r2", "r1", "write a haiku to poem.txt")
        assert "gate" in (worker.workspace / "poem.txt").read_text()
        demo = {"model": "demo", "provider": "demo"}
        assert server.start("r3", "ask for permission", base="r2", **demo)["ok"]
        question = server.asked()
        assert question["command"] == "rm -rf ./propylon-demo-scratch" and question["keys"]
        assert server.ask(c="answer", q=question["q"], choice="once")["ok"]
        assert server.end("r3")["outcome"] == "completed" and "allowed" in server.text("r3")
        assert server.start("r4", "ask me a question", base="r3", **demo)["ok"]
        question = server.asked()
        assert question["k"] == "clarify" and "Teal" in question["choices"]
        assert server.ask(c="answer", q=question["q"], text="Teal")["ok"]
        assert server.end("r4")["outcome"] == "completed" and "Teal" in server.text("r4")
        assert server.ask(c="title", user="ask me a question", answer="Teal")["value"] == ""
        assert server.turn("r5", "hello", base="r4")["status"] == 401, "nothing is configured"
        cache = folder / "home" / "context_length_cache.yaml"
        assert not cache.exists() or "demo" not in cache.read_text()
        assert not (folder / "home" / "config.yaml").exists()
    finally:
        template.close()


def test_two_homes_do_not_bleed(template: Template, place: Path, demo: Demo) -> None:
    folder = place / "other"
    folder.mkdir()
    home = write_home(folder / "home", demo.address)
    (home / ".env").write_text("ONLY_HERE=yes\n")
    other = Template(home, folder)
    try:
        look = script(
            {"tools": [["terminal", {"command": 'pwd; echo "home=$HERMES_HOME env=$ONLY_HERE key=$HERMES_SESSION_KEY"'}]]}, {"text": "ok"}
        )
        pairs: list[tuple[Template, Connection, str]] = []
        for place_of, session in ((template, "left"), (other, "right"), (other, "third")):
            worker = place_of.fork(session=session)
            server = worker.attach()
            assert server.start("r1", look)["ok"]
            pairs.append((place_of, server, str(worker.workspace)))
        for place_of, server, workspace in pairs:
            assert server.end("r1")["outcome"] == "completed"
            said = server.of("r1", "result")[0]["r"]
            assert workspace in said and (f"env={'yes' if place_of is other else ''} " in said)
            assert not any(text in said for _, _, text in pairs if text != workspace)
    finally:
        other.close()


def test_a_cold_worker(place: Path, template: Template, demo: Demo) -> None:
    spec = template.spec(id="cold", session="cold")
    spec |= {name: str(place / f"cold.{name}") for name in ("socket", "left", "spill")}
    home = write_home(place / "cold-home", demo.address)
    (home / ".env").write_text("TERMINAL_CWD=/\nHERMES_SESSION_KEY=stolen\nHERMES_EXEC_ASK=0\n")
    with cold(place, home, spec) as worker:
        server = worker.attach()
        assert server.turn("r1", script({"tools": [["terminal", {"command": "pwd"}]]}, {"text": "ok"}))["outcome"] == "completed"
        assert spec["workspace"] in server.of("r1", "result")[0]["r"]
        assert server.ask(c="leave")["ok"]
        wait_until(lambda: not Path(spec["socket"]).exists())


def test_a_home_whose_agent_cannot_be_imported(place: Path) -> None:
    folder = place / "broken"
    (folder / "modules").mkdir(parents=True)
    (folder / "modules" / "run_agent.py").write_text("raise ImportError('this agent is broken')\n")
    template = Template(folder / "home", folder, PYTHONPATH=str(folder / "modules"))
    try:
        assert template.ready["k"] == "failed" and "this agent is broken" in template.ready["error"]
        assert template.process.wait(10) == 1
    finally:
        template.close()


def test_another_model_is_another_agent_with_the_same_context(template: Template, demo: Demo) -> None:
    server = template.fork().attach()
    server.turn("r1", script({"text": "one"}))
    end = server.turn("r2", script({"text": "two"}), base="r1", model="fake-2")
    assert end["model"] == "fake-2" and end["context"]["keep"] == 2
    sent = [request["body"] for request in demo.requests() if request["method"] == "POST"][-1]
    assert sent["model"] == "fake-2" and len(sent["messages"]) == 4


def test_what_only_the_final_text_has_is_sent(template: Template) -> None:
    server = template.fork().attach()
    patch = {"mode": "replace", "path": "missing.txt", "old_string": "a", "new_string": "b"}
    end = server.turn("r1", script({"tools": [["patch", patch]]}, {"text": "I changed the file."}))
    assert end["outcome"] == "completed" and server.of("r1", "result")[0]["error"] is True
    assert server.text("r1").strip().startswith("I changed the file.\n\n") and "missing.txt" in server.text("r1")
    server.turn("r2", script({"text": "<think>hidden thoughts</think>shown"}), base="r1")
    assert server.text("r2").strip() == "shown"
    assert "hidden thoughts" in "".join(frame["t"] for frame in server.of("r2", "reason"))


def test_b34_a_long_context_is_compressed(template: Template) -> None:
    server = template.fork().attach()
    history = [
        message
        for i in range(24)
        for message in ({"role": "user", "content": f"{i} question " * 900}, {"role": "assistant", "content": f"{i} answer " * 1200})
    ]
    end = server.turn("r1", script({"text": "after"}), base="r0", history=history)
    assert end["outcome"] == "completed" and server.of("r1", "compressed"), server.frames
    kept = end["context"]["keep"] + len(end["context"]["rows"])
    assert kept < len(history) and server.text("r1").strip() == "after"
    assert server.turn("r2", script({"text": "more"}), base="r1")["context"]["keep"] == kept
