"""Starting, refusing to start, and leaving."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.process import ServerProcess, script
from support.serving import collected, first_token, new_session, rows, send, text_of


def serve(home: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to be refused."""
    return subprocess.run(
        [sys.executable, "-m", "propylon.cli", "serve", *options],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "HERMES_HOME": str(home), "HERMES_WEBUI_PORT": "0", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def refused(answer: subprocess.CompletedProcess[str], *words: str) -> None:
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1
    for word in words:
        assert word in answer.stderr


async def test_health_answers_when_the_agent_is_warm(server: ServerProcess) -> None:
    async with server.client() as client:
        health = await client.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "ok")
        status = (await client.get("/api/status")).json()
        assert (status["agent"]["state"], status["demo"], status["default_model"]) == ("ready", False, "fake-1")


async def test_b4_a_broken_agent_is_said_and_the_server_serves(folder: Path) -> None:
    server = ServerProcess(folder, HERMES_WEBUI_PYTHON="/nonexistent/python")
    try:
        await server.start()
        async with server.client() as client:
            assert (await client.get("/health")).status_code == 200
            agent = (await client.get("/api/status")).json()["agent"]
            assert agent["state"] == "failed" and "/nonexistent/python" in agent["error"]
            session = await new_session(client)
            found = await collected(client, await send(client, session, "hello"), after_seq=0)
            assert (found[-1].event, found[-1].data["type"]) == ("apperror", "not_started")
    finally:
        await server.clear()


async def test_sigterm_closes_everything_and_leaves_live_runs_alone(server: ServerProcess) -> None:
    async with server.client() as client:
        idle, busy = await new_session(client), await new_session(client)
        await collected(client, await send(client, idle, script({"text": "done"})))
        run = await send(client, busy, script({"text": "a b c d e f g h i j k l m n o p", "delay": 0.2}))
        await first_token(client, run)
        assert len(server.workers()) == 2
    assert await server.stop(signal.SIGTERM) == 0, (server.folder / "server.log").read_text()
    assert sorted(path.name for path in server.state.glob("*.db*")) == ["app.db", "runlog.db"]
    assert [note.session for note in server.workers()] == [busy]
    await server.start()
    async with server.client() as client:
        found = await collected(client, run, after_seq=0)
        assert (text_of(found), found[-1].event) == ("a b c d e f g h i j k l m n o p", "stream_end")


async def test_a_second_server_on_the_same_state_is_refused(server: ServerProcess) -> None:
    refused(await asyncio.to_thread(serve, server.home), "Another Propylon", str(server.home))
    async with server.client() as client:
        assert (await client.get("/health")).status_code == 200


def test_a_taken_port_is_refused(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused(serve(folder, "--port", str(taken.getsockname()[1])), "Cannot listen", "--port")
    assert not (folder / "webui").exists()


@pytest.mark.parametrize("name", ["app.db", "runlog.db"])
@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_broken_database_is_refused_and_left_as_it_is(folder: Path, name: str, content: bytes) -> None:
    path = folder / "webui" / "propylon" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    refused(serve(folder), name)
    assert path.read_bytes() == content


def test_a_directory_that_is_no_directory_is_refused(folder: Path) -> None:
    (folder / "webui").write_text("a file of somebody")
    refused(serve(folder), "webui")
    assert (folder / "webui").read_text() == "a file of somebody"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "box.lan", "127.example.com", ""])
def test_an_address_beyond_this_machine_is_refused(folder: Path, host: str) -> None:
    refused(serve(folder, "--host", host), "no password is set", "HERMES_WEBUI_PASSWORD")
    assert not (folder / "webui").exists()


@pytest.mark.parametrize("value", ["many", "70000", "-1"])
def test_a_port_that_is_none_is_named(folder: Path, value: str) -> None:
    answer = serve(folder, HERMES_WEBUI_PORT=value) if value == "many" else serve(folder, "--port", value)
    assert answer.returncode == 2 and "port" in answer.stderr.lower()


async def test_the_state_is_private(server: ServerProcess) -> None:
    async with server.client() as client:
        await collected(client, await send(client, await new_session(client), script({"text": "x"})))
    for path in [server.state, *server.state.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


async def test_without_a_provider_the_demo_answers_and_nothing_is_configured(folder: Path) -> None:
    server = ServerProcess(folder)
    try:
        await server.start()
        (server.workspace / "notes.txt").write_text("hi")
        async with server.client() as client:
            for _ in range(600):
                status = (await client.get("/api/status")).json()
                if status["agent"]["state"] != "starting":
                    break
                await asyncio.sleep(0.05)
            assert status["demo"] is True
            made = (await client.post("/api/session/new", json={})).json()["session"]
            assert (made["model"], made["model_provider"]) == ("demo", "demo")
            found = await collected(client, await send(client, made["session_id"], "list the files here"), after_seq=0)
            tool = next(frame.data for frame in found if frame.event == "tool")
            assert tool["name"] == "terminal"
            assert "notes.txt" in text_of(found) and found[-1].event == "stream_end"
            assert [row["role"] for row in await rows(client, made["session_id"])] == ["user", "assistant", "tool", "assistant"]
        assert not (server.home / "config.yaml").exists()
        assert not (server.home / ".env").exists()
    finally:
        await server.clear()
