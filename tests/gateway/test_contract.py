"""What holds with every gateway: one of ours that behaves, and the real one."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from propylon.events import Answered, Approval, ContextStatus, Event, Status, Token, ToolFinished, ToolStarted
from propylon.runs.fold import Transcript
from propylon.runtimes.base import AnswerApproval, AnswerClarify, Controls, Permissions, SetYolo, Steer
from propylon.runtimes.gateway.chat import NO_APPROVALS, UNSUPPORTED
from support.gateway_rig import Played, Rig, follow
from support.process import script, until

COMMAND = {"command": "echo said"}
LONG = script({"text": "one two three " * 400, "delay": 0.02})


async def test_a18_a39_text(over: Rig) -> None:
    found = await over.say(script({"text": "Hello there, äöü 漢字 \U0001f600"}))
    assert found.end is not None and found.end.outcome == "completed", found
    assert isinstance(found.events[0], ContextStatus) and found.events[0].prefill["status"] == "none"
    assert found.text == "Hello there, äöü 漢字 \U0001f600"
    assert found.end.usage.input_tokens > 0 and found.end.usage.output_tokens > 0
    assert found.end.context is None


async def test_a20_a22_a23_a24_a_tool_call(over: Rig) -> None:
    found = await over.say(script({"text": "let me look", "tools": [["terminal", COMMAND]]}, {"text": "it is done"}))
    assert found.end is not None and found.end.outcome == "completed", found
    (started,), (finished,) = found.of(ToolStarted), found.of(ToolFinished)
    assert (started.name, started.preview) == ("terminal", "echo said") and started.tid == finished.tid and not finished.is_error
    shown = [event for event in found.events if isinstance(event, Token | ToolStarted)]
    before = "".join(event.text for event in shown[: shown.index(started)] if isinstance(event, Token))
    after = "".join(event.text for event in shown[shown.index(started) :] if isinstance(event, Token))
    assert (before.strip(), after.strip()) == ("let me look", "it is done")


async def test_two_calls_in_a_row_are_told_apart(over: Rig) -> None:
    steps = [{"tools": [["terminal", COMMAND], ["terminal", {"command": "echo more"}]]}, {"text": "both"}]
    found = await over.say(script(*steps))
    started, finished = found.of(ToolStarted), found.of(ToolFinished)
    assert len({event.tid for event in started}) == 2
    assert {event.tid for event in started} == {event.tid for event in finished}


async def answered_with(rig: Rig, choice: str, workspace: Path) -> tuple[Played, Approval, list[str]]:
    """A flagged command, the question it makes, and what each answer was told: first for an unknown question, then twice for ours."""
    target = workspace / "victim"
    target.mkdir()
    message = script({"tools": [["terminal", {"command": f"rm -rf {target}"}]]}, {"text": "over"})
    controls, played = Controls(), Played()
    turn = asyncio.create_task(rig.play(rig.input(message), controls, played))
    await until(lambda: played.of(Approval))
    (question,) = played.of(Approval)
    told = [await controls.tell(AnswerApproval(question="run0-q9", choice="once"), 5)]
    told.append(await controls.tell(AnswerApproval(question=question.approval_id, choice=choice), 10))
    told.append(await controls.tell(AnswerApproval(question=question.approval_id, choice="once"), 5))
    return await turn, question, told


async def test_an_approval_once(over_runs: Rig, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found, question, told = await answered_with(over_runs, "once", tmp_path)
    assert told == ["gone", "", "gone"]
    assert "rm -rf" in question.command and question.pattern_keys and "deny" in question.choices
    assert question.tid == found.of(ToolStarted)[0].tid
    (answer,) = found.of(Answered)
    assert (answer.question_id, answer.choice, answer.by) == (question.approval_id, "once", "person")
    assert found.end is not None and found.end.outcome == "completed" and found.text.strip() == "over"
    if "real" in request.node.name:
        assert not (tmp_path / "victim").exists()


async def test_an_approval_denied(over_runs: Rig, tmp_path: Path) -> None:
    found, question, told = await answered_with(over_runs, "deny", tmp_path)
    assert told == ["gone", "", "gone"]
    assert [(answer.question_id, answer.choice) for answer in found.of(Answered)] == [(question.approval_id, "deny")]
    assert found.end is not None and found.end.outcome == "completed"
    assert (tmp_path / "victim").exists()


@pytest.mark.parametrize("allowed", ["granted", "yolo"])
async def test_what_was_allowed_before_is_not_asked(over_runs: Rig, tmp_path: Path, allowed: str) -> None:
    target = tmp_path / "victim"
    target.mkdir()
    message = script({"tools": [["terminal", {"command": f"rm -rf {target}"}]]}, {"text": "over"})
    if allowed == "yolo":
        permissions = Permissions(yolo=True)
    else:
        controls, played = Controls(), Played()
        turn = asyncio.create_task(over_runs.play(over_runs.input(message), controls, played))
        await until(lambda: played.of(Approval))
        (question,) = played.of(Approval)
        permissions = Permissions(granted=tuple(question.pattern_keys))
        assert await controls.tell(AnswerApproval(question=question.approval_id, choice="deny"), 10) == ""
        await turn
    found = await over_runs.say(message, permissions=permissions)
    assert found.end is not None and found.end.outcome == "completed"
    assert found.of(Approval) == []


async def test_what_waits_passes_once_everything_may(over_runs: Rig, tmp_path: Path) -> None:
    target = tmp_path / "victim"
    target.mkdir()
    message = script({"tools": [["terminal", {"command": f"rm -rf {target}"}]]}, {"text": "over"})
    controls, played = Controls(), Played()
    turn = asyncio.create_task(over_runs.play(over_runs.input(message), controls, played))
    await until(lambda: played.of(Approval))
    assert await controls.tell(SetYolo(on=True), 10) == ""
    found = await turn
    assert [answer.by for answer in found.of(Answered)] == ["yolo"]


async def test_what_a_transport_cannot_do_is_said(over_chat: Rig) -> None:
    played, controls = Played(), Controls()
    turn = asyncio.create_task(over_chat.play(over_chat.input(LONG), controls, played))
    await until(lambda: played.text)
    assert [event.text for event in played.of(Status)] == [NO_APPROVALS]
    assert await controls.tell(SetYolo(on=True), 5) == UNSUPPORTED
    assert await controls.tell(Steer(id="1", text="x"), 5) == UNSUPPORTED
    assert await controls.tell(AnswerApproval(question="q", choice="once"), 5) == "gone"
    assert await controls.tell(AnswerClarify(question="q", text="x"), 5) == "gone"
    turn.cancel()
    await asyncio.wait({turn})


async def test_a46_stop(over: Rig) -> None:
    controls = Controls()
    batches = over.runtime.run(over.input(LONG), controls)
    events: list[Event] = []
    async with aclosing(batches):
        async for batch in batches:
            events += batch.events
            if any(isinstance(event, Token) for event in events):
                controls.cancelled.set()
                break
        began = time.monotonic()
    assert time.monotonic() - began < 0.1
    await over.runtime.close()


async def test_a_stopped_run_ends_at_the_gateway(over_runs: Rig) -> None:
    controls = Controls()
    run = over_runs.input(LONG)
    batches = over_runs.runtime.run(run, controls)
    async with aclosing(batches):
        async for batch in batches:
            if any(isinstance(event, Token) for event in batch.events):
                note = over_runs.runtime._notes.run(run.run)
                controls.cancelled.set()
                break
    assert note is not None
    endpoint, client = over_runs.runtime._checked(note.base), over_runs.runtime._client
    began = time.monotonic()
    while True:
        status = (await client.ask(endpoint, "GET", f"/v1/runs/{note.remote}")).value["status"]
        if status == "cancelled":
            break
        assert time.monotonic() - began < 2, status
        await asyncio.sleep(0.02)
    assert over_runs.runtime._notes.run(run.run) is None


async def test_a_run_that_is_left_goes_on_and_is_found_again(over_runs: Rig) -> None:
    """What the next server does after this one was killed: nothing is missing and nothing is there twice."""
    message = script({"text": "first", "tools": [["terminal", {"command": "sleep 1; echo said"}]]}, {"text": "the end"})
    run, controls = over_runs.input(message), Controls()
    first = Played()
    batches = over_runs.runtime.run(run, controls)
    async with aclosing(batches):
        async for batch in batches:
            first.events += batch.events
            first.mark = max(first.mark, batch.mark)
            if first.of(ToolStarted):
                break
    resumed = over_runs.runtime.resume(run.run, run.session, first.mark, Controls())
    assert resumed is not None
    found = await follow(resumed)
    assert found.end is not None and found.end.outcome == "completed", found
    transcript = Transcript(run.run)
    for event in first.events + found.events:
        transcript.apply(event)
    shown = [(row["role"], row["content"].strip()) for row in transcript.rows()]
    assert [role for role, _ in shown] == ["assistant", "tool", "assistant"]
    assert (shown[0][1], shown[2][1]) == ("first", "the end")
    assert over_runs.runtime.resume(run.run, run.session, 0, Controls()) is None


async def test_a_chat_completion_that_is_left_is_over(over_chat: Rig) -> None:
    run = over_chat.input(LONG)
    batches = over_chat.runtime.run(run, Controls())
    async with aclosing(batches):
        async for batch in batches:
            if any(isinstance(event, Token) for event in batch.events):
                break
    assert over_chat.runtime.resume(run.run, run.session, 0, Controls()) is None
