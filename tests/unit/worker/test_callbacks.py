from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from propylon.runtimes.hermes.worker.callbacks import Turn, remainder
from propylon.runtimes.hermes.worker.clarify import OWN_JUDGEMENT
from propylon.runtimes.hermes.worker.spool import Spool


class Said:
    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder / "spill", lambda: None)
        self.turn = Turn("r", self.spool)

    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.spool.lines()]

    def kinds(self) -> list[str]:
        return [frame["k"] for frame in self.frames()]


@pytest.fixture
def said(tmp_path: Path) -> Said:
    return Said(tmp_path)


@pytest.mark.parametrize(
    ("streamed", "final", "wanted"),
    [
        ("all of it", "all of it", ("", "")),
        ("\n\nall of it ", "all of it", ("", "")),
        ("all", "all of it", ("text", " of it")),
        ("all\n\n", "all\n\nfooter", ("text", "footer")),
        ("", "all", ("text", "all")),
        ("some", "other", ("answer", "other")),
        ("some", "", ("", "")),
    ],
)
def test_remainder(streamed: str, final: str, wanted: tuple[str, str]) -> None:
    assert remainder(streamed, final) == wanted


def test_b20_text_reasoning_and_tools_keep_their_order(said: Said) -> None:
    turn = said.turn
    turn.reason("hm")
    turn.text("look")
    turn.text(None)
    turn.tool_progress("tool.started", "terminal", "ls", {})
    turn.tool_start("c1", "terminal", {"command": "ls"})
    turn.tool_progress("tool.completed", "terminal", None, None, duration=0.25, is_error=True, result="x")
    turn.tool_complete("c1", "terminal", {}, {"output": "x"})
    turn.text("\n\ndone")
    turn.finish("done", "hm", previewed=False)
    frames = said.frames()
    assert [frame["k"] for frame in frames] == ["reason", "text", "tool", "result", "text"]
    assert frames[2] | {"at": 0} == {
        "n": 3, "k": "tool", "run": "r", "tid": "c1", "name": "terminal", "args": {"command": "ls"}, "preview": "ls", "at": 0,
    }  # fmt: skip
    assert frames[3] == {
        "n": 4,
        "k": "result",
        "run": "r",
        "tid": "c1",
        "name": "terminal",
        "r": '{"output": "x"}',
        "error": True,
        "s": 0.25,
    }


@pytest.mark.parametrize(
    "given", [("tool.started", "terminal", "ls", {}), ("tool.started", "terminal", "ls"), ("tool.started", "terminal")]
)
def test_b22_the_agent_may_say_less_of_a_tool(said: Said, given: tuple[Any, ...]) -> None:
    """Versions of the agent differ in how much they tell."""
    said.turn.tool_progress(*given)
    said.turn.tool_start("c1", "terminal", {"command": "ls"})
    said.turn.tool_complete("c1", "terminal", {}, "out")
    tool, result = said.frames()
    assert tool["preview"] == ("ls" if len(given) > 2 else "") and result["r"] == "out" and result["error"] is False


@pytest.mark.parametrize(
    "given", [("reasoning.available", "_thinking", "visible words", None), ("reasoning.available",), ("later.kind", "x")]
)
def test_b22_visible_words_are_not_taken_for_thinking(said: Said, given: tuple[Any, ...]) -> None:
    """`reasoning.available` of this agent repeats the answer; thinking comes by its own callback alone."""
    said.turn.tool_progress(*given)
    assert said.frames() == []


@pytest.mark.parametrize(
    ("name", "result", "failed"),
    [
        ("delegate_task", {"results": [{"status": "completed", "error": None}, {"status": "completed", "error": None}]}, False),
        ("delegate_task", {"results": [{"status": "completed"}, {"status": "failed", "error": "boom"}]}, True),
        ("read_file", {"content": 'a file about "error" and "failed"'}, False),
        ("read_file", {"error": "no such file"}, True),
        ("memory", {"success": False, "message": "full"}, True),
        ("execute_code", {"status": "blocked", "message": "no"}, True),
        ("terminal", {"exit_code": 1, "output": ""}, True),
        ("odd", "Error: plain words", True),
        ("odd", [1, 2], True),
    ],
)
def test_a_result_is_a_failure_when_it_says_so_itself(said: Said, name: str, result: Any, failed: bool) -> None:
    """The agent calls every result a failure that has the word in it."""
    said.turn.tool_progress("tool.started", name, "", {})
    said.turn.tool_start("c1", name, {})
    said.turn.tool_progress("tool.completed", name, None, None, duration=0.1, is_error=True, result="x")
    said.turn.tool_complete("c1", name, {}, result)
    assert said.frames()[-1]["error"] is failed


def test_parallel_calls_of_one_tool_are_joined_in_order(said: Said) -> None:
    turn = said.turn
    for preview in ("one", "two"):
        turn.tool_progress("tool.started", "read_file", preview, {})
    turn.tool_start("same", "read_file", {})
    turn.tool_start("same", "read_file", {})
    for seconds in (1.0, 2.0):
        turn.tool_progress("tool.completed", "read_file", None, None, duration=seconds, is_error=False)
        turn.tool_complete("same", "read_file", {}, "x")
    frames = said.frames()
    assert [frame.get("preview") for frame in frames[:2]] == ["one", "two"]
    assert [frame["tid"] for frame in frames] == ["same", "same+", "same", "same+"]
    assert [frame["s"] for frame in frames[2:]] == [1.0, 2.0]


def test_a_call_that_never_returned_gets_a_result(said: Said) -> None:
    said.turn.tool_start("c1", "terminal", {})
    said.turn.close_tools()
    assert said.frames()[1]["error"] is True and "No result" in said.frames()[1]["r"]


def test_the_final_text_is_authoritative(said: Said) -> None:
    turn = said.turn
    turn.text("head")
    turn.tool_start("c1", "t", {})
    turn.tool_complete("c1", "t", {}, "x")
    turn.text("wrong")
    turn.finish("right", "", previewed=False)
    assert said.frames()[-1] == {"n": 5, "k": "answer", "run": "r", "t": "right"}


def test_reasoning_that_never_streamed_comes_once(said: Said) -> None:
    said.turn.finish("answer", "thoughts", previewed=False)
    assert [(frame["k"], frame["t"]) for frame in said.frames()] == [("reason", "thoughts"), ("text", "answer")]


def test_text_shown_before_a_tool_is_not_repeated(said: Said) -> None:
    said.turn.interim("shown", already_streamed=False)
    said.turn.interim("shown", already_streamed=False)
    said.turn.tool_start("c1", "t", {})
    said.turn.finish("shown", "", previewed=True)
    assert said.kinds() == ["text", "tool"]


def test_notices(said: Said) -> None:
    turn = said.turn
    turn.spinner("(¬_¬) analyzing...")
    turn.spinner("⏳ waiting on x — 30s with no output yet")
    turn.status("lifecycle", "🗜️ Compacting context…")
    turn.status("lifecycle", "❌ Non-retryable error")
    turn.status("warn", "careful")
    turn.status("warn", "careful")
    turn.event("session:compress", {"compression_count": 2})
    turn.event("other", {})
    assert [(frame["k"], frame.get("level")) for frame in said.frames()] == [
        ("note", "info"),
        ("note", "info"),
        ("note", "error"),
        ("note", "warn"),
        ("compressed", None),
    ]


def test_where_nobody_can_be_asked_the_agent_judges_by_itself(said: Said) -> None:
    assert said.turn.clarify("Which?", ["a", "b"]) == OWN_JUDGEMENT


def delegated(said: Said) -> Turn:
    turn = said.turn
    turn.tool_start("c1", "delegate_task", {"tasks": [{"goal": "one"}, {"goal": "two"}]})
    turn.tool_start("c2", "delegate_task", {"goal": "three"})
    return turn


def test_subagents_belong_to_the_call_that_made_them(said: Said) -> None:
    turn = delegated(said)
    for number, goal in enumerate(("one", "two", "three")):
        more = {"task_index": number % 2, "task_count": 2, "goal": goal, "subagent_id": f"sa-{goal}", "model": "m"}
        turn.tool_progress("subagent.start", None, goal, None, **more)
        turn.tool_progress("subagent.thinking", None, "hm", None, **more)
        turn.tool_progress("subagent.text", None, "words", None, **more)
    nested = {"task_index": 0, "task_count": 1, "goal": "inner", "subagent_id": "sa-inner", "parent_id": "sa-three"}
    turn.tool_progress("subagent.start", None, "inner", None, **nested)
    turn.tool_progress("subagent.tool", "terminal", "ls", {"command": "ls"}, **nested)
    ended = nested | {"status": "completed", "duration_seconds": 1.23456, "summary": "é" * 20_000, "input_tokens": 7, "output_tokens": 3}
    turn.tool_progress("subagent.complete", None, "short", None, **ended)
    frames = [frame for frame in said.frames() if frame["k"] == "sub"]
    assert [(frame["step"], frame["id"], frame["tid"]) for frame in frames] == [
        ("start", "sa-one", "c1"),
        ("start", "sa-two", "c1"),
        ("start", "sa-three", "c2"),
        ("start", "sa-inner", "c2"),
        ("tool", "sa-inner", "c2"),
        ("end", "sa-inner", "c2"),
    ]
    end = frames[-1]
    assert end["parent"] == "sa-three" and (end["status"], end["s"], end["tokens_in"], end["tokens_out"]) == ("completed", 1.235, 7, 3)
    assert len(end["summary"].encode()) < 17 * 1024 and "more bytes" in end["summary"]
    assert (frames[4]["name"], frames[4]["preview"]) == ("terminal", "ls")
    assert turn.place("whatever", "sa-inner") == "c2" and turn.place("c1", "") == "c1" and turn.place("c9", "") == ""


def test_subagents_that_never_ended_are_ended(said: Said) -> None:
    turn = delegated(said)
    turn.tool_progress("subagent.start", None, "one", None, goal="one", subagent_id="sa")
    turn.tool_progress("tool.started", "terminal", "ls", {})
    turn.close_tools()
    kinds = [(frame["k"], frame.get("step"), frame.get("status")) for frame in said.frames()]
    assert kinds[3:] == [("sub", "end", "interrupted"), ("result", None, None), ("result", None, None)]


def test_a_callback_that_fails_is_logged_and_swallowed(said: Said, caplog: pytest.LogCaptureFixture) -> None:
    said.turn.event("session:compress", {"compression_count": "many"})
    assert "callback event" in caplog.text and said.frames() == []


def test_retries_are_told_each_time_and_not_again_when_they_are_let_go(said: Said) -> None:
    for _ in range(2):
        said.turn.retrying("⏳ Waiting 1.0s (attempt 2/3)")
    said.turn.status("lifecycle", "⏳ Waiting 1.0s (attempt 2/3)")
    said.turn.status("lifecycle", "❌ gave up")
    said.turn.status("lifecycle", "❌ gave up")
    assert [(frame["level"], frame["t"][0]) for frame in said.frames()] == [("info", "⏳"), ("info", "⏳"), ("error", "❌")]


def test_what_the_agent_repeats_with_masks_is_not_said_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spill", lambda: None)
    turn = Turn("r", spool, redact=lambda text: text.replace("fake", "***"))
    turn.text("it is fake.")
    turn.interim("it is ***.")
    assert [json.loads(line)["t"] for line in spool.lines()] == ["it is fake."]
