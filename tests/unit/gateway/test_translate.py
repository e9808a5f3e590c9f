"""What gateways stream becomes events; no shape of it fails a good answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propylon.events import Answer, Answered, Approval, Event, Token, ToolFinished, ToolStarted, joined
from propylon.runs.fold import Transcript
from propylon.runtimes.base import Permissions, RunEnd
from propylon.runtimes.gateway.asking import Asking
from propylon.runtimes.gateway.sse import Decoder, Frame
from propylon.runtimes.gateway.translate import Chat, Progress, Run, delta_text, usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["choices", "delta", "message", "content", "usage", "error", "hermes", "finish_reason", "event", "tool", "status", "output"]
)
SHAPES = st.recursive(
    JSON | st.sampled_from(["message.delta", "run.completed", "tool.started", "approval.request", "stop", "length"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def chunk(**delta: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}).encode()


def last(reason: str = "stop", **more: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], **more}).encode()


def heard(*data: bytes | Frame) -> tuple[list[Event], RunEnd]:
    chat = Chat("run", "the-secret-key", clock=lambda: 5.0)
    found = chat.feed([one if isinstance(one, Frame) else Frame("", one) for one in data])
    return joined(found), chat.end()


def tool(**said: Any) -> Frame:
    return Frame("hermes.tool.progress", json.dumps(said).encode())


def run_of(*said: dict[str, Any], permissions: Permissions | None = None) -> tuple[list[Event], Run]:
    found = Run("run", Asking("run", "session", permissions or Permissions()), "the-secret-key", clock=lambda: 5.0)
    return joined(found.feed([Frame("", json.dumps(one).encode()) for one in said])), found


def test_a16_done_ends_and_what_is_no_json_is_skipped() -> None:
    events, end = heard(chunk(content="a"), b"{broken", b"", b"\xff\xfe", chunk(content="b"), b" [DONE] ", chunk(content="c"))
    assert events == [Token(text="ab")] and end.outcome == "completed"


def test_a16_a_frame_of_several_lines_is_one_value() -> None:
    frames = Decoder().feed(b'data: {"choices": [{"delta":\ndata: {"content": "two lines"}}]}\n\n')
    assert heard(*frames, last())[0] == [Token(text="two lines")]


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"delta": {"content": "d"}, "message": {"content": "m"}}, "d"),
        ({"delta": {"content": ""}, "message": {"content": "m"}}, ""),
        ({"delta": {"content": None}, "message": {"content": "m"}}, "m"),
        ({"message": {"content": "m"}}, "m"),
        ({"delta": {"content": [{"type": "text", "text": "x"}]}}, ""),
        ({"delta": "x"}, ""),
        ({"delta": {"content": 5}}, ""),
        ({}, ""),
    ],
)
def test_a17_where_the_text_is(choice: dict[str, Any], found: str) -> None:
    assert delta_text(choice) == found
    events, end = heard(json.dumps({"choices": [choice]}).encode(), chunk(content="!"), last())
    assert events == [Token(text=found + "!")] and end.outcome == "completed"


@pytest.mark.parametrize("value", [{}, [], "text", 5, None, {"choices": []}, {"choices": "x"}, {"choices": [None]}, {"choices": [[]]}])
def test_a17_no_shape_is_an_error(value: Any) -> None:
    events, end = heard(json.dumps(value).encode(), chunk(content="fine"), last())
    assert events == [Token(text="fine")] and end.outcome == "completed"


def test_a18_every_piece_that_is_not_empty_is_a_token_as_it_came() -> None:
    chat = Chat("run")
    found = chat.feed([Frame("", chunk(content=words)) for words in (" a", "", "\n", "b ")])
    assert found == [Token(text=" a"), Token(text="\n"), Token(text="b ")]


@pytest.mark.parametrize(
    ("said", "figures"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2, "estimated_cost": 0.5}, (1, 2, 0.5)),
        ({"input_tokens": 1, "output_tokens": 2, "estimated_cost_usd": "0.5"}, (1, 2, 0.5)),
        ({"prompt_tokens": 0, "input_tokens": 7}, (7, 0, 0.0)),
        ({"prompt_tokens": "many", "completion_tokens": None, "estimated_cost": [1]}, (0, 0, 0.0)),
        ({"prompt_tokens": float("nan"), "completion_tokens": float("inf"), "estimated_cost": -1}, (0, 0, 0.0)),
        ({"prompt_tokens": True, "completion_tokens": "12"}, (0, 12, 0.0)),
    ],
)
def test_a19_usage_in_every_spelling_and_never_a_failure(said: dict[str, Any], figures: tuple[int, int, float]) -> None:
    found = usage(said)
    assert (found.input_tokens, found.output_tokens, found.estimated_cost) == figures
    events, end = heard(chunk(content="a"), json.dumps({"choices": [], "usage": said}).encode(), last())
    assert (end.outcome, end.usage) == ("completed", found) and events == [Token(text="a")]


def test_a19_only_figures_other_than_nothing_overwrite() -> None:
    _, end = heard(last(usage={"prompt_tokens": 5, "completion_tokens": 1}), last(usage={"prompt_tokens": 0, "completion_tokens": 3}))
    assert (end.usage.input_tokens, end.usage.output_tokens) == (5, 3)


def test_a20_tools_come_from_their_own_event_alone() -> None:
    said = json.dumps({"tool": "terminal", "status": "running", "choices": [{"delta": {"content": "x"}}]}).encode()
    assert heard(Frame("", said))[0] == [Token(text="x")]
    assert heard(Frame("other", said))[0] == [Token(text="x")]
    assert heard(Frame("hermes.tool.progress", said))[0] == [ToolStarted(tid="run-t1", name="terminal", at=5.0)]


@pytest.mark.parametrize("name", ["tool", "name", "function_name"])
def test_a21_the_name_of_a_tool(name: str) -> None:
    assert heard(tool(**{name: "terminal"}))[0] == [ToolStarted(tid="run-t1", name="terminal", at=5.0)]
    assert heard(tool(**{name: "_thinking"}), tool(**{name: ""}), tool(**{name: 5}), tool())[0] == []


@pytest.mark.parametrize("status", ["completed", "complete", "success", "error", "failed", "Completed ", "FAILED"])
def test_a22_words_that_end_a_call(status: str) -> None:
    events, _ = heard(tool(tool="t", toolCallId="1"), tool(tool="t", toolCallId="1", status=status))
    assert [event.event_type for event in events] == ["tool.started", "tool.completed"]  # type: ignore[attr-defined]
    assert events[1].is_error is (status.strip().lower() in ("error", "failed"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", ["running", "queued", "", None, 5])
def test_a22_everything_else_begins_one(status: object) -> None:
    assert [type(event) for event in heard(tool(tool="t", status=status))[0]] == [ToolStarted]


@pytest.mark.parametrize("spelling", ["toolCallId", "tool_call_id", "id"])
def test_a23_id_preview_and_arguments(spelling: str) -> None:
    events, _ = heard(tool(tool="t", label="ls", preview="no", args={"a": 1}, **{spelling: 7}), tool(tool="u", preview="p", args="x"))
    assert events == [
        ToolStarted(tid="7", name="t", preview="ls", args={"a": 1}, at=5.0),
        ToolStarted(tid="run-t2", name="u", preview="p", args={}, at=5.0),
    ]


def test_a23_results_that_a_gateway_sends_are_kept() -> None:
    events, _ = heard(tool(tool="t", id="1"), tool(tool="t", id="1", status="success", result="é", duration="0.5"))
    assert events[1] == ToolFinished(tid="1", name="t", result="é", result_size=2, duration=0.5)


def test_a24_a_call_ends_by_its_id_and_by_name_only_without_one() -> None:
    events, _ = heard(
        tool(tool="t", id="a"), tool(tool="t", id="b"), tool(tool="t", id="a", status="error"), tool(tool="t", id="b", status="completed")
    )
    assert [(event.tid, event.is_error) for event in events[2:]] == [("a", True), ("b", False)]  # type: ignore[attr-defined]
    events, _ = heard(
        tool(tool="t"), tool(tool="u"), tool(tool="t"), tool(tool="t", status="completed"), tool(tool="u", status="completed")
    )
    assert [event.tid for event in events[3:]] == ["run-t3", "run-t2"]  # type: ignore[attr-defined]
    events, _ = heard(tool(tool="t", id="a"), tool(tool="t", id="other", status="completed"))
    assert events[1].tid == "other"  # type: ignore[attr-defined]


def test_a24_a_call_that_ends_without_a_beginning_makes_a_row() -> None:
    transcript = Transcript("run")
    for event in heard(tool(tool="t", status="completed"), tool(tool="t", id="x"), tool(tool="t", id="x"), chunk(content="done"))[0]:
        transcript.apply(event)
    assert [row["role"] for row in transcript.rows()] == ["assistant", "tool", "tool", "assistant"]


def test_a25_after_an_event_with_a_name_chunks_are_chunks_again() -> None:
    frames = Decoder().feed(b'event: hermes.tool.progress\ndata: {"tool": "t"}\n\ndata: ' + chunk(content="x") + b"\n\n")
    assert [type(event) for event in heard(*frames)[0]] == [ToolStarted, Token]


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (last("error", error={"message": "no credit"}), "error"),
        (last("error"), "error"),
        (last("stop", error="boom"), "error"),
        (last("stop", hermes={"failed": True, "error": "x"}), "error"),
        (last("stop", hermes={"completed": False}), "error"),
        (last("stop", hermes={"error_code": "agent_error"}), "error"),
        (last("stop", hermes={"partial": True}), "truncated"),
        (last("length"), "truncated"),
        (last("error", hermes={"error_code": "output_truncated", "failed": True}), "truncated"),
        (last("content_filter"), "content_policy"),
        (json.dumps({"error": {"message": "no credit"}}).encode(), "error"),
    ],
)
def test_a26_the_gateways_own_word_decides_the_outcome(ending: bytes, kind: str) -> None:
    events, end = heard(chunk(content="some"), ending, b"[DONE]")
    assert events == [Token(text="some")]
    assert end.outcome == "failed" and end.failure is not None and end.failure.kind == kind


def test_a26_success_needs_a_last_word() -> None:
    assert heard(chunk(content="a"), last())[1].outcome == "completed"
    assert heard(chunk(content="a"), b"[DONE]")[1].outcome == "completed"
    cut = heard(chunk(content="a"))[1].failure
    assert cut is not None and cut.kind == "gateway_error"
    good = last("stop", hermes={"completed": True, "partial": False, "failed": False, "error": None}, error=None)
    assert heard(chunk(content="a"), good)[1].outcome == "completed"


def test_a12_a_stream_without_words_is_empty() -> None:
    for data in ([], [b"[DONE]"], [last()], [chunk(content=" \n"), last()], [tool(tool="t"), last()]):
        found = heard(*data)[1].failure  # type: ignore[arg-type]
        assert found is not None and found.kind == "gateway_empty_response"


def test_no_secret_in_what_a_gateway_says_of_a_failure() -> None:
    found = heard(last("error", error={"message": f"{'x' * 480} the-secret-key sk-abcdefghijklmnopqrstu"}))[1].failure
    assert found is not None and "secret" not in found.details and "sk-abcdefg" not in found.details and len(found.details) <= 500


def test_half_a_surrogate_becomes_a_replacement() -> None:
    assert heard(b'{"choices": [{"delta": {"content": "a \\ud800 b \\ud83d\\ude00"}}]}')[0] == [Token(text="a \ufffd b \U0001f600")]
    assert run_of()[1].feed([Frame("", b'{"event": "message.delta", "delta": "\\udc00"}')]) == [Token(text="\ufffd")]


@given(st.lists(SHAPES, max_size=4), st.sampled_from(["", "hermes.tool.progress"]))
def test_a17_a26_anything_at_all_before_a_good_answer_leaves_it_readable(shapes: list[Any], name: str) -> None:
    chat = Chat("run")
    chat.feed([Frame(name, json.dumps(shape).encode()) for shape in shapes])
    assert chat.feed([Frame("", chunk(content="answer"))]) == [Token(text="answer")]
    assert isinstance(chat.end(), RunEnd)


@given(st.lists(SHAPES, max_size=5))
def test_events_of_the_runs_api_are_total(shapes: list[Any]) -> None:
    _, found = run_of()
    transcript = Transcript("run")
    for event in found.feed([Frame("", json.dumps(shape).encode()) for shape in shapes]):
        transcript.apply(event)
    assert Progress.of(found.progress.mark) == found.progress


def test_a_run_in_full() -> None:
    events, found = run_of(
        {"event": "message.delta", "delta": "Let me "},
        {"event": "message.delta", "delta": "look"},
        {"event": "reasoning.available", "text": "Let me look"},
        {"event": "tool.started", "tool": "terminal", "preview": "ls", "timestamp": 3},
        {"event": "tool.completed", "tool": "terminal", "duration": 0.5, "error": False},
        {"event": "something.new", "x": 1},
        {"event": "message.delta", "delta": "\n\nDone."},
        {"event": "run.completed", "output": "Done.", "usage": {"input_tokens": 4, "output_tokens": 2}},
    )
    assert events == [
        Token(text="Let me look"),
        ToolStarted(tid="run-t1", name="terminal", preview="ls", at=3.0),
        ToolFinished(tid="run-t1", name="terminal", duration=0.5),
        Token(text="\n\nDone."),
    ]
    assert found.end is not None and (found.end.outcome, found.end.usage.input_tokens) == ("completed", 4)
    assert found.progress == Progress(tools=1, finished=1)


def test_the_output_is_the_last_word_where_it_differs() -> None:
    assert run_of({"event": "message.delta", "delta": "a"}, {"event": "run.completed", "output": "b"})[0][1:] == [Answer(text="b")]
    assert run_of({"event": "run.completed", "output": "b"})[0] == [Token(text="b")]
    assert run_of({"event": "message.delta", "delta": "a"}, {"event": "run.completed", "output": ""})[0] == [Token(text="a")]
    found = run_of({"event": "tool.started", "tool": "t"}, {"event": "run.completed"})[1]
    assert found.end is not None and found.end.failure is not None and found.end.failure.kind == "gateway_empty_response"


def test_a_run_that_failed_or_was_stopped_elsewhere() -> None:
    found = run_of({"event": "run.failed", "error": "no the-secret-key"})[1].end
    assert found is not None and found.failure is not None and (found.failure.kind, found.failure.details) == ("error", "no ***")
    found = run_of({"event": "run.cancelled"})[1].end
    assert found is not None and found.outcome == "interrupted"


ASK = {"event": "approval.request", "command": "rm -rf x", "description": "d", "pattern_keys": ["rm"], "choices": ["once", "deny", "odd"]}


def test_only_the_oldest_question_is_shown() -> None:
    events, found = run_of({"event": "tool.started", "tool": "t"}, ASK, {**ASK, "command": "second"})
    assert [type(event) for event in events] == [ToolStarted, Approval]
    assert events[1].approval_id == "run-q1" and events[1].tid == "run-t1" and events[1].choices == ["once", "deny"]  # type: ignore[attr-defined]
    more = found.feed([Frame("", b'{"event": "approval.responded", "choice": "once", "resolved": 1}')])
    assert [type(event) for event in more] == [Answered, Approval]
    assert (more[0].choice, more[0].by, more[1].command) == ("once", "person", "second")  # type: ignore[attr-defined]
    assert found.progress == Progress(tools=1, asked=2, answered=1)


def test_an_answer_of_ours_and_its_echo_are_one() -> None:
    _, found = run_of(ASK)
    assert [type(event) for event in found.asking.decided("run-q1", "once", "person", 1.0)] == [Answered]
    assert found.feed([Frame("", b'{"event": "approval.responded", "choice": "once"}')]) == []
    assert found.asking.decided("run-q1", "once", "person", 1.0) == []


def test_a_deadline_of_the_gateway_closes_the_question() -> None:
    events, found = run_of(ASK, {"event": "message.delta", "delta": "refused"})
    assert [type(event) for event in events] == [Approval, Answered, Token]
    assert (events[1].by, events[1].choice) == ("timeout", "deny")  # type: ignore[attr-defined]
    assert not found.asking


def test_what_a_person_allowed_before_is_not_asked_again() -> None:
    events, found = run_of(ASK, permissions=Permissions(granted=("rm",)))
    wanted = found.asking.allowed
    assert events == [] and wanted is not None
    assert found.asking.granted(wanted, 1.0) == [] and not found.asking
    assert run_of({**ASK, "pattern_keys": ["rm", "other"]}, permissions=Permissions(granted=("rm",)))[0] != []
    assert run_of({**ASK, "pattern_keys": []}, permissions=Permissions(granted=("rm",)))[0] != []
    assert run_of(ASK, permissions=Permissions(yolo=True))[0] == []
    assert run_of({**ASK, "smart_denied": True}, permissions=Permissions(yolo=True))[0] != []
    assert [type(event) for event in run_of(ASK, permissions=Permissions(yolo=True))[1].asking.ask_again()] == [Approval]


def test_an_echo_that_comes_first_leaves_the_next_question_alone() -> None:
    _, found = run_of(ASK, {**ASK, "command": "second"}, permissions=Permissions(granted=("rm",)))
    first = found.asking.allowed
    assert first is not None
    found.feed([Frame("", b'{"event": "approval.responded", "choice": "once"}')])
    assert found.asking.granted(first, 1.0) == []
    second = found.asking.allowed
    assert second is not None and second.command == "second"
    found.asking.granted(second, 1.0)
    assert not found.asking
    assert found.feed([Frame("", b'{"event": "approval.responded", "choice": "once"}')]) == []


def test_another_call_that_ends_leaves_the_question_open() -> None:
    begun = [{"event": "tool.started", "tool": "t"}, {"event": "tool.started", "tool": "u"}]
    _, found = run_of(*begun, ASK, {"event": "tool.completed", "tool": "u"})
    assert found.asking
    assert [type(event) for event in found.feed([Frame("", b'{"event": "tool.completed", "tool": "t"}')])] == [Answered, ToolFinished]


def test_marks_hold_the_progress() -> None:
    found = Progress(tools=3, finished=2, asked=5, answered=4)
    assert Progress.of(found.mark) == found and Progress.of(0) == Progress()
    assert Progress(tools=1 << 20).mark < 1 << 62
