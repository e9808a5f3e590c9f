"""Kill -9 of the server and of the agent, in the middle of runs of the real agent."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time

import httpx2
import psutil
import pytest

from support.process import ServerProcess, script
from support.serving import Frame, collected, first_token, frames, new_session, of_the_run, parsed, rows, send, text_of

KILLS = 20


class Viewer:
    """A page: follows a run from its cursor, through every loss of the server, and asks for nothing twice."""

    def __init__(self, server: ServerProcess, run: str) -> None:
        self._server = server
        self._run = run
        self.frames: list[Frame] = []

    async def watch(self) -> None:
        while not (self.frames and self.frames[-1].event in ("stream_end", "cancel", "apperror")):
            try:
                async with self._server.client() as client:
                    cursor = self.frames[-1].number if self.frames else 0
                    async with client.stream("GET", "/api/chat/stream", params={"stream_id": self._run, "after_seq": cursor}) as answer:
                        async for frame in parsed(answer):
                            self.frames.append(frame)
            except httpx2.TransportError:
                await asyncio.sleep(0.02)


def long_run(number: int) -> str:
    words = " ".join(f"w{number}.{i}" for i in range(150))
    command = {"command": f"echo run {number} >> log.txt; sleep 0.3"}
    return script({"text": "Begin.", "tools": [["terminal", command]]}, {"text": words, "delay": 0.02})


@pytest.mark.timeout(400)
async def test_the_server_is_killed_20_times_and_nothing_is_lost_or_doubled(server: ServerProcess) -> None:
    random.seed(7)
    kills = number = 0
    async with server.client() as client:
        session = await new_session(client)
    while kills < KILLS:
        number += 1
        async with server.client() as client:
            run = await send(client, session, long_run(number))
            busy = await client.post("/api/chat/start", json={"session_id": session, "message": "too early"})
            assert (busy.status_code, busy.json()["active_stream_id"]) == (409, run)
        viewers = [Viewer(server, run), Viewer(server, run)]
        watching = [asyncio.create_task(viewer.watch()) for viewer in viewers]
        while kills < KILLS and not watching[0].done():
            await asyncio.wait(watching, timeout=random.uniform(0.05, 0.9), return_when=asyncio.ALL_COMPLETED)
            if watching[0].done():
                break
            await server.stop(signal.SIGKILL)
            kills += 1
            await server.start()
        await asyncio.wait_for(asyncio.gather(*watching), 120)
        first, second = viewers
        assert [frame.number for frame in first.frames] == list(range(1, len(first.frames) + 1))
        assert of_the_run(first.frames) == of_the_run(second.frames)
        assert first.frames[-1].event == "stream_end", (first.frames[-1], (server.folder / "server.log").read_text()[-3000:])
        expected = " ".join(f"w{number}.{i}" for i in range(150))
        assert text_of(first.frames).endswith(expected)
        async with server.client() as client:
            assert of_the_run(await collected(client, run, after_seq=0)) == of_the_run(first.frames)
            stored = await rows(client, session)
            assert stored[-1]["content"].strip() == expected
    assert (server.workspace / "log.txt").read_text() == "".join(f"run {i + 1}\n" for i in range(number))


async def test_the_worker_is_killed_and_the_run_ends_in_words(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "one two three " * 200, "delay": 0.01}))
        killed = 0.0
        async for frame in frames(client, run, after_seq=0):
            if frame.number == 20:
                (note,) = server.workers()
                os.kill(note.pid, signal.SIGKILL)
                killed = time.monotonic()
            last = frame
        assert time.monotonic() - killed < 10
        assert (last.event, last.data["type"]) == ("apperror", "interrupted")
        stored = await rows(client, session)
        assert stored[1]["_partial"] and stored[1]["content"].startswith("one two three")
        assert stored[2]["error"]["type"] == "interrupted"
        found = await collected(client, await send(client, session, script({"text": "back again"})))
        assert text_of(found) == "back again"


async def test_the_template_is_killed_and_neither_runs_nor_new_sessions_suffer(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "one two three " * 40, "delay": 0.02}))
        await first_token(client, run)
        assert server.process is not None
        (template,) = [child for child in psutil.Process(server.process.pid).children() if child.cmdline()[-1] == "template"]
        template.kill()
        other = await new_session(client)
        found = await collected(client, await send(client, other, script({"text": "from a new template"})))
        assert text_of(found) == "from a new template"
        found = await collected(client, run, after_seq=0)
        assert (text_of(found), found[-1].event) == ("one two three " * 40, "stream_end")


async def test_a_frozen_worker_is_ended(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "one two three " * 200, "delay": 0.01}))
        await first_token(client, run)
        (note,) = server.workers()
        os.kill(note.pid, signal.SIGSTOP)
        found = await asyncio.wait_for(collected(client, run, after_seq=0), 20)
        assert found[-1].data["type"] == "interrupted"


async def test_both_are_killed_and_the_run_is_closed_at_the_next_start(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "one two three " * 200, "delay": 0.01}))
        await first_token(client, run)
    (note,) = server.workers()
    await server.stop(signal.SIGKILL)
    os.kill(note.pid, signal.SIGKILL)
    await server.start()
    async with server.client() as client:
        found = await collected(client, run, after_seq=0)
        assert found[-1].data["type"] == "interrupted"
        assert text_of(found)


async def test_a_run_that_ended_while_no_server_was_there_is_complete(server: ServerProcess) -> None:
    async with server.client() as client:
        session = await new_session(client)
        run = await send(client, session, script({"text": "all of it is kept", "delay": 0.1}))
        async for _ in frames(client, run, after_seq=0):
            break
    await server.stop(signal.SIGTERM)
    (note,) = server.workers()
    # No event of a worker reaches anybody without a server: the time the words take, and more.
    await asyncio.sleep(1.5)
    await server.start()
    async with server.client() as client:
        found = await collected(client, run, after_seq=0)
        assert found[-1].event == "stream_end"
        assert text_of(found) == "all of it is kept"
        assert [worker.pid for worker in server.workers()] == [note.pid]
        await collected(client, await send(client, session, script({"text": "on the same worker"})))
        assert [worker.pid for worker in server.workers()] == [note.pid]
