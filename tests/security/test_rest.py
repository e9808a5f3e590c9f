"""R13 and R14: what lies on the disk, what stands in the log, what an error tells."""

from __future__ import annotations

import io
import logging
import os
import re
import socket
import subprocess
from pathlib import Path

import httpx2
import pytest

from propylon.app import scripted
from propylon.errors import Unusable
from propylon.runtimes.hermes.environment import agent_environment
from propylon.serving import OneLine
from propylon.settings import Settings
from propylon.state import open_state
from security.conftest import PASSWORD, slow_or_quick
from security.wire import port_of, raw, request
from support.serving import collected, new_session, send, serving

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")


async def test_everything_kept_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also where it was made open before."""
    async with serving(tmp_path, tmp_path, scripted(slow_or_quick)) as client:
        await collected(client, await send(client, await new_session(client), "hi"))
    state = Settings.load(home=tmp_path).state
    for path in (state, *state.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (state / "link").symlink_to(tmp_path)
    async with serving(tmp_path, tmp_path, scripted(slow_or_quick)) as client:
        await collected(client, await send(client, await new_session(client), "hi"))
        found = [state, *(path for path in state.rglob("*") if not path.is_symlink())]
        assert len(found) > 5
        assert {oct(path.stat().st_mode & 0o777) for path in found if path.is_dir()} == {"0o700"}
        assert {oct(path.stat().st_mode & 0o777) for path in found if not path.is_dir()} == {"0o600"}
    assert tmp_path.stat().st_mode & 0o777 != 0o600


@needs_root
def test_a_state_that_somebody_else_can_change_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "app.db").touch()
    os.chown(folder / "app.db", 65534, 65534)
    with pytest.raises(Unusable, match="belongs to another user"):
        open_state(folder)


CONNECT = (
    "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'x'); sys.stdout.buffer.write(s.recv(9))"
)


@needs_root
def test_a_worker_talks_to_its_own_user_alone(short: Path) -> None:
    """Even if the folder and the socket were open to all."""
    from propylon.runtimes.hermes.worker.server import is_ours

    short.chmod(0o777)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short / "s"))
        (short / "s").chmod(0o777)
        listener.listen()
        for user, ours in ((65534, False), (0, True)):
            process = subprocess.Popen(["/usr/bin/python3", "-c", CONNECT, str(short / "s")], user=user, stdout=subprocess.PIPE, cwd="/")
            peer, _ = listener.accept()
            with peer:
                assert is_ours(peer) is ours
            process.communicate(timeout=10)


def test_agents_get_none_of_our_secrets() -> None:
    server = {"HERMES_WEBUI_PASSWORD": PASSWORD, "HERMES_WEBUI_GATEWAY_API_KEY": "k", "API_SERVER_KEY": "k", "PATH": "/bin", "LANG": "C"}
    kept = agent_environment(server, Path("/h"))
    assert {"HERMES_WEBUI_PASSWORD", "HERMES_WEBUI_GATEWAY_API_KEY", "API_SERVER_KEY"} & kept.keys() == set()
    assert kept["PATH"] == "/bin"


async def test_a_log_tells_who_and_never_what(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "propylon")
    planted = ["planted-password", "planted-title", "planted message text", "planted-token", "planted-query"]
    async with serving(tmp_path, tmp_path, scripted(slow_or_quick), password=PASSWORD) as client:
        await client.post("/api/auth/login", json={"password": planted[0]})
        await client.get("/api/sessions", headers={"Cookie": f"hermes_session={planted[3]}"}, params={"x": planted[4]})
        await client.post("/api/auth/login", json={"password": PASSWORD})
        session = await new_session(client)
        await client.post("/api/session/rename", json={"session_id": session, "title": planted[1]})
        await collected(client, await send(client, session, planted[2]))
        await client.post("/api/session/rename", json={}, headers={"Origin": "http://evil.example"})
        await client.get("/", headers={"Host": "evil.example"})
        await client.post("/api/auth/logout", json={})
    said = [record.getMessage() for record in caplog.records if record.name.startswith("propylon")]
    for word in ("login_failed from 127.0.0.1", "logged_in from", "logged_out from", "of another site", "refused the host 'evil.example'"):
        assert sum(word in line for line in said) == 1, (word, said)
    assert [word for word in [*planted, PASSWORD] if word in "\n".join(said)] == []


def test_a_line_of_the_log_is_one_line() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine("%(message)s"))
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "from %s", ("a\nERROR b\x1b[2Jc\u202ed\r",), None))
    assert stream.getvalue() == "from a\\nERROR b\\x1b[2Jc\\u202ed\\r\n"


async def test_who_is_refused_does_not_fill_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path, tmp_path, scripted(slow_or_quick)) as client:
        for number in range(300):
            await client.get("/", headers={"Host": f"evil{number}.example"})
    assert 50 < sum("refused the host" in record.getMessage() for record in caplog.records) <= 102


async def test_an_error_of_ours_names_the_request_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: object, **named: object) -> None:
        raise RuntimeError(f"secret {tmp_path}")

    monkeypatch.setattr("propylon.sessions.service.Sessions.list", broken)
    async with serving(tmp_path, tmp_path, scripted(slow_or_quick)) as client:
        answer = await client.get("/api/sessions", params={"limit": 5})
        assert answer.status_code == 500 and answer.headers["x-content-type-options"] == "nosniff"
        assert set(answer.json()) == {"error", "code", "request_id"} and answer.json()["code"] == "internal"
        assert str(tmp_path) not in answer.text and "Traceback" not in answer.text and "secret" not in answer.text
        said = [record for record in caplog.records if answer.json()["request_id"] in record.getMessage()]
        assert len(said) == 1 and said[0].exc_info is not None
        assert "limit" not in said[0].getMessage()


async def test_nothing_about_the_machine_is_told_to_strangers(tmp_path: Path) -> None:
    async with serving(tmp_path, tmp_path, scripted(slow_or_quick), password=PASSWORD) as client:
        for path in ("/health", "/login", "/api/auth/status", "/api/status", "/api/sessions", "/openapi.json"):
            said = await raw(port_of(client), request(target=path, connection="close"))
            assert str(tmp_path).encode() not in said.text
            assert re.search(rb"uvicorn|python|fastapi|starlette", said.text, re.IGNORECASE) is None


async def test_a_cut_connection_is_no_mistake(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path, tmp_path, scripted(slow_or_quick)) as client:
        await raw(
            port_of(client),
            b"POST /api/session/new HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        )
        with pytest.raises(httpx2.ReadTimeout):
            await client.get("/api/sessions/events", timeout=0.3)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
