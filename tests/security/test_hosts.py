"""R2: the name that a request is for is one of ours, or nothing is said (DNS rebinding)."""

from __future__ import annotations

import httpx2
import pytest

from security.wire import port_of, raw, request

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = [
    "evil.example",
    "evil.example:8787",
    "localhost.evil.example",
    "evil-localhost",
    "127.0.0.1.evil.example",
    "box.lan.evil.example",
    "xbox.lan",
    "10.1.2.3",
    "169.254.169.254",
    "0.0.0.0",
    "[2001:db8::1]",
    "2130706433",
    "xn--lcalhost-n7a",
]
BROKEN = [
    "",
    "user@localhost",
    "localhost/path",
    "local host",
    "localhost:",
    "localhost:x",
    "[::1",
    "a,b",
    "localhost\\@evil.example",
    "[x]",
]
WRITE = {"content_type": "application/json", "body": b"{}"}
TARGETS = [("GET", "/api/sessions"), ("GET", "/"), ("POST", "/api/session/new"), ("GET", "/api/sessions/events"), ("GET", "/login")]


@pytest.mark.parametrize("host", HOSTILE)
async def test_another_name_is_421_everywhere_and_nothing_is_told(open_server: httpx2.AsyncClient, host: str) -> None:
    for method, target in TARGETS:
        more = WRITE if method == "POST" else {}
        said = await raw(port_of(open_server), request(method, target, host=host, connection="close", origin=f"http://{host}", **more))
        assert said.statuses == [421], (target, said.text)
        assert b"HERMES_WEBUI_ALLOWED_HOSTS" in said.text
        assert b"sessions" not in said.text and b"<script" not in said.text


@pytest.mark.parametrize("host", BROKEN)
async def test_what_is_no_name_is_400_and_the_connection_ends(open_server: httpx2.AsyncClient, host: str) -> None:
    said = await raw(port_of(open_server), request(host=host))
    assert (said.statuses, said.closed) == ([400], True), said.text


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:99", "127.0.0.1", "127.8.9.1:1", "[::1]:8787", "box.lan", "Box.Lan:1", "chat.example.com"]
)
async def test_our_names_are_answered(open_server: httpx2.AsyncClient, host: str) -> None:
    assert (await raw(port_of(open_server), request(host=host, connection="close"))).statuses == [200]


async def test_with_a_login_an_address_is_as_good_as_a_name(locked_server: httpx2.AsyncClient) -> None:
    port = port_of(locked_server)
    assert (await raw(port, request(target="/health", host="192.168.1.7:8787", connection="close"))).statuses == [200]
    assert (await raw(port, request(target="/health", host="[fd00::7]", connection="close"))).statuses == [200]
    assert (await raw(port, request(target="/login", host="evil.example", connection="close"))).statuses == [421]


async def test_a_person_who_opens_the_wrong_name_reads_what_to_do(open_server: httpx2.AsyncClient) -> None:
    answer = await open_server.get("/", headers={"Host": "evil.example", "Accept": "text/html"})
    assert answer.status_code == 421 and answer.headers["content-type"].startswith("text/html")
    assert "HERMES_WEBUI_ALLOWED_HOSTS" in answer.text and "evil.example" not in answer.text


async def test_no_redirect_is_made_of_the_host(locked_server: httpx2.AsyncClient) -> None:
    for path in ("/", "/a/b/c", "/x?y=1"):
        location = (await locked_server.get(path, headers={"Host": "box.lan"})).headers["location"]
        assert location.startswith(("login?next=", "../")) and "box.lan" not in location
    assert (await locked_server.get("/api/sessions/", headers={"Host": "box.lan"})).status_code == 401
