"""What is sent to a gateway, and which of its sessions holds what."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from propylon.events import ContextStatus, Status
from propylon.runtimes.base import Attachment
from propylon.runtimes.gateway.history import HEADING
from propylon.runtimes.gateway.runtime import OWN_WAYS
from support.gateway import KEY, ScriptedGateway
from support.gateway_process import GatewayProcess
from support.gateway_rig import Rig, rig
from support.process import script

CHAT, RUNS = "/v1/chat/completions", "/v1/runs"
BEFORE = [{"role": "user", "content": "earlier question"}, {"role": "assistant", "content": "earlier answer"}]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


async def test_a27_a28_a29_the_request_and_its_headers(gateway: ScriptedGateway, chat: Rig) -> None:
    run = chat.input("hello")
    await chat.play(run)
    (sent,) = gateway.asked(CHAT)
    assert sent.method == "POST"
    assert sent.headers["content-type"] == "application/json" and sent.headers["accept"] == "text/event-stream"
    assert sent.headers["x-hermes-session-id"] == run.branch
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["x-hermes-session-key"] == f"webui:{run.session}"
    ours = {"host", "accept", "content-type", "content-length", "connection", "accept-encoding", "user-agent"}
    assert set(sent.headers) <= ours | {"authorization", "x-hermes-session-id", "x-hermes-session-key"}


async def test_a27_a28_without_a_key(gateway: ScriptedGateway, tmp_path: Path) -> None:
    gateway.key = ""
    async with rig(tmp_path, gateway.base, "", use_runs=False) as made:
        await made.say("hello")
    (sent,) = gateway.asked(CHAT)
    assert "x-hermes-session-id" in sent.headers
    assert "authorization" not in sent.headers and "x-hermes-session-key" not in sent.headers


@pytest.mark.parametrize(
    ("model", "provider", "found"),
    [
        ("", "", {"model": "default"}),
        ("m", "", {"model": "m"}),
        ("m", "p", {"model": "m", "provider": "p"}),
        ("demo", "demo", {"model": "default"}),
    ],
)
async def test_a30_the_body(gateway: ScriptedGateway, chat: Rig, model: str, provider: str, found: dict[str, str]) -> None:
    await chat.say("hello", model=model, provider=provider)
    (sent,) = gateway.asked(CHAT)
    messages = sent.body.pop("messages")
    assert sent.body == {**found, "stream": True}
    assert [message["role"] for message in messages] == ["system", "user"] and messages[-1]["content"] == "hello"


async def test_a30_a34_a38_prefill_surroundings_and_then_the_message(gateway: ScriptedGateway, tmp_path: Path) -> None:
    (tmp_path / "own-home").mkdir()
    (tmp_path / "own-home" / "p.json").write_text(
        json.dumps([{"role": "user", "content": "note one"}, {"role": "system", "content": "rule"}])
    )
    for use_runs in (False, True):
        async with rig(tmp_path, gateway.base, gateway.key, use_runs=use_runs, prefill={"file": "p.json"}) as made:
            played = await made.say("hello")
            assert isinstance(played.events[0], ContextStatus) and played.events[0].prefill["message_count"] == 2
            assert "note one" not in json.dumps(played.events[0].prefill)
    messages = gateway.asked(CHAT)[0].body["messages"]
    assert [message["role"] for message in messages] == ["system", "system", "system", "user"]
    assert "note one" in messages[0]["content"] and messages[1]["content"] == "rule" and "Source: WebUI" in messages[2]["content"]
    body = gateway.asked(RUNS)[0].body
    assert body["conversation_history"] == [{"role": "user", "content": "note one"}]
    assert body["instructions"].startswith("rule") and "Source: WebUI" in body["instructions"]


async def test_a39_broken_prefill_is_told_and_stops_nothing(gateway: ScriptedGateway, tmp_path: Path) -> None:
    async with rig(tmp_path, gateway.base, gateway.key, prefill={"script": "false"}) as made:
        played = await made.say("hello")
    assert isinstance(played.events[0], ContextStatus) and played.events[0].prefill["status"] == "error"
    assert played.text == "ok"


async def test_a30_history_is_not_sent_to_a_session_that_holds_it(gateway: ScriptedGateway, chat: Rig) -> None:
    first = chat.input("one", branch="b1")
    await chat.play(first)
    await chat.say("two", branch="b1", base=first.run, rows=BEFORE)
    one, two = gateway.asked(CHAT)
    assert one.headers["x-hermes-session-id"] == two.headers["x-hermes-session-id"] == "b1"
    assert two.body["messages"][-1] == {"role": "user", "content": "two"}
    assert "earlier" not in json.dumps(two.body)


async def test_a30_what_a_session_holds_survives_a_restart(gateway: ScriptedGateway, tmp_path: Path) -> None:
    async with rig(tmp_path, gateway.base, gateway.key, use_runs=False) as made:
        first = made.input("one", branch="b1")
        await made.play(first)
    async with rig(tmp_path, gateway.base, gateway.key, use_runs=False) as made:
        await made.say("two", branch="b1", base=first.run, rows=BEFORE)
    assert "earlier" not in json.dumps(gateway.asked(CHAT)[1].body)


async def test_a30_a_branch_that_began_elsewhere_is_told_once(gateway: ScriptedGateway, chat: Rig) -> None:
    first = chat.input("now", branch="b2", base="a run of another branch", rows=BEFORE)
    await chat.play(first)
    await chat.say("next", branch="b2", base=first.run, rows=BEFORE)
    one, two = gateway.asked(CHAT)
    assert one.body["messages"][-1]["content"].startswith(HEADING) and "earlier answer" in one.body["messages"][-1]["content"]
    assert two.body["messages"][-1]["content"] == "next"
    assert one.headers["x-hermes-session-id"] == two.headers["x-hermes-session-id"] == "b2"


async def test_a30_a_session_that_missed_something_is_left_for_a_new_one(gateway: ScriptedGateway, chat: Rig) -> None:
    first = chat.input("one", branch="b3")
    await chat.play(first)
    second = chat.input("three", branch="b3", base="a run by another runtime", rows=BEFORE)
    await chat.play(second)
    await chat.say("four", branch="b3", base=second.run, rows=BEFORE)
    sessions = [request.headers["x-hermes-session-id"] for request in gateway.asked(CHAT)]
    assert sessions == ["b3", f"b3.{second.run}", f"b3.{second.run}"]
    assert "earlier answer" in gateway.asked(CHAT)[1].body["messages"][-1]["content"]
    assert gateway.asked(CHAT)[2].body["messages"][-1]["content"] == "four"


async def test_a30_a_turn_that_was_refused_is_not_held(gateway: ScriptedGateway, chat: Rig) -> None:
    gateway.refuse[CHAT] = (500, b"")
    first = chat.input("one", branch="b4")
    await chat.play(first)
    gateway.refuse.clear()
    await chat.say("two", branch="b4", base=first.run, rows=BEFORE)
    assert "earlier answer" in gateway.asked(CHAT)[1].body["messages"][-1]["content"]


async def test_a30_after_runs_over_the_other_transport(gateway: ScriptedGateway, tmp_path: Path) -> None:
    async with rig(tmp_path, gateway.base, gateway.key) as made:
        first = made.input("one", branch="b5")
        await made.play(first)
    async with rig(tmp_path, gateway.base, gateway.key, use_runs=False) as made:
        second = made.input("two", branch="b5", base=first.run, rows=BEFORE)
        await made.play(second)
    (sent,) = gateway.asked(CHAT)
    assert sent.headers["x-hermes-session-id"] == f"b5.{second.run}" and "earlier answer" in sent.body["messages"][-1]["content"]


async def test_the_runs_api_always_gets_the_history(gateway: ScriptedGateway, runs: Rig) -> None:
    run = runs.input("now", branch="b6", base="x", rows=BEFORE, model="m", provider="p")
    await runs.play(run)
    (sent,) = gateway.asked(RUNS)
    assert {name: sent.body[name] for name in ("input", "session_id", "conversation_history", "model")} == {
        "input": "now", "session_id": "b6", "conversation_history": BEFORE, "model": "m",
    }  # fmt: skip
    assert sent.headers["x-hermes-session-key"] == f"webui:{run.session}"


def asked_of_the_model(record: Path) -> list[dict[str, Any]]:
    """The messages of the last streamed question to the model."""
    bodies = [json.loads(line)["body"] for line in record.read_text().splitlines()]
    found: list[dict[str, Any]] = [body for body in bodies if body.get("messages") and body.get("stream")][-1]["messages"]
    return found


async def test_the_real_gateway_goes_on_from_what_it_holds_and_from_what_it_is_told(
    tmp_path: Path, real_gateway: GatewayProcess, record: Path
) -> None:
    async with rig(tmp_path, real_gateway.base, real_gateway.key, use_runs=False) as made:
        first = made.input(script({"text": "alpha"}))
        await made.play(first)
        second = made.input(script({"text": "beta"}), branch=first.branch, base=first.run)
        await made.play(second)
        asked = asked_of_the_model(record)
        assert [message["role"] for message in asked] == ["system", "user", "assistant", "user"] and asked[2]["content"] == "alpha"
        assert "Source: WebUI" in asked[0]["content"]
        # The past is cut behind the first answer: a new branch, told what remains.
        remains = [{"role": "user", "content": "the first"}, {"role": "assistant", "content": "alpha"}]
        cut = made.input(script({"text": "gamma"}), branch=f"{first.branch}x", base=first.run, rows=remains)
        await made.play(cut)
        asked = asked_of_the_model(record)
        assert [message["role"] for message in asked] == ["system", "user"]
        assert "Assistant: alpha" in asked[1]["content"] and "beta" not in json.dumps(asked)
        await made.say(script({"text": "delta"}), branch=f"{first.branch}x", base=cut.run)
        asked = asked_of_the_model(record)
        assert [message["role"] for message in asked] == ["system", "user", "assistant", "user"]
        assert "Assistant: alpha" in asked[1]["content"] and asked[2]["content"] == "gamma" and "beta" not in json.dumps(asked)


async def test_the_real_gateway_takes_the_history_of_a_run(tmp_path: Path, real_gateway: GatewayProcess, record: Path) -> None:
    async with rig(tmp_path, real_gateway.base, real_gateway.key) as made:
        await made.say(script({"text": "x"}), base="b", rows=BEFORE)
        asked = asked_of_the_model(record)
        assert [message["content"] for message in asked[1:3]] == ["earlier question", "earlier answer"]
        assert "Source: WebUI" in asked[0]["content"]


def picture(rig: Rig, data: bytes = PNG) -> Attachment:
    path = rig.workspace / "a.png"
    path.write_bytes(data)
    return Attachment(path=path, name="a.png", mime="image/png", size=len(data))


async def test_a32_a_picture_reaches_the_model(over: Rig, anywhere: ScriptedGateway | GatewayProcess, record: Path) -> None:
    data = PNG + os.urandom(30)
    found = await over.say(script({"text": "seen"}), attachments=(picture(over, data),))
    assert found.text == "seen", found
    sent = json.dumps(anywhere.seen[-1]) if isinstance(anywhere, ScriptedGateway) else record.read_text()
    assert base64.b64encode(data).decode() in sent


async def test_a33_a_picture_that_cannot_fit_is_refused_before_anything_is_sent(gateway: ScriptedGateway, tmp_path: Path) -> None:
    for use_runs in (False, True):
        async with rig(tmp_path, gateway.base, gateway.key, use_runs=use_runs) as made:
            found = (await made.say("look", attachments=(picture(made, PNG + b"\0" * 8_000_000),))).failure
            assert found is not None and found.kind == "attachments_too_large"
    assert gateway.requests == []


async def test_a_conversation_that_cannot_fit_is_refused_before_it_is_sent(gateway: ScriptedGateway, tmp_path: Path) -> None:
    rows = [{"role": "user", "content": "x" * 10_100_000}]
    for use_runs in (False, True):
        async with rig(tmp_path, gateway.base, gateway.key, use_runs=use_runs) as made:
            found = (await made.say("look", base="b", rows=rows)).failure
            assert found is not None and "10.1 MB" in found.message
    assert gateway.requests == []


async def test_128_runs_at_once_do_not_wait_for_each_other(either: Rig) -> None:
    began = time.monotonic()
    found = await asyncio.gather(*(either.say(script({"text": "one two three four five " * 4, "rate": 20})) for _ in range(128)))
    assert all(one.end is not None and one.end.outcome == "completed" for one in found)
    assert time.monotonic() - began < 8, "one after the other they take more than two minutes"


async def test_settings_of_the_session_that_are_not_sent_are_named(chat: Rig) -> None:
    found = await chat.say("hello", personality="pirate")
    assert OWN_WAYS in [event.text for event in found.of(Status)]


@pytest.mark.parametrize(
    ("use_runs", "offered", "path"), [(None, True, RUNS), (None, False, CHAT), (True, False, RUNS), (False, True, CHAT)]
)
async def test_which_transport(gateway: ScriptedGateway, tmp_path: Path, use_runs: bool | None, offered: bool, path: str) -> None:
    if not offered:
        gateway.features = {}
    async with rig(tmp_path, gateway.base, gateway.key, use_runs=use_runs) as made:
        await made.say("hello")
        await made.say("hello")
    assert len(gateway.asked(path)) == 2
    assert len(gateway.asked("/v1/capabilities")) == (1 if use_runs is None else 0)
