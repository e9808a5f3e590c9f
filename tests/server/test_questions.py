"""Permission, with the real agent: nothing flagged runs unasked, whatever happens around it, and each answer hits its own command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
from pathlib import Path
from typing import Any

import httpx2

from server.test_kill import Viewer
from support.process import ServerProcess, script, until, write_config
from support.serving import Frame, collected, frames, new_session, of_the_run, rows, send


def patient(home: Path) -> None:
    """Approvals that wait long enough for a loaded machine."""
    path = home / "config.yaml"
    path.write_text(path.read_text().replace("approvals: {mode: manual}", "approvals: {mode: manual, timeout: 120}"))


def victims(workspace: Path, *names: str) -> list[Path]:
    folders = [workspace / name for name in names]
    for folder in folders:
        folder.mkdir(parents=True)
    return folders


def remove(*folders: Path) -> str:
    """A turn that deletes these, one command after the other."""
    return script(*({"tools": [["terminal", {"command": f"rm -rf {folder}"}]]} for folder in folders), {"text": "All done."})


async def pending(client: httpx2.AsyncClient, session: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/api/approval/pending", params={"session_id": session})).json()["all"]
    return found


async def respond(client: httpx2.AsyncClient, session: str, question: str, choice: str, **more: str) -> httpx2.Response:
    return await client.post("/api/approval/respond", json={"session_id": session, "approval_id": question, "choice": choice, **more})


async def next_question(client: httpx2.AsyncClient, session: str, known: set[str]) -> dict[str, Any] | None:
    """The next open question that is not among the known; None when the run has ended."""
    while True:
        detail = (await client.get("/api/session", params={"session_id": session, "messages": "0"})).json()["session"]
        fresh = [one for one in await pending(client, session) if one["approval_id"] not in known]
        if fresh:
            return fresh[0]
        if detail["active_stream_id"] is None:
            return None
        await asyncio.sleep(0.02)


def answered(found: list[Frame]) -> dict[str, list[str]]:
    decided: dict[str, list[str]] = {}
    for frame in found:
        if frame.event == "answered":
            decided.setdefault(frame.data["question_id"], []).append(frame.data["choice"])
    return decided


async def test_b12_the_person_decides_and_the_agent_hears_why(server: ServerProcess) -> None:
    one, two = victims(server.workspace, "one", "two")
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, remove(one, two))
        known: set[str] = set()
        while (question := await next_question(client, session, known)) is not None:
            known.add(question["approval_id"])
            assert one.exists() if str(one) in question["command"] else two.exists()
            choice = "once" if str(one) in question["command"] else "deny"
            assert (await respond(client, session, question["approval_id"], choice, reason="two is precious")).status_code == 200
        found = await collected(client, run, after_seq=0)
        assert len(known) == 2 and found[-1].event == "stream_end"
        assert not one.exists() and two.exists()
        results = [frame.data["result"] for frame in found if frame.event == "tool_complete"]
        assert "two is precious" in results[1]
        kept = [question for row in await rows(client, session) for question in row.get("questions", [])]
        assert [(question["answer"]["choice"], question["answer"]["reason"]) for question in kept] == [
            ("once", ""),
            ("deny", "two is precious"),
        ]


async def test_b14_session_covers_this_session_and_no_other(server: ServerProcess) -> None:
    folders = victims(server.workspace, "a1", "a2", "a3", "b1")
    async with server.client() as client:
        session, other = await new_session(client), await new_session(client)
        run = await send(client, session, remove(*folders[:2]))
        question = await next_question(client, session, set())
        assert question is not None
        await respond(client, session, question["approval_id"], "session")
        await collected(client, run)
        await collected(client, await send(client, session, remove(folders[2])))
        assert not any(folder.exists() for folder in folders[:3])
        elsewhere = await send(client, other, remove(folders[3]))
        question = await next_question(client, other, set())
        assert question is not None and folders[3].exists()
        await respond(client, other, question["approval_id"], "deny")
        await collected(client, elsewhere)
        assert folders[3].exists()


async def test_b14_always_is_kept_by_the_agent_for_every_session_of_the_profile(server: ServerProcess) -> None:
    first, second = victims(server.workspace, "first", "second")
    async with server.client() as client:
        session, other = await new_session(client), await new_session(client)
        await collected(client, await send(client, other, script({"text": "awake"})))
        run = await send(client, session, remove(first))
        question = await next_question(client, session, set())
        assert question is not None
        await respond(client, session, question["approval_id"], "always")
        await collected(client, run)
        assert "command_allowlist" in (server.home / "config.yaml").read_text()
        before = server.workers()
        await collected(client, await send(client, other, remove(second)))
        assert not first.exists() and not second.exists()
        assert server.workers() == before


async def test_b14_silence_is_a_no(server: ServerProcess) -> None:
    config = server.home / "config.yaml"
    config.write_text(config.read_text().replace("approvals: {mode: manual}", "approvals: {mode: manual, timeout: 2}"))
    (folder,) = victims(server.workspace, "kept")
    async with server.client() as client:
        session = await new_session(client)
        found = await collected(client, await send(client, session, remove(folder)), after_seq=0)
        asked = next(frame.data for frame in found if frame.event == "approval")
        assert asked["expires_at"] - asked["requested_at"] == asked["timeout_seconds"] == 2
        assert [(frame.data["by"], frame.data["choice"]) for frame in found if frame.event == "answered"] == [("timeout", "")]
        assert found[-1].event == "stream_end" and folder.exists()


async def test_b14_session_permission_outlives_the_worker_and_the_server(server: ServerProcess) -> None:
    first, second, third = victims(server.workspace, "first", "second", "third")
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, remove(first))
        question = await next_question(client, session, set())
        assert question is not None
        await respond(client, session, question["approval_id"], "session")
        await collected(client, run)
    await server.stop(signal.SIGTERM)
    await until(lambda: not server.workers())
    await server.start()
    async with server.client() as client:
        await collected(client, await send(client, session, remove(second)))
        assert not second.exists()
        key = (await client.get("/api/session", params={"session_id": session})).json()["session"]["granted"][0]
        await client.post("/api/approval/revoke", json={"session_id": session, "pattern_key": key})
        run = await send(client, session, remove(third))
        question = await next_question(client, session, set())
        assert question is not None and third.exists()
        await respond(client, session, question["approval_id"], "deny")
        await collected(client, run)
        assert third.exists()


async def test_approvals_survive_kills_of_the_server(server: ServerProcess) -> None:
    """Killed while it waits, right after an answer, and while subagents ask: every question is decided once, by its own answer."""
    patient(server.home)
    random.seed(11)
    names = [f"v{number}" for number in range(8)]
    folders = victims(server.workspace, *names)
    children = [{"goal": remove(folder)} for folder in folders[4:6]]
    message = script(
        *({"tools": [["terminal", {"command": f"rm -rf {folder}"}]]} for folder in folders[:4]),
        {"tools": [["delegate_task", {"tasks": children}]]},
        *({"tools": [["terminal", {"command": f"rm -rf {folder}"}]]} for folder in folders[6:]),
        {"text": "All done."},
    )
    allowed = {folder for folder in folders if random.random() < 0.5}
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, message)
    viewers = [Viewer(server, run), Viewer(server, run)]
    watching = [asyncio.create_task(viewer.watch()) for viewer in viewers]
    decided: set[str] = set()
    kills = 0
    while not watching[0].done():
        async with server.client() as client:
            question = await next_question(client, session, decided)
            if question is None:
                break
            if random.random() < 0.4:
                await server.stop(signal.SIGKILL)
                kills += 1
                await server.start()
                continue
            folder = next(folder for folder in folders if f"{folder}" == question["command"].split()[-1])
            assert folder.exists()
            reply = asyncio.create_task(respond(client, session, question["approval_id"], "once" if folder in allowed else "deny"))
            if random.random() < 0.4:
                await asyncio.sleep(random.uniform(0, 0.01))
                await server.stop(signal.SIGKILL)
                kills += 1
                await server.start()
            with contextlib.suppress(httpx2.TransportError):
                if (await reply).status_code in (200, 409):
                    decided.add(question["approval_id"])
    await asyncio.wait_for(asyncio.gather(*watching), 60)
    assert kills >= 3
    assert of_the_run(viewers[0].frames) == of_the_run(viewers[1].frames)
    assert viewers[0].frames[-1].event == "stream_end"
    asked = [frame.data["approval_id"] for frame in viewers[0].frames if frame.event == "approval"]
    assert len(asked) == len(set(asked)) == len(folders)
    assert {question: len(choices) for question, choices in answered(viewers[0].frames).items()} == dict.fromkeys(asked, 1)
    assert {folder for folder in folders if not folder.exists()} == allowed


async def test_nothing_flagged_runs_unasked_under_concurrency_cancel_restart_and_subagents(server: ServerProcess) -> None:
    """Ten sessions delete things, alone and through subagents; answers, stops, kills and silence come at random.

    What is gone at the end is exactly what was allowed, by name.
    """
    patient(server.home)
    random.seed(5)
    allowed: set[str] = set()
    asked: set[str] = set()

    async def session_life(number: int) -> None:
        workspace = server.folder / f"w{number}"
        folders = victims(workspace, *(f"d{index}" for index in range(4)))
        tasks = [{"goal": remove(folder)} for folder in folders[2:]]
        message = script(
            {"tools": [["terminal", {"command": f"rm -rf {folders[0]}"}]]},
            {"tools": [["terminal", {"command": f"rm -rf {folders[1]}", "force": True}]]},
            {"tools": [["delegate_task", {"tasks": tasks}]]},
            {"text": "done"},
        )
        known: set[str] = set()
        session = run = ""
        while True:
            try:
                async with server.client() as client:
                    session = session or await new_session(client, workspace=str(workspace))
                    run = run or await send(client, session, message, **{"Idempotency-Key": "only"})
                    question = await next_question(client, session, known)
                    if question is None:
                        return
                    folder = question["command"].split()[-1]
                    asked.add(folder)
                    dice = random.random()
                    if dice < 0.1:
                        await client.post("/api/chat/cancel", json={"stream_id": run})
                        return
                    choice = "once" if dice < 0.55 else "deny"
                    if choice == "once":
                        allowed.add(folder)  # before the answer: a kill may hide that it was heard
                    if (await respond(client, session, question["approval_id"], choice)).status_code in (200, 409):
                        known.add(question["approval_id"])
            except httpx2.TransportError:
                await asyncio.sleep(0.05)

    lives = asyncio.gather(*(session_life(number) for number in range(10)))
    for _ in range(4):
        await asyncio.wait({asyncio.ensure_future(asyncio.shield(lives))}, timeout=random.uniform(1.0, 3.0))
        if lives.done():
            break
        await server.stop(signal.SIGKILL)
        await server.start()
    await asyncio.wait_for(lives, 120)
    gone = {
        str(folder)
        for number in range(10)
        for folder in (server.folder / f"w{number}" / f"d{index}" for index in range(4))
        if not folder.exists()
    }
    assert gone <= allowed, gone - allowed
    assert len(asked) >= 20 and len(gone) >= 5


async def test_b11_twenty_runs_over_three_profiles_and_six_workspaces_do_not_bleed(server: ServerProcess, model: str) -> None:
    """Directory, home, session key, environment of the profile, model and approvals: each run sees and decides only its own."""
    patient(server.home)
    homes = {"default": server.home}
    for profile in ("blue", "green"):
        homes[profile] = server.home / "profiles" / profile
        write_config(homes[profile], model, f"fake-{profile}")
        patient(homes[profile])
    for profile, home in homes.items():
        (home / ".env").write_text(f"PROBE={profile}\n")
    workspaces = [server.folder / f"ws{number}" for number in range(6)]
    for workspace in workspaces:
        workspace.mkdir()
    look = 'echo "$HERMES_HOME|$HERMES_SESSION_KEY|$(pwd)|$PROBE"'

    async def life(number: int) -> None:
        profile = list(homes)[number % 3]
        workspace = workspaces[number % 6]
        (mine,) = victims(workspace, f"victim{number}")
        allow = number % 2 == 0
        async with server.client() as client:
            session = await new_session(client, workspace=str(workspace), profile=profile)
            message = script(
                {"tools": [["terminal", {"command": f"{look}; sleep 0.3; {look}"}]]},
                {"tools": [["terminal", {"command": f"rm -rf {mine}"}]]},
                {"tools": [["terminal", {"command": look}], ["write_file", {"path": f"mine{number}.txt", "content": session}]]},
                {"text": f"I am {number}"},
            )
            run = await send(client, session, message)
            question = await next_question(client, session, set())
            assert question is not None and question["command"] == f"rm -rf {mine}"
            assert (await respond(client, session, question["approval_id"], "once" if allow else "deny")).status_code == 200
            found = await collected(client, run, after_seq=0)
            assert found[-1].event == "stream_end"
            results = [frame.data["result"] for frame in found if frame.event == "tool_complete"]
            looked = [json.loads(results[index])["output"].split() for index in (0, 2)]
            assert {line for lines in looked for line in lines} == {f"{homes[profile]}|{session}|{workspace}|{profile}"}
            assert mine.exists() is not allow
            detail = (await client.get("/api/session", params={"session_id": session})).json()["session"]
            assert detail["model"] == ("fake-1" if profile == "default" else f"fake-{profile}")
            assert (workspace / f"mine{number}.txt").read_text() == session

    await asyncio.gather(*(life(number) for number in range(20)))
    assert list(server.workspace.glob("mine*")) == []


async def test_b47_a_stop_releases_the_question_and_the_command_never_runs(server: ServerProcess) -> None:
    (folder,) = victims(server.workspace, "kept")
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, remove(folder))
        question = await next_question(client, session, set())
        assert question is not None
        assert (await client.post("/api/chat/cancel", json={"stream_id": run})).json()["cancelled"] is True
        late = await respond(client, session, question["approval_id"], "once")
        assert late.status_code == 409
        again = await collected(client, await send(client, session, script({"text": "on we go"})), after_seq=0)
        assert again[-1].event == "stream_end"
        assert folder.exists()


async def test_b16_a_question_in_words_is_answered_after_a_restart(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(
            client, session, script({"tools": [["clarify", {"question": "Which?", "choices": ["red", "blue"]}]]}, {"text": "Thanks."})
        )
        async for frame in frames(client, run, after_seq=0):
            if frame.event == "clarify":
                assert frame.data["choices_offered"] == ["red", "blue"] and frame.data["timeout_seconds"] == 3600
                break
    await server.stop(signal.SIGKILL)
    await server.start()
    async with server.client() as client:
        found = (await client.get("/api/clarify/pending", params={"session_id": session})).json()
        assert found["pending"]["question"] == "Which?"
        answer = await client.post("/api/clarify/respond", json={"session_id": session, "response": " green "})
        assert answer.status_code == 200
        ended = await collected(client, run, after_seq=0)
        assert ended[-1].event == "stream_end"
        result = next(frame.data["result"] for frame in ended if frame.event == "tool_complete")
        assert "green" in result


async def test_yolo_allows_what_waits_and_what_follows_and_nothing_elsewhere(server: ServerProcess) -> None:
    one, two, three, other_one = victims(server.workspace, "one", "two", "three", "other")
    async with server.client() as client:
        session, other = await new_session(client), await new_session(client)
        run = await send(client, session, remove(one, two))
        assert await next_question(client, session, set()) is not None
        await client.post("/api/session/yolo", json={"session_id": session, "enabled": True})
        found = await collected(client, run, after_seq=0)
        assert [frame.data["by"] for frame in found if frame.event == "answered"] == ["yolo"]
        assert not one.exists() and not two.exists()
        elsewhere = await send(client, other, remove(other_one))
        question = await next_question(client, other, set())
        assert question is not None
        await respond(client, other, question["approval_id"], "deny")
        await collected(client, elsewhere)
        await client.post("/api/session/yolo", json={"session_id": session, "enabled": False})
        run = await send(client, session, remove(three))
        question = await next_question(client, session, set())
        assert question is not None and three.exists() and other_one.exists()
        await respond(client, session, question["approval_id"], "deny")
        await collected(client, run)
