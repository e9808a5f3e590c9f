"""A server in the test's own event loop, reached over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from propylon.app import Backends, create_app
from propylon.serving import bind, server_of
from propylon.settings import Settings
from propylon.state import open_state


@dataclass(frozen=True)
class Frame:
    """One frame of an event stream. `number` is the integer behind the last colon of its id, 0 without one."""

    number: int
    event: str
    data: Any


@asynccontextmanager
async def serving(home: Path, workspace: Path, backends: Backends | None = None, **settings: Any) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of a new server over the state in `home`; the server is stopped as SIGTERM stops it."""
    settings = Settings.load(home=home, port=0, default_workspace=workspace, **settings)
    app = create_app(settings, open_state(settings.state), backends)
    listener = bind("127.0.0.1", 0)
    server = server_of(app)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.005)
            if running.done():
                running.result()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx2.AsyncClient(base_url=base, timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        await running
        listener.close()


async def new_session(client: httpx2.AsyncClient, **fields: Any) -> str:
    answer = await client.post("/api/session/new", json=fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["session"]["session_id"])


async def send(client: httpx2.AsyncClient, session: str, text: str, **headers: str) -> str:
    """Starts a run; its id."""
    answer = await client.post("/api/chat/start", json={"session_id": session, "message": text}, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["stream_id"])


async def rows(client: httpx2.AsyncClient, session: str) -> list[dict[str, Any]]:
    answer = await client.get("/api/session", params={"session_id": session})
    messages: list[dict[str, Any]] = answer.json()["session"]["messages"]
    return messages


async def frames(client: httpx2.AsyncClient, run: str, **params: Any) -> AsyncIterator[Frame]:
    """The frames of a run as they come, until the server closes the stream."""
    async with client.stream("GET", "/api/chat/stream", params={"stream_id": run, **params}) as answer:
        assert answer.status_code == 200, answer.status_code
        async for found in parsed(answer):
            yield found


async def first_token(client: httpx2.AsyncClient, run: str) -> Frame:
    """Waits until the run has said something of its answer."""
    async for frame in frames(client, run, after_seq=0):
        if frame.event == "token":
            return frame
    raise AssertionError("the run ended without a word")


async def parsed(answer: httpx2.Response) -> AsyncIterator[Frame]:
    number, event = 0, ""
    async for line in answer.aiter_lines():
        if line.startswith("id: "):
            number = int(line.rpartition(":")[2])
        elif line.startswith("event: "):
            event = line[7:]
        elif line.startswith("data: "):
            yield Frame(number, event, json.loads(line[6:]))
            number, event = 0, ""


async def collected(client: httpx2.AsyncClient, run: str, **params: Any) -> list[Frame]:
    return [found async for found in frames(client, run, **params)]


def of_the_run(found: list[Frame]) -> list[Frame]:
    """The frames without what `done` says of its session beside the rows: that is as of when it is told, a title may come later."""
    return [
        replace(frame, data={**frame.data, "session": frame.data["session"]["messages"]}) if frame.event == "done" else frame
        for frame in found
    ]


def text_of(found: list[Frame]) -> str:
    return "".join(frame.data["text"] for frame in found if frame.event == "token")
