"""Secrets are masked where data leaves, in every way out alike, and nowhere else. The scripted runtime holds back as a worker does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.asking import Asker, approval, clarify
from app.conftest import Serve, saying
from propylon.app import scripted
from propylon.events import Event, Reasoning, Status, Token, ToolFinished, ToolStarted
from propylon.redaction import HoldBack, masked
from propylon.runtimes.base import AnswerClarify, Batch, Controls, RunInput
from propylon.runtimes.failures import RuntimeFailure, failure
from propylon.runtimes.scripted import Script, completed
from support.serving import collected, frames, new_session, rows, send, serving, text_of

SECRETS = [
    "sk-fake0123456789abcdefgh",
    "ghp_FAKEfake0123456789",
    "github_pat_11FAKE_fakefake",
    "AKIAFAKEFAKEFAKE1234",
    "xoxb-fake-12345678",
    "hf_fakefakefake",
    "SG.fakefakefa.fakefakefake",
    "Authorization: Bearer fake.fake-12345678",
    "DB_PASSWORD=fakefake",
    "-----BEGIN FAKE PRIVATE KEY-----\nTUlJQkZBS0U=\n-----END FAKE PRIVATE KEY-----",
]
CUTS = {"whole": lambda text: [text], "two": lambda text: [text[: len(text) // 2], text[len(text) // 2 :]], "one": list}


def pieces(kind: type[Token] | type[Reasoning], deltas: Iterable[str]) -> list[Event]:
    hold = HoldBack()
    return [kind(text=text, lead=lead) for text, lead in [*map(hold.feed, deltas), hold.end()] if text]


def one_by_one(events: list[Event]) -> Script:
    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        for event in events:
            yield Batch(events=[event])
        yield Batch(events=[], end=completed(run))

    return script


async def ways_out(client: httpx2.AsyncClient, session: str, run: str) -> str:
    """All that any route says of the session, as one text."""
    told = [json.dumps([frame.data for frame in await collected(client, run, after_seq=0)])]
    for path in (
        "/api/session",
        "/api/session/branches",
        "/api/queue",
        "/api/approval/pending",
        "/api/clarify/pending",
        "/api/session/status",
    ):
        told.append((await client.get(path, params={"session_id": session})).text)
    told.append((await client.get("/api/sessions")).text)
    return "\n".join(told)


@pytest.mark.parametrize("cut", CUTS)
async def test_r11_live_view_replay_and_transcript_are_the_same(serve: Serve, cut: str) -> None:
    said = "".join(f"here: {secret}\nand " for secret in SECRETS) + "the end"
    script = one_by_one([*pieces(Reasoning, CUTS[cut](said)), *pieces(Token, CUTS[cut](said))])
    async with serve(script) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        live = [frame async for frame in frames(client, run, after_seq=0)]
        replay = await collected(client, run, after_seq=0)
        answer = (await rows(client, session))[-1]
        done = next(frame for frame in replay if frame.event == "done").data["session"]["messages"][-1]
        assert live == replay
        assert text_of(live) == answer["content"] == done["content"] == masked(said) != said
        thought = "".join(frame.data["text"] for frame in live if frame.event == "reasoning")
        assert thought == answer["reasoning"] == done["reasoning"] == masked(said)
        assert all(set(frame.data) == {"text"} for frame in live if frame.event in ("token", "reasoning"))
    async with serve(saying()) as client:
        assert text_of(await collected(client, run, after_seq=0)) == masked(said), "as before the restart"


@pytest.mark.parametrize("secret", SECRETS)
async def test_r11_no_way_out_gives_a_secret_away_and_what_is_stored_is_raw(serve: Serve, tmp_path: Path, secret: str) -> None:
    value = secret.partition("\n")[2].partition("\n")[0] or secret.split(" ")[-1].split("=")[-1]
    events = [
        ToolStarted(tid="1", name="terminal", args={"command": f"echo {secret}", "password": "fake words"}, preview=f"echo {secret}"),
        ToolFinished(tid="1", name="terminal", result=json.dumps({"output": f"first\n{secret}\n"})),
        Status(text=f"the provider said {secret}", level="warn"),
        *pieces(Token, [f"it is {secret}"]),
    ]
    async with serve(saying(*events)) as client:
        session = await new_session(client)
        run = await send(client, session, f"{secret} is mine")
        told = await ways_out(client, session, run)
        assert value not in told and json.dumps(value)[1:-1] not in told and "fake words" not in told
        for part in ("result", "command", "password"):
            answer = await client.get("/api/tool-result", params={"session_id": session, "tool_call_id": "1", "part": part})
            assert value not in answer.text and "***" in answer.text.replace("...", "***")
        call = next(row for row in await rows(client, session) if "tool_calls" in row)
        started = next(frame for frame in await collected(client, run, after_seq=0) if frame.event == "tool")
        assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == started.data["args"]
        raw = await client.get("/api/session/reveal", params={"session_id": session, "message_id": f"{run}.0"})
        assert raw.headers["cache-control"] == "no-store"
        assert raw.json()["message"]["content"] == f"{secret} is mine"
    state = tmp_path / "home" / "webui" / "propylon"
    found = sqlite3.connect(state / "app.db").execute("SELECT group_concat(content) FROM messages").fetchone()[0]
    assert value in found
    assert value.encode() in b"".join(path.read_bytes() for path in state.glob("runlog.db*"))


async def test_a_revealed_row_is_noted(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve(saying(Token(text="sk-fakefakefake"))) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        await collected(client, run, after_seq=0)
        with caplog.at_level("INFO", "propylon.audit"):
            found = await client.get("/api/session/reveal", params={"session_id": session, "message_id": f"{run}.1"})
        assert found.json()["message"]["content"] == "sk-fakefakefake"
        (line,) = [record.getMessage() for record in caplog.records if "secret_revealed" in record.getMessage()]
        assert session in line and f"{run}.1" in line and "sk-" not in line
        missing = await client.get("/api/session/reveal", params={"session_id": session, "message_id": "none.1"})
        assert missing.status_code == 404


async def test_a_row_of_a_live_run_can_be_revealed(serve: Serve) -> None:
    asker = Asker(approval("q1", "echo sk-fakefakefake"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        await _asked(client, session, "approval")
        found = await client.get("/api/session/reveal", params={"session_id": session, "message_id": f"{run}.1"})
        assert found.json()["message"]["questions"][0]["command"] == "echo sk-fakefakefake"
        await client.post("/api/approval/respond", json={"session_id": session, "choice": "deny"})


async def test_questions_are_masked_and_can_be_answered(serve: Serve) -> None:
    asker = Asker(approval("q1", "curl -H 'Bearer fake1fake1'"), clarify("q2", "Is sk-fakefakefake yours?", ("sk-fakefakefake", "no")))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        asked = await _asked(client, session, "approval")
        assert asked["command"] == "curl -H 'Bearer ***'"
        question = await _asked(client, session, "clarify")
        assert (question["question"], question["choices_offered"]) == ("Is *** yours?", ["***", "no"])
        for kind in ("approval", "clarify"):
            async with client.stream("GET", f"/api/{kind}/stream", params={"session_id": session}) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data: "):
                        assert "***" in line and "fake1" not in line and "sk-fake" not in line
                        break
        answers: list[dict[str, Any]] = [{"choice": "once", "approval_id": "q1"}, {"response": "***", "clarify_id": "q2"}]
        for kind, body in zip(("approval", "clarify"), answers, strict=True):
            answer = await client.post(f"/api/{kind}/respond", json={"session_id": session, **body})
            assert answer.status_code == 200, answer.text
        assert [command.text for command in asker.heard if isinstance(command, AnswerClarify)] == ["sk-fakefakefake"], "what was offered"
        told = json.dumps([frame.data for frame in await collected(client, run, after_seq=0)])
        assert "fake1" not in told and "sk-fake" not in told


async def test_errors_and_titles_are_masked(serve: Serve) -> None:
    async def failing(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="so")])
        raise RuntimeFailure(failure("error", details="refused: Bearer fake1fake1"))

    async with serve(failing) as client:
        session = await new_session(client)
        run = await send(client, session, "sk-fakefakefake")
        found = await collected(client, run, after_seq=0)
        assert found[-1].data["details"] == "refused: Bearer ***"
        await client.post("/api/session/rename", json={"session_id": session, "title": "about hf_fakefakefake"})
        await client.post("/api/queue/add", json={"session_id": session, "id": "a", "message": "later ghp_fakefakefake"})
        told = await ways_out(client, session, run)
        assert "fakefakefake" not in told and "fake1fake1" not in told and "about ***" in told
        wrong = await client.post("/api/session/new", json={"workspace": "/nothere/sk-fakefakefake"})
        assert wrong.status_code == 400 and "fakefakefake" not in wrong.text
        again = await client.post("/api/session/retry", json={"session_id": session})
        assert again.json()["last_user_text"], "to be sent again, so it is what was said"


async def test_what_waits_to_be_sent_is_the_persons_own_and_stays_as_it_was_written(serve: Serve) -> None:
    """It can still be changed: a mask that was edited would be sent in place of the secret."""
    asker = Asker(clarify("q1"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        await client.post("/api/queue/add", json={"session_id": session, "id": "a", "message": "later ghp_fakefakefake"})
        waiting = (await client.get("/api/queue", params={"session_id": session})).json()["queue"]
        assert [one["text"] for one in waiting] == ["later ghp_fakefakefake"]
        await client.post("/api/chat/cancel", json={"stream_id": run})


async def test_known_values_are_masked_in_whole_values(tmp_path: Path, workspace: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".env").write_text("DB_PASSWORD=plain words here\nMODEL=some-model-name\n")
    events = [ToolStarted(tid="1", name="t"), ToolFinished(tid="1", name="t", result="plain words here, some-model-name, our-gateway-key")]
    async with serving(home, workspace, scripted(saying(*events)), gateway_api_key="our-gateway-key") as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        result = next(frame.data["result"] for frame in await collected(client, run, after_seq=0) if frame.event == "tool_complete")
        assert result == "***, some-model-name, ***" == (await rows(client, session))[-1]["content"]


async def test_b53_off_by_the_setting(tmp_path: Path, workspace: Path) -> None:
    said = f"it is {SECRETS[0]} and API_KEY=fakefake"
    script = one_by_one(pieces(Token, said))
    async with serving(tmp_path / "home", workspace, scripted(script), api_redact_enabled=False) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        found = await collected(client, run, after_seq=0)
        assert text_of(found) == said == (await rows(client, session))[-1]["content"]
        assert all(set(frame.data) == {"text"} for frame in found if frame.event == "token")


async def _asked(client: httpx2.AsyncClient, session: str, kind: str) -> dict[str, Any]:
    while True:
        answer = (await client.get(f"/api/{kind}/pending", params={"session_id": session})).json()
        if answer["pending"]:
            return dict(answer["pending"])
