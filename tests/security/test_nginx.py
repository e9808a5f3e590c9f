"""Behind a real reverse proxy, below a prefix, as any user: the page, a login, a run as it streams, all of it relative.

The server runs as `nobody` (where the tests run as root) with a program directory that it cannot write.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx2
import psutil
import pytest
import pytest_asyncio

from security.conftest import PASSWORD
from security.process import COMMAND
from support.process import short_folder, until
from support.serving import new_session, parsed

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
NOBODY = 65534
AS_NOBODY = [
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    # It may read what only root may (the interpreter can lie in root's home), and write nothing but its own.
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search"),
]

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(NGINX is None, reason="no nginx; scripts/test installs it where it may"),
]

CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  gzip on; gzip_types text/event-stream application/json;
  server {{
    listen 127.0.0.1:{outer};
    location /any/prefix/ {{ {more} proxy_buffering off; }}
    location /buffered/ {{ {more} proxy_buffering on; }}
  }}
}}
"""
MORE = """
proxy_pass http://127.0.0.1:{inner}/; proxy_http_version 1.1; proxy_set_header Connection "";
proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Prefix {prefix};
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def program() -> Path:
    """The package itself; its directory must not be written to."""
    import propylon

    return Path(propylon.__file__).parent


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outer() -> AsyncGenerator[str]:
    """The address of nginx, without a path."""
    with short_folder() as folder, contextlib.ExitStack() as stack:
        inner, port = free_port(), free_port()
        home = folder / "home"
        home.mkdir()
        for path in (folder, home):
            path.chmod(0o755)
            if os.getuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        before = sorted(str(path) for path in program().rglob("*") if "__pycache__" not in path.parts)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HERMES_HOME": str(home),
            "HERMES_WEBUI_PORT": str(inner),
            "HERMES_WEBUI_PASSWORD": PASSWORD,
            "HERMES_WEBUI_ALLOWED_HOSTS": "box.lan",
            "HERMES_WEBUI_TRUSTED_PROXIES": "127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        log = stack.enter_context((folder / "server.log").open("wb"))
        command = [*(AS_NOBODY if os.getuid() == 0 else []), *COMMAND]
        server = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)
        stack.callback(server.wait, 20)
        stack.callback(server.send_signal, signal.SIGTERM)
        config = folder / "nginx.conf"
        each = {name: MORE.format(inner=inner, prefix=prefix) for name, prefix in (("more", "/any/prefix"), ("buffered", "/buffered"))}
        text = CONFIG.format(folder=folder, outer=port, more="@@")
        config.write_text(text.replace("@@", each["more"], 1).replace("@@", each["buffered"], 1))
        nginx = subprocess.Popen([str(NGINX), "-c", str(config), "-p", str(folder)], stdout=log, stderr=log)
        stack.callback(nginx.wait, 20)
        stack.callback(nginx.terminate)
        await until(lambda: (listens(inner) and listens(port)) or server.poll() is not None or nginx.poll() is not None)
        assert (server.poll(), nginx.poll()) == (None, None), (folder / "server.log").read_text()
        assert psutil.Process(server.pid).uids().effective == (os.getuid() or NOBODY)
        yield f"http://127.0.0.1:{port}"
        after = sorted(str(path) for path in program().rglob("*") if "__pycache__" not in path.parts)
        assert after == before, "the program directory was written to"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.asynccontextmanager
async def browser(outer: str, prefix: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Logged in, as our page below the prefix."""
    headers = {"Origin": outer, "Sec-Fetch-Site": "same-origin"}
    async with httpx2.AsyncClient(base_url=outer + prefix, timeout=20, headers=headers) as client:
        answer = await client.post("api/auth/login", json={"password": PASSWORD})
        assert answer.status_code == 200, answer.text
        assert f"Path={prefix}" in answer.headers["set-cookie"]
        yield client


@pytest.mark.parametrize("prefix", ["/any/prefix/", "/buffered/"])
async def test_the_page_and_its_login_stay_below_the_prefix(outer: str, prefix: str) -> None:
    async with httpx2.AsyncClient(base_url=outer, timeout=20, follow_redirects=True) as stranger:
        landed = await stranger.get(prefix)
        assert str(landed.url) == f"{outer}{prefix}login?next=%2F"
        for address in {part.split('"')[0] for part in landed.text.split('="./')[1:]}:
            assert (await stranger.get(f"{prefix}{address}")).status_code == 200, address
        assert (await stranger.get(f"{prefix}api/sessions")).status_code == 401
        assert (await stranger.get(f"{prefix}health")).json()["status"] == "ok"
    async with browser(outer, prefix) as client:
        back = await client.get("login", params={"next": "/"}, follow_redirects=True)
        assert str(back.url) == f"{outer}{prefix}"
        logins = (await client.get("api/auth/logins")).json()["logins"]
        assert {login["address"] for login in logins} == {"127.0.0.1"}


@pytest.mark.parametrize("prefix", ["/any/prefix/", "/buffered/"])
async def test_a_run_streams_through_it_word_by_word(outer: str, prefix: str) -> None:
    """Also where the proxy would like to collect, or to compress."""
    async with browser(outer, prefix) as client:
        session = await new_session(client)
        run = (await client.post("api/chat/start", json={"session_id": session, "message": "go"})).json()["stream_id"]
        at, events = [], []
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        async with client.stream("GET", "api/chat/stream", params={"stream_id": run, "after_seq": 0}, headers=headers) as answer:
            assert answer.status_code == 200
            async for frame in parsed(answer):
                at.append(time.monotonic())
                events.append(frame.event)
        assert events == ["token"] * 8 + ["done", "stream_end"]
        assert at[7] - at[0] > 0.7, "they came one by one, not all at the end"


async def test_a_foreign_page_and_a_foreign_name_are_refused_through_it_too(outer: str) -> None:
    async with browser(outer, "/any/prefix/") as client:
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert (await client.post("api/session/new", json={}, headers=headers)).status_code == 403
        for host in ("evil.example", "box.lan.evil.example"):
            assert (await client.get("health", headers={"Host": host})).status_code == 421
        assert (await client.get("health", headers={"Host": "box.lan"})).status_code == 200


async def test_a_client_behind_it_cannot_be_somebody_else(outer: str) -> None:
    """What a client forwards by itself stands before what the proxy adds."""
    elsewhere = httpx2.AsyncHTTPTransport(local_address="127.0.0.9")
    async with httpx2.AsyncClient(base_url=f"{outer}/any/prefix/", timeout=20, transport=elsewhere) as client:
        statuses = []
        for number in range(7):
            headers = {"X-Forwarded-For": f"198.51.100.{number}, 10.0.0.{number}", "X-Forwarded-Host": "box.lan"}
            statuses.append((await client.post("api/auth/login", json={"password": "wrong"}, headers=headers)).status_code)
        assert statuses == [401] * 5 + [429] * 2


async def test_a_revoked_page_ends_behind_it_too(outer: str) -> None:
    async with browser(outer, "/any/prefix/") as client:
        async with client.stream("GET", "api/sessions/events") as page:
            said = page.aiter_bytes()
            assert b"connected" in await anext(said)
            assert (await client.post("api/auth/logout", json={})).status_code == 200
            with pytest.raises((StopAsyncIteration, httpx2.RemoteProtocolError)):
                while True:
                    await asyncio.wait_for(anext(said), 5)
        assert (await client.get("api/sessions")).status_code == 401
