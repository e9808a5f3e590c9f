"""Runs whose events are lost in the middle: the gateway goes on, and what it says and asks is found again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from propylon.events import Answered, Approval, Status, ToolFinished, ToolStarted
from propylon.runs.fold import Transcript
from propylon.runtimes.base import NOT_LISTENING, AnswerApproval, Controls
from propylon.runtimes.gateway import runs as runs_module
from propylon.runtimes.gateway.notes import RunNote
from propylon.runtimes.gateway.runs import BROKE
from support.gateway import ScriptedGateway, Writer
from support.gateway_rig import Played, Rig, follow
from support.process import script, until

FLAGGED = script({"text": "wait", "tools": [["terminal", {"command": "rm -rf x"}]]}, {"text": "over"})


async def dropped(out: Writer) -> None:
    """One word, and then nobody hears the rest."""
    await out.event({"event": "message.delta", "delta": "one "})
    await asyncio.sleep(0.05)
    out.raw.transport.abort()


def shown(played: Played) -> list[tuple[str, str]]:
    transcript = Transcript("r")
    for event in played.events:
        transcript.apply(event)
    return [(row["role"], row["content"]) for row in transcript.rows()]


async def test_events_that_break_off_are_made_up_for(gateway: ScriptedGateway, runs: Rig) -> None:
    gateway.events = [dropped]
    text = "one two three " * 20
    found = await runs.say(script({"text": text, "tools": [["terminal", {"command": "ls"}]], "delay": 0.02}, {"text": "the end"}))
    assert found.end is not None and found.end.outcome == "completed" and found.end.usage.input_tokens == 100
    assert [role for role, _ in shown(found)] == ["assistant", "tool", "assistant"]
    assert (shown(found)[0][1], shown(found)[2][1]) == (text, "the end")
    assert BROKE in [event.text for event in found.of(Status)]


async def test_events_that_are_cut_within_a_word_of_the_protocol(gateway: ScriptedGateway, runs: Rig) -> None:
    gateway.events = [b'data: {"event": "message.de']
    found = await runs.say(script({"text": "whole"}))
    assert found.text == "whole" and found.end is not None and found.end.outcome == "completed"


async def test_a_question_that_nobody_heard_is_asked(gateway: ScriptedGateway, runs: Rig) -> None:
    gateway.events = [dropped]
    controls, played = Controls(), Played()
    turn = asyncio.create_task(runs.play(runs.input(FLAGGED), controls, played))
    await until(lambda: played.of(Approval))
    (question,) = played.of(Approval)
    assert question.command == "rm -rf x" and question.choices == ["once", "deny"]
    assert [event.tid for event in played.of(ToolStarted)] == [question.tid]
    assert await controls.tell(AnswerApproval(question=question.approval_id, choice="once"), 5) == ""
    found = await turn
    assert found.end is not None and found.end.outcome == "completed"
    assert [answer.choice for answer in found.of(Answered)] == ["once"]
    assert len(found.of(ToolStarted)) == len(found.of(ToolFinished)) == 1
    assert shown(found)[-1] == ("assistant", "over")


async def test_an_answer_after_the_gateways_deadline_is_too_late(gateway: ScriptedGateway, runs: Rig) -> None:
    controls, played = Controls(), Played()
    turn = asyncio.create_task(runs.play(runs.input(FLAGGED), controls, played))
    await until(lambda: played.of(Approval))
    gateway.refuse["/v1/runs/run_0/approval"] = (409, b"{}")
    question = played.of(Approval)[0].approval_id
    assert await controls.tell(AnswerApproval(question=question, choice="once"), 5) == "gone"
    assert [(answer.by, answer.choice) for answer in played.of(Answered)] in ([], [("timeout", "deny")])
    gateway.runs["run_0"].answers.put_nowait("deny")
    found = await turn
    assert [(answer.by, answer.choice) for answer in found.of(Answered)] == [("timeout", "deny")]


async def test_an_answer_that_another_client_gave(gateway: ScriptedGateway, runs: Rig) -> None:
    played = Played()
    turn = asyncio.create_task(runs.play(runs.input(FLAGGED), played=played))
    await until(lambda: played.of(Approval))
    run = gateway.runs["run_0"]
    run.events.put_nowait({"event": "approval.responded", "choice": "deny", "resolved": 1})
    run.answers.put_nowait("deny")
    found = await turn
    assert [answer.choice for answer in found.of(Answered)] == ["deny"]


async def test_an_answer_while_the_gateway_cannot_be_reached_may_be_given_again(gateway: ScriptedGateway, runs: Rig) -> None:
    controls, played = Controls(), Played()
    turn = asyncio.create_task(runs.play(runs.input(FLAGGED), controls, played))
    await until(lambda: played.of(Approval))
    answer = AnswerApproval(question=played.of(Approval)[0].approval_id, choice="deny")
    gateway.refuse["/v1/runs/run_0/approval"] = (400, b"{}")
    assert "HTTP 400" in await controls.tell(answer, 5)
    gateway.refuse.clear()
    assert await controls.tell(answer, 5) == ""
    assert (await turn).end is not None
    await gateway.die()
    assert await controls.tell(answer, 5) in ("gone", NOT_LISTENING)


async def test_a_gateway_that_was_started_anew_knows_no_run(gateway: ScriptedGateway, runs: Rig) -> None:
    runs.runtime._notes.keep_run(RunNote(run="r1", remote="run_of_before", base=gateway.base, session="s"))
    batches = runs.runtime.resume("r1", "s1", 0, Controls())
    assert batches is not None
    found = await follow(batches)
    assert found.failure is not None and found.failure.kind == "interrupted"
    assert runs.runtime.resume("r1", "s1", 0, Controls()) is None


async def test_a_gateway_that_has_a_fault_for_a_while(gateway: ScriptedGateway, runs: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "LOST_S", 0.5)
    gateway.refuse["/v1/runs/run_0"] = (502, b"bad gateway")
    turn = asyncio.create_task(runs.say(script({"text": "one two"})))
    await asyncio.sleep(0.3)
    gateway.refuse.clear()
    found = await turn
    assert found.end is not None and found.end.outcome == "completed" and shown(found) == [("assistant", "one two")]
    gateway.refuse["/v1/runs/run_1"] = (502, b"bad gateway")
    found = await runs.say(script({"text": "one two"}))
    assert found.failure is not None and found.failure.kind == "gateway_http_error"


@pytest.mark.parametrize("content", ["", "{half", "[]", '{"run": 5}'])
async def test_a_note_that_was_half_written_names_no_run(runs: Rig, content: str) -> None:
    (Path(runs.folder) / "notes" / "r9.json").write_text(content)
    assert runs.runtime.resume("r9", "s", 0, Controls()) is None


@pytest.mark.parametrize("key", ["line\nbreak", "sch\u00f6n-aber-kein-kopf", "null\0"])
async def test_a_key_that_no_header_can_hold(gateway: ScriptedGateway, tmp_path: Path, key: str) -> None:
    made = Rig(tmp_path, gateway.base, key)
    found = (await made.say("hello")).failure
    await made.runtime.close()
    assert found is not None and found.kind == "gateway_auth_error" and key not in str(found)
    assert gateway.requests == []
