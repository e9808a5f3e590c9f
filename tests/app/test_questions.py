"""Approvals and clarifications over real HTTP; the worker's side is scripted."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from app.asking import Asker, approval, clarify
from app.conftest import Serve
from propylon.events import Token
from propylon.runtimes.base import AnswerApproval, AnswerClarify, Permissions, SetYolo
from support.serving import Frame, collected, frames, new_session, parsed, rows, send


async def asked(client: httpx2.AsyncClient, run: str, count: int = 1) -> list[Frame]:
    """The frames up to the last of this many questions."""
    found: list[Frame] = []
    async for frame in frames(client, run, after_seq=0):
        found.append(frame)
        if sum(one.event in ("approval", "clarify") for one in found) == count:
            break
    return found


async def pending(client: httpx2.AsyncClient, session: str, kind: str = "approval") -> dict[str, Any]:
    answer = await client.get(f"/api/{kind}/pending", params={"session_id": session})
    found: dict[str, Any] = answer.json()
    return found


async def respond(client: httpx2.AsyncClient, session: str, **fields: Any) -> httpx2.Response:
    return await client.post("/api/approval/respond", json={"session_id": session, **fields})


async def test_b14_an_approval_is_shown_answered_and_kept(serve: Serve) -> None:
    asker = Asker(approval("q1"), last=(Token(text="Done."),))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "delete it")
        shown = (await asked(client, run))[-1].data
        assert shown["approval_id"] == "q1" and shown["command"] == "rm -rf build" and shown["expires_at"] == 160.0
        answer = await respond(client, session, approval_id="q1", choice="session")
        assert (answer.status_code, answer.json()["ok"], answer.json()["choice"]) == (200, True, "session")
        found = await collected(client, run, after_seq=0)
        assert [frame.event for frame in found] == ["approval", "answered", "token", "done", "stream_end"]
        question = (await rows(client, session))[1]["questions"][0]
        assert question["answer"]["choice"] == "session" and question["answer"]["by"] == "person"


async def test_b14_a_denial_carries_its_reason(serve: Serve) -> None:
    asker = Asker(approval("q1"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "delete it")
        await asked(client, run)
        await respond(client, session, approval_id="q1", choice="deny", reason=" keep it ")
        await collected(client, run)
        assert asker.heard == [AnswerApproval(question="q1", choice="deny", reason="keep it")]


async def test_i5_the_first_answer_counts_and_the_others_are_told_how_it_was_decided(serve: Serve) -> None:
    asker = Asker(approval("q1"), approval("q2", "rm -rf dist"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "delete both")
        await asked(client, run, 2)
        answers = await asyncio.gather(
            *(respond(client, session, approval_id="q1", choice=choice) for choice in ("once", "deny", "session", "always"))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        late = await respond(client, session, approval_id="q1", choice="deny")
        won = next(answer.json()["choice"] for answer in answers if answer.status_code == 200)
        assert late.status_code == 409 and late.json()["stale"] is True and late.json()["answer"]["choice"] == won
        assert len(asker.heard) == 1
        await respond(client, session, approval_id="q2", choice="deny")
        await collected(client, run)
        assert [(one.question, one.choice) for one in asker.heard if isinstance(one, AnswerApproval)] == [("q1", won), ("q2", "deny")]


async def test_an_answer_for_another_question_or_another_session_hits_nothing(serve: Serve) -> None:
    asker = Asker(approval("q1"))
    async with serve(asker.script) as client:
        one, other = await new_session(client), await new_session(client)
        runs = [await send(client, one, "a")]
        await asked(client, runs[0])
        asker.questions = (approval("q9"),)
        runs.append(await send(client, other, "b"))
        await asked(client, runs[1])
        for session, question in ((other, "q1"), (one, "q9"), (one, "unknown")):
            answer = await respond(client, session, approval_id=question, choice="once")
            assert answer.status_code == 409 and answer.json()["stale"] is True
        assert asker.heard == []
        idle = await new_session(client)
        assert (await respond(client, idle, choice="once")).status_code == 409
        assert (await respond(client, "nothere", choice="once")).status_code == 404
        assert (await respond(client, one, approval_id="q1", choice="yes")).status_code == 400


async def test_b14_without_an_id_only_a_single_question_can_be_meant(serve: Serve) -> None:
    asker = Asker(approval("q1"), approval("q2", "rm -rf dist"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "delete both")
        await asked(client, run, 2)
        assert (await respond(client, session, choice="once")).status_code == 400
        assert asker.heard == []
        await respond(client, session, approval_id="q2", choice="deny")
        assert (await respond(client, session, choice="once")).status_code == 200
        await collected(client, run)
        assert [one.question for one in asker.heard if isinstance(one, AnswerApproval)] == ["q2", "q1"]


async def test_a_choice_that_was_not_offered_is_refused(serve: Serve) -> None:
    import msgspec

    asker = Asker(msgspec.structs.replace(approval("q1"), choices=["once", "deny"], smart_denied=True))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "delete it")
        await asked(client, run)
        answer = await respond(client, session, approval_id="q1", choice="always")
        assert answer.status_code == 400 and "once, deny" in answer.json()["error"]
        assert (await pending(client, session))["pending_count"] == 1
        await respond(client, session, approval_id="q1", choice="deny")
        await collected(client, run)


async def test_b19_open_questions_can_be_fetched_at_any_time(serve: Serve) -> None:
    asker = Asker(approval("q1"), approval("q2", "rm -rf dist"), clarify("q3", choices=("red", "blue")))
    async with serve(asker.script) as client:
        session = await new_session(client)
        assert await pending(client, session) == {"pending": None, "pending_count": 0, "all": []}
        run = await send(client, session, "work")
        await asked(client, run, 3)
        found = await pending(client, session)
        assert found["pending"]["approval_id"] == "q1" and found["pending_count"] == 2
        assert [one["approval_id"] for one in found["all"]] == ["q1", "q2"]
        assert not {"question", "choices_offered"} & found["pending"].keys()
        question = (await pending(client, session, "clarify"))["pending"]
        assert question["question"] == "Which?" and question["choices_offered"] == ["red", "blue"] and question["expires_at"] is None
        listed = (await client.get("/api/sessions")).json()["sessions"]
        assert [row["pending_question"] for row in listed] == [True]
        for number in ("q1", "q2"):
            await respond(client, session, approval_id=number, choice="deny")
        await client.post("/api/clarify/respond", json={"session_id": session, "clarify_id": "q3", "response": "red"})
        await collected(client, run)
        assert (await pending(client, session))["pending"] is None
        assert not (await client.get("/api/sessions")).json()["sessions"][0]["pending_question"]


async def test_b12_the_approval_stream_begins_with_what_is_open_and_tells_each_change(serve: Serve) -> None:
    asker = Asker(approval("q1"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        async with client.stream("GET", "/api/approval/stream", params={"session_id": session}) as stream:
            told = parsed(stream)
            first = await anext(told)
            assert first.event == "initial" and first.data["pending"] is None
            run = await send(client, session, "delete it")
            found = await anext(told)
            assert found.event == "approval" and found.data["pending"]["approval_id"] == "q1"
            await respond(client, session, approval_id="q1", choice="once")
            assert (await anext(told)).data["pending"] is None
        await collected(client, run)


async def test_b18_a_clarify_answer_may_go_by_three_names(serve: Serve) -> None:
    for name in ("response", "answer", "choice"):
        asker = Asker(clarify("q1"))
        async with serve(asker.script) as client:
            session = await new_session(client)
            run = await send(client, session, "ask me")
            await asked(client, run)
            empty = await client.post("/api/clarify/respond", json={"session_id": session, "clarify_id": "q1", name: "  "})
            assert empty.status_code == 400
            answer = await client.post("/api/clarify/respond", json={"session_id": session, "clarify_id": "q1", name: " green "})
            assert answer.json() == {"ok": True, "response": "green"}
            late = await client.post("/api/clarify/respond", json={"session_id": session, "clarify_id": "q1", name: "blue"})
            assert late.status_code == 409 and late.json()["ok"] is False and late.json()["stale"] is True
            await collected(client, run)
            assert asker.heard == [AnswerClarify(question="q1", text="green")]


async def test_b47_cancelling_a_run_closes_its_questions_as_denied(serve: Serve) -> None:
    asker = Asker(approval("q1"), clarify("q2"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "delete it")
        await asked(client, run, 2)
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"]
        late = await respond(client, session, approval_id="q1", choice="once")
        assert late.status_code == 409 and late.json()["stale"] is True
        assert asker.heard == []
        questions = (await rows(client, session))[1]["questions"]
        assert [(one["answer"]["by"], one["answer"]["choice"]) for one in questions] == [("cancel", "deny"), ("cancel", "")]


async def test_what_was_allowed_for_the_session_goes_with_the_next_run_until_it_is_revoked(serve: Serve) -> None:
    asker = Asker(approval("q1"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "delete it")
        await asked(client, run)
        await respond(client, session, approval_id="q1", choice="session")
        await collected(client, run)
        asker.questions = ()
        await collected(client, await send(client, session, "again"))
        assert asker.inputs[-1].permissions == Permissions(granted=("recursive delete",))
        detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
        assert detail["granted"] == ["recursive delete"]
        gone = await client.post("/api/approval/revoke", json={"session_id": session, "pattern_key": "recursive delete"})
        assert gone.json() == {"ok": True, "granted": []}
        assert (await client.post("/api/approval/revoke", json={"session_id": session, "pattern_key": "x"})).status_code == 404
        await collected(client, await send(client, session, "and again"))
        assert asker.inputs[-1].permissions == Permissions()
        other = await new_session(client)
        await collected(client, await send(client, other, "elsewhere"))
        assert asker.inputs[-1].permissions == Permissions()


async def test_once_and_always_do_not_become_permissions_of_the_session(serve: Serve) -> None:
    """`always` is the agent's own to keep: it writes it to the profile's configuration."""
    asker = Asker(approval("q1"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        run = await send(client, session, "delete it")
        await asked(client, run)
        await respond(client, session, approval_id="q1", choice="once")
        await collected(client, run)
        asker.questions = ()
        await collected(client, await send(client, session, "again"))
        assert asker.inputs[-1].permissions == Permissions()


async def test_yolo_is_of_one_session_releases_what_waits_and_goes_with_the_next_run(serve: Serve) -> None:
    asker = Asker(approval("q1"))
    async with serve(asker.script) as client:
        session, other = await new_session(client), await new_session(client)
        run = await send(client, session, "delete it")
        await asked(client, run)
        answer = await client.post("/api/session/yolo", json={"session_id": session, "enabled": True})
        assert answer.json() == {"ok": True, "yolo_enabled": True}
        found = await collected(client, run, after_seq=0)
        assert [frame.data["by"] for frame in found if frame.event == "answered"] == ["yolo"]
        assert asker.heard == [SetYolo(on=True)]
        asker.questions = ()
        await collected(client, await send(client, session, "again"))
        assert asker.inputs[-1].permissions.yolo
        await collected(client, await send(client, other, "elsewhere"))
        assert not asker.inputs[-1].permissions.yolo
        await client.post("/api/session/yolo", json={"session_id": session, "enabled": False})
        assert (await client.get("/api/session/yolo", params={"session_id": session})).json() == {"yolo_enabled": False}
        await collected(client, await send(client, session, "last"))
        assert not asker.inputs[-1].permissions.yolo


async def test_an_open_question_is_told_to_who_watches_the_sessions(serve: Serve) -> None:
    asker = Asker(approval("q1"))
    async with serve(asker.script) as client:
        session = await new_session(client)
        async with client.stream("GET", "/api/sessions/events") as stream:
            told = parsed(stream)
            run = await send(client, session, "delete it")
            facts = [await anext(told) for _ in range(2)]
            assert [(one.data["reason"], one.data.get("open")) for one in facts] == [("run_started", None), ("question", 1)]
            await respond(client, session, approval_id="q1", choice="once")
            assert (await anext(told)).data["open"] == 0
        await collected(client, run)
