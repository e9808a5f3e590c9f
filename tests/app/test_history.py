"""The past of a session over HTTP: changed at will, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.conftest import Serve, saying
from propylon.events import Token, ToolFinished, ToolStarted
from propylon.runtimes.base import Batch, ContextChange, Controls, RunEnd, RunInput
from propylon.web import schemas
from support.serving import collected, new_session, rows, send

HELLO = saying(Token(text="hello"))
CHANGES = ["truncate", "undo", "retry", "clear", "branch", "duplicate", "restore"]


class Agent:
    """Answers with a tool between two texts, and remembers what it was told of the past."""

    def __init__(self) -> None:
        self.told: dict[str, list[str]] = {}

    async def __call__(self, run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        self.told[run.text] = [f"{row['role']} {row['content']}" for row in await run.context.load()]
        tool = {"tid": f"t-{run.run}", "name": "terminal"}
        said = [Token(text=f"look {run.text}"), ToolStarted(**tool, args={"command": "ls"}), ToolFinished(**tool, result=f"of {run.text}")]
        yield Batch(events=[*said, Token(text=f"answer {run.text}")])
        context = [{"role": "user", "content": run.text}, {"role": "assistant", "content": f"answer {run.text}"}]
        yield Batch(events=[], end=RunEnd(outcome="completed", context=ContextChange(keep=1 << 30, rows=context)))


async def say(client: httpx2.AsyncClient, session: str, *texts: str) -> list[str]:
    """One turn for each text; their run ids."""
    runs = []
    for text in texts:
        runs.append(await send(client, session, text))
        await collected(client, runs[-1])
    return runs


async def change(client: httpx2.AsyncClient, what: str, session: str, **more: Any) -> httpx2.Response:
    return await client.post(f"/api/session/{what}", json={"session_id": session, **more})


async def changed(client: httpx2.AsyncClient, what: str, session: str, **more: Any) -> dict[str, Any]:
    answer = await change(client, what, session, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["ok"] is True
    return found


async def detail(client: httpx2.AsyncClient, session: str) -> dict[str, Any]:
    answer = await client.get("/api/session", params={"session_id": session})
    found: dict[str, Any] = answer.json()["session"]
    return found


async def texts(client: httpx2.AsyncClient, session: str) -> list[str]:
    return [row["content"] for row in await rows(client, session)]


async def branches(client: httpx2.AsyncClient, session: str) -> list[dict[str, Any]]:
    answer = await client.get("/api/session/branches", params={"session_id": session})
    found: list[dict[str, Any]] = schemas.Branches.model_validate(answer.json()).model_dump()["branches"]
    return found


def turn(text: str) -> list[str]:
    return [text, f"look {text}", f"of {text}", f"answer {text}"]


def known(*said: str) -> list[str]:
    """What an agent knows of whole turns."""
    return [line for text in said for line in (f"user {text}", f"assistant answer {text}")]


async def test_undo_drops_the_last_exchange_for_the_person_and_for_the_agent(serve: Serve) -> None:
    agent = Agent()
    async with serve(agent) as client:
        session = await new_session(client)
        await say(client, session, "one", "two " * 50)
        undone = await changed(client, "undo", session)
        assert undone == {"ok": True, "removed_count": 4, "removed_preview": ("two " * 50)[:120]}
        assert await texts(client, session) == turn("one")
        after = await detail(client, session)
        assert (after["message_count"], after["user_message_count"]) == (4, 1)
        await say(client, session, "three")
        assert agent.told["three"] == known("one")
        assert await texts(client, session) == turn("one") + turn("three")


async def test_everything_undone_can_be_restored_and_gone_on_with(serve: Serve) -> None:
    agent = Agent()
    async with serve(agent) as client:
        session = await new_session(client)
        await say(client, session, "one", "two")
        before = await detail(client, session)
        await changed(client, "undo", session)
        await say(client, session, "other")
        first, second = await branches(client, session)
        assert (first["id"], first["parent"], first["active"], first["preview"], first["message_count"]) == (session, None, False, "one", 8)
        assert (second["parent"], second["fork"], second["reason"], second["active"]) == (session, 4, "undo", True)
        assert second["preview"] == "other"
        restored = (await changed(client, "restore", session, branch=session))["session"]
        assert restored["messages"] == before["messages"]
        assert restored["revision"] > before["revision"]
        await say(client, session, "three")
        assert agent.told["three"] == known("one", "two")
        await changed(client, "restore", session, branch=second["id"])
        assert await texts(client, session) == turn("one") + turn("other")
        await say(client, session, "four")
        assert agent.told["four"] == known("one", "other")


async def test_retry_hands_out_what_was_said(serve: Serve) -> None:
    async with serve(Agent()) as client:
        session = await new_session(client)
        await say(client, session, "one", "two")
        retried = await changed(client, "retry", session)
        assert retried == {"ok": True, "last_user_text": "two", "removed_count": 4}
        schemas.ToRetry.model_validate(retried)


async def test_clear_begins_anew_in_the_same_session(serve: Serve) -> None:
    agent = Agent()
    async with serve(agent) as client:
        session = await new_session(client)
        await say(client, session, "one")
        cleared = (await changed(client, "clear", session))["session"]
        assert (cleared["session_id"], cleared["messages"], cleared["message_count"]) == (session, [], 0)
        assert cleared["last_message_at"] is None
        await say(client, session, "two")
        assert agent.told["two"] == []
        assert len(await branches(client, session)) == 2


@pytest.mark.parametrize("by", ["keep_count", "message_id"])
async def test_a_cut_in_the_middle_of_an_answer_tells_the_agent_what_was_shown(serve: Serve, by: str) -> None:
    agent = Agent()
    async with serve(agent) as client:
        session = await new_session(client)
        _, run = await say(client, session, "one", "two")
        where = {"keep_count": 7} if by == "keep_count" else {"message_id": f"{run}.3"}
        cut = (await changed(client, "truncate", session, **where))["session"]
        schemas.SessionDetail.model_validate(cut)
        assert [row["content"] for row in cut["messages"]] == turn("one") + turn("two")[:3]
        await say(client, session, "three")
        told = agent.told["three"]
        assert told[:5] == [*known("one"), "user two", "assistant look two", "tool of two"]
        assert len(told) == 6 and told[5].startswith("assistant [The person saw the answer end here")


async def test_a_call_whose_result_was_cut_off_has_one_for_the_agent(serve: Serve) -> None:
    agent = Agent()
    async with serve(agent) as client:
        session = await new_session(client)
        await say(client, session, "one")
        await changed(client, "truncate", session, keep_count=2)
        await say(client, session, "two")
        told = agent.told["two"]
        assert told[:2] == ["user one", "assistant look one"]
        assert told[2].startswith("tool [This call was interrupted") and told[3].startswith("assistant [")
        assert len(told) == 4


async def test_a_cut_of_nothing_changes_nothing(serve: Serve) -> None:
    async with serve(Agent()) as client:
        session = await new_session(client)
        await say(client, session, "one")
        before = await detail(client, session)
        for keep in (4, 99):
            assert (await changed(client, "truncate", session, keep_count=keep))["session"] == before
        assert len(await branches(client, session)) == 1


@pytest.mark.parametrize("where", [{}, {"keep_count": 1, "message_id": "x"}, {"keep_count": -1}, {"keep_count": "1"}])
async def test_a_cut_needs_one_place(serve: Serve, where: dict[str, Any]) -> None:
    async with serve(Agent()) as client:
        answer = await change(client, "truncate", await new_session(client), **where)
        assert answer.status_code == 400 and "keep_count" in answer.json()["error"]


@pytest.mark.parametrize(
    ("where", "kept"), [({}, 8), ({"keep_count": 4}, 4), ({"keep_count": 99}, 8), ({"row": 0}, 5), ({"keep_count": 0}, 0)]
)
async def test_a_branch_is_a_session_that_goes_on_by_itself(serve: Serve, where: dict[str, Any], kept: int) -> None:
    agent = Agent()
    async with serve(agent) as client:
        session = await new_session(client)
        _, run = await say(client, session, "one", "two")
        place = {"message_id": f"{run}.{where['row']}"} if "row" in where else where
        made = await changed(client, "branch", session, **place)
        assert made == {"ok": True, "session_id": made["session_id"], "title": "one (branch)", "parent_session_id": session}
        other = made["session_id"]
        everything = turn("one") + turn("two")
        assert await texts(client, other) == everything[:kept]
        await say(client, other, "there")
        await say(client, session, "here")
        assert await texts(client, other) == everything[:kept] + turn("there")
        assert await texts(client, session) == everything + turn("here")
        assert agent.told["here"] == known("one", "two")
        if kept in (0, 4, 8):
            assert agent.told["there"] == known("one", "two")[: kept // 2]
        else:
            assert agent.told["there"][:3] == [*known("one"), "user two"]
        listed = (await client.get("/api/sessions")).json()["sessions"]
        assert {row["session_id"]: row["parent_session_id"] for row in listed} == {session: None, other: session}


async def test_a_tool_result_is_found_in_the_branch_too(serve: Serve) -> None:
    async with serve(Agent()) as client:
        session = await new_session(client)
        (run,) = await say(client, session, "one")
        other = (await changed(client, "branch", session))["session_id"]
        answer = await client.get("/api/tool-result", params={"session_id": other, "tool_call_id": f"t-{run}"})
        assert (answer.status_code, answer.text) == (200, "of one")
        await changed(client, "clear", other)
        gone = await client.get("/api/tool-result", params={"session_id": other, "tool_call_id": f"t-{run}"})
        assert gone.status_code == 404


async def test_a_duplicate_is_independent(serve: Serve) -> None:
    async with serve(Agent()) as client:
        session = await new_session(client)
        await say(client, session, "one")
        copy = (await changed(client, "duplicate", session))["session"]
        schemas.SessionDetail.model_validate(copy)
        assert (copy["title"], copy["parent_session_id"], copy["message_count"]) == ("one (copy)", None, 4)
        await changed(client, "clear", session)
        await changed(client, "undo", copy["session_id"])
        assert [await texts(client, each) for each in (session, copy["session_id"])] == [[], []]
        await changed(client, "restore", copy["session_id"], branch=copy["session_id"])
        assert await texts(client, copy["session_id"]) == turn("one")
        assert (await change(client, "restore", copy["session_id"], branch=session)).status_code == 404


@pytest.mark.parametrize("what", ["undo", "retry"])
async def test_where_nothing_was_said_nothing_is_taken_back(serve: Serve, what: str) -> None:
    async with serve(HELLO) as client:
        answer = await change(client, what, await new_session(client))
        assert (answer.status_code, answer.json()["error"]) == (400, f"There is nothing to {what}")


@pytest.mark.parametrize("what", [*CHANGES, "rename", "update"])
async def test_what_is_based_on_another_revision_is_refused(serve: Serve, what: str) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        await say(client, session, "one", "two")
        before = await detail(client, session)
        more: dict[str, Any] = {"truncate": {"keep_count": 1}, "restore": {"branch": session}, "rename": {"title": "x"}}.get(what, {})
        answer = await change(client, what, session, revision=before["revision"] - 1, **more)
        assert answer.status_code == 409
        assert (answer.json()["code"], answer.json()["revision"]) == ("changed", before["revision"])
        assert await detail(client, session) == before
        assert (await change(client, what, session, revision=before["revision"], **more)).status_code == 200
        assert (await change(client, what, "nope", **more)).status_code == 404


@pytest.mark.parametrize("what", CHANGES)
async def test_the_past_stays_while_a_run_is_live(serve: Serve, what: str) -> None:
    async def waiting(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        await controls.cancelled.wait()
        yield Batch(events=[])

    async with serve(waiting) as client:
        session = await new_session(client)
        run = await send(client, session, "one")
        more: dict[str, Any] = {"truncate": {"keep_count": 0}, "restore": {"branch": session}}.get(what, {})
        answer = await change(client, what, session, **more)
        assert answer.status_code == 409
        assert (answer.json()["code"], answer.json()["active_stream_id"]) == ("busy", run)
        assert await texts(client, session) == ["one"]
        await client.post("/api/chat/cancel", json={"stream_id": run})


async def test_title_and_settings_are_changed_while_a_run_is_live(serve: Serve) -> None:
    async def waiting(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=[Token(text="hm")])
        await controls.cancelled.wait()

    async with serve(waiting) as client:
        session = await new_session(client)
        run = await send(client, session, "one")
        await changed(client, "rename", session, title="Mine")
        await changed(client, "update", session, reasoning_effort="low")
        await client.post("/api/chat/cancel", json={"stream_id": run})
        after = await detail(client, session)
        assert (after["title"], after["reasoning_effort"], after["active_stream_id"]) == ("Mine", "low", None)


async def test_of_many_undos_of_the_same_one_is_made(serve: Serve) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        await say(client, session, "one", "two", "three")
        revision = (await detail(client, session))["revision"]
        answers = await asyncio.gather(*(change(client, "undo", session, revision=revision) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
        assert await texts(client, session) == ["one", "hello", "two", "hello"]


async def test_the_past_outlives_a_restart(serve: Serve) -> None:
    agent = Agent()
    async with serve(agent) as client:
        session = await new_session(client)
        await say(client, session, "one", "two")
        await changed(client, "truncate", session, keep_count=6)
        cut = await detail(client, session)
    async with serve(agent) as client:
        assert await detail(client, session) == cut
        assert [branch["active"] for branch in await branches(client, session)] == [False, True]
        await say(client, session, "three")
        assert agent.told["three"][:4] == [*known("one"), "user two", "assistant look two"]


async def test_watchers_are_told(serve: Serve) -> None:
    async with serve(HELLO) as client, client.stream("GET", "/api/sessions/events") as events:
        session = await new_session(client)
        await say(client, session, "one")
        await changed(client, "undo", session)
        await changed(client, "rename", session, title="x")
        await changed(client, "update", session, model="m")
        seen = []
        async for line in events.aiter_lines():
            if line.startswith("data: "):
                seen += [word for word in ("history", "title", "settings") if f'"reason":"{word}"' in line]
            if "settings" in seen:
                break
        assert seen == ["history", "title", "settings"]


async def test_b36_a_title_by_a_person_stays(serve: Serve) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        renamed = await changed(client, "rename", session, title="  My \n title ")
        schemas.SessionRow.model_validate(renamed["session"])
        assert renamed["session"]["title"] == "My title"
        await say(client, session, "something else")
        assert (await detail(client, session))["title"] == "My title"


@pytest.mark.parametrize("title", ["", "  \n", "x" * 201])
async def test_a_title_is_something_short(serve: Serve, title: str) -> None:
    async with serve(HELLO) as client:
        answer = await change(client, "rename", await new_session(client), title=title)
        assert answer.status_code == 400 and answer.json()["error"].startswith("title: ")


async def test_settings_are_changed_each_by_itself(serve: Serve, tmp_path: Path) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        before = await detail(client, session)
        wanted = {"workspace": str(tmp_path), "model": "m", "model_provider": "v", "personality": "kind", "reasoning_effort": "xhigh"}
        after = (await changed(client, "update", session, **wanted))["session"]
        assert {name: after[name] for name in wanted} == wanted
        again = (await changed(client, "update", session, reasoning_effort="", personality=""))["session"]
        assert (again["reasoning_effort"], again["personality"], again["model"]) == ("", "", "m")
        assert again["revision"] == before["revision"] + 2
        for field, bad in (("workspace", "/not/there"), ("workspace", "relative"), ("reasoning_effort", "huge")):
            answer = await change(client, "update", session, **{field: bad})
            assert answer.status_code == 400 and field in answer.json()["error"]
        assert (await detail(client, session))["workspace"] == str(tmp_path)


async def test_a_session_tells_its_settings(serve: Serve) -> None:
    async with serve(HELLO) as client:
        found = await detail(client, await new_session(client))
        names = ("yolo_enabled", "granted", "personality", "reasoning_effort", "parent_session_id", "pending_question")
        assert [found[name] for name in names] == [False, [], "", "", None, False]
