"""Requests and answers beside the turn itself."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from app.conftest import Serve, saying
from propylon.events import Token
from propylon.web import schemas
from support.serving import collected, new_session, parsed, rows, send

HELLO = saying(Token(text="hello"))


async def test_a_lone_surrogate_becomes_a_replacement_character(serve: Serve) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        body = f'{{"session_id": "{session}", "message": "a\\ud800b"}}'
        answer = await client.post("/api/chat/start", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200
        await collected(client, answer.json()["stream_id"])
        assert (await rows(client, session))[0]["content"] == "a\ufffdb"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b"\xff{}", "not UTF-8"),
        (b"[]", "must be a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{}", "session_id: field required"),
        (b'{"session_id": 1, "message": "x"}', "session_id: input should be a valid string"),
        (b'{"session_id": "x", "message": null}', "message: input should be a valid string"),
    ],
)
async def test_bad_bodies_are_named_for_what_they_are(serve: Serve, body: bytes, says: str) -> None:
    async with serve(HELLO) as client:
        answer = await client.post("/api/chat/start", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert says in answer.json()["error"]


@pytest.mark.parametrize("message", ["", "  \n"])
async def test_an_empty_message_is_refused_and_nothing_is_stored(serve: Serve, message: str) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        answer = await client.post("/api/chat/start", json={"session_id": session, "message": message})
        assert answer.status_code == 400
        assert await rows(client, session) == []


@pytest.mark.parametrize(
    ("method", "path", "params", "error"),
    [
        ("GET", "/api/session", {"session_id": "nope"}, "Session not found"),
        ("GET", "/api/session/status", {"session_id": "nope"}, "Session not found"),
        ("GET", "/api/session/stream", {"session_id": "nope"}, "Session not found"),
        ("GET", "/api/chat/stream", {"stream_id": "nope"}, "stream not found"),
        ("GET", "/api/nothing", {}, "Not Found"),
    ],
)
async def test_what_is_not_there_is_404_in_the_words_clients_match(
    serve: Serve, method: str, path: str, params: dict[str, str], error: str
) -> None:
    async with serve(HELLO) as client:
        answer = await client.request(method, path, params=params)
        assert (answer.status_code, answer.json()["error"]) == (404, error)


async def test_a_start_in_an_unknown_session_is_404(serve: Serve) -> None:
    async with serve(HELLO) as client:
        answer = await client.post("/api/chat/start", json={"session_id": "nope", "message": "x"})
        assert (answer.status_code, answer.json()["error"]) == (404, "Session not found")


async def test_the_status_of_an_unknown_stream_is_no_error(serve: Serve) -> None:
    async with serve(HELLO) as client:
        answer = await client.get("/api/chat/stream/status", params={"stream_id": "nope"})
        assert answer.json() == {"active": False, "stream_id": "nope", "replay_available": False}


async def test_b54_a_workspace_must_be_an_existing_directory(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    async with serve(HELLO) as client:
        for workspace in ("relative", str(tmp_path / "missing"), str(file)):
            answer = await client.post("/api/session/new", json={"workspace": workspace})
            assert answer.status_code == 400 and answer.json()["error"].startswith("workspace: ")


async def test_sessions_are_listed_newest_first_by_pages(serve: Serve) -> None:
    async with serve(HELLO) as client:
        made = [await new_session(client) for _ in range(5)]
        await collected(client, await send(client, made[0], "move me to the top"))
        expected = [made[0], *reversed(made[1:])]
        listed = (await client.get("/api/sessions")).json()
        assert [row["session_id"] for row in listed["sessions"]] == expected
        assert listed["sessions"][0]["title"] == "move me to the top"
        pages, cursor = [], None
        while True:
            params = {"limit": 2} if cursor is None else {"limit": 2, "cursor": cursor}
            page = (await client.get("/api/sessions", params=params)).json()
            pages += [row["session_id"] for row in page["sessions"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert pages == expected


async def test_the_transcript_is_read_upward_with_stable_offsets(serve: Serve) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        for number in range(6):
            await collected(client, await send(client, session, str(number)))
        read, before = [], None
        while before != 0:
            params = {"session_id": session, "msg_limit": 5} | ({} if before is None else {"msg_before": before})
            detail = (await client.get("/api/session", params=params)).json()["session"]
            before = detail["_messages_offset"]
            assert detail["_messages_truncated"] == (before > 0)
            read = [row["content"] for row in detail["messages"]] + read
        assert read == [text for number in range(6) for text in (str(number), "hello")]


async def test_everybody_hears_of_changes(serve: Serve) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        async with (
            client.stream("GET", "/api/sessions/events") as every,
            client.stream("GET", "/api/session/stream", params={"session_id": session}) as one,
        ):
            all_of, of_one = parsed(every), parsed(one)
            assert (await anext(of_one)).data == {"session_id": session}
            other = await new_session(client)
            created = (await anext(all_of)).data
            assert (created["type"], created["reason"], created["session_id"]) == ("sessions_changed", "created", other)
            run = await send(client, session, "go")
            started, finished = (await anext(all_of)).data, (await anext(all_of)).data
            assert (started["reason"], started["active_stream_id"]) == ("run_started", run)
            assert (finished["reason"], finished["status"]) == ("run_finished", "completed")
            assert created["version"] < started["version"] < finished["version"]
            assert [(await anext(of_one)).event, (await anext(of_one)).event] == ["server_turn_started", "turn_completed"]


async def test_every_answer_has_the_declared_shape(serve: Serve) -> None:
    async with serve(HELLO) as client:
        session = await new_session(client)
        run = await send(client, session, "go")
        await collected(client, run)
        ask = {"session_id": session}
        schemas.Health.model_validate((await client.get("/health")).json())
        schemas.Status.model_validate((await client.get("/api/status")).json())
        schemas.SessionList.model_validate((await client.get("/api/sessions")).json())
        schemas.OneSession.model_validate((await client.get("/api/session", params=ask)).json())
        schemas.SessionStatus.model_validate((await client.get("/api/session/status", params=ask)).json())
        schemas.StreamStatus.model_validate((await client.get("/api/chat/stream/status", params={"stream_id": run})).json())
        again = await client.post("/api/chat/start", json={"session_id": session, "message": "more"})
        schemas.ChatStarted.model_validate(again.json())


async def test_the_interface_describes_itself(serve: Serve) -> None:
    async with serve(HELLO) as client:
        described = (await client.get("/openapi.json")).json()
        assert set(described["paths"]) >= {
            "/health",
            "/api/status",
            "/api/sessions",
            "/api/sessions/events",
            "/api/session",
            "/api/session/new",
            "/api/session/status",
            "/api/session/stream",
            "/api/tool-result",
            "/api/chat/start",
            "/api/chat/stream",
            "/api/chat/stream/status",
            "/api/chat/cancel",
            "/api/chat/steer",
            "/api/chat/interrupt",
            "/api/approval/pending",
            "/api/approval/stream",
            "/api/approval/respond",
            "/api/approval/revoke",
            "/api/clarify/pending",
            "/api/clarify/stream",
            "/api/clarify/respond",
            "/api/session/yolo",
            "/api/queue",
            "/api/queue/add",
            "/api/personalities",
            "/api/mcp/servers",
        }


async def test_stopping_the_server_ends_open_streams(serve: Serve) -> None:
    async with httpx2.AsyncClient(timeout=60) as viewer:
        async with serve(HELLO) as client:
            answer = await viewer.send(viewer.build_request("GET", f"{client.base_url}/api/sessions/events"), stream=True)
            said = answer.aiter_bytes()
            assert b"connected" in await anext(said)
        with pytest.raises((StopAsyncIteration, httpx2.RemoteProtocolError)):
            await anext(said)
        await answer.aclose()
