"""R6: what a proxy says counts only if it is one of ours."""

from __future__ import annotations

import logging

import httpx2
import pytest

from security.conftest import PASSWORD
from security.wire import logged_in, port_of, raw, request

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTED = "127.0.0.2"
LOGIN = {"content_type": "application/json", "connection": "close", "body": b'{"password": "%s"}' % PASSWORD.encode()}

FORWARDED = {
    "X-Forwarded-For": "203.0.113.77",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=203.0.113.77;proto=https;host=evil.example",
    "X-Real-IP": "203.0.113.77",
}
USERS = {"X-Remote-User": "admin", "Remote-User": "admin", "X-Forwarded-User": "admin", "X-Authenticated-User": "admin"}


async def test_from_anybody_else_it_is_not_heard(locked_server: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    browser = await logged_in(locked_server, **FORWARDED)
    login = next(login for login in (await browser.get("/api/auth/logins")).json()["logins"] if login["current"])
    assert login["address"] == "127.0.0.1"
    again = await browser.post("/api/auth/login", json={"password": PASSWORD})
    assert again.headers["set-cookie"].endswith("Path=/; HttpOnly; SameSite=Lax")
    said = [line for line in caplog.text.splitlines() if "HERMES_WEBUI_TRUSTED_PROXIES" in line]
    assert len(said) == 1, "logged once"
    await browser.aclose()


async def test_no_header_is_a_login(locked_server: httpx2.AsyncClient) -> None:
    for name, value in {**FORWARDED, **USERS}.items():
        if name != "X-Forwarded-Host":
            assert (await locked_server.get("/api/sessions", headers={name: value})).status_code == 401
        headers = {name.replace("-", "_"): value}
        said = await raw(port_of(locked_server), request(connection="close", **headers), local=LISTED)
        assert said.statuses in ([401], [421])


async def test_a_listed_proxy_says_who_and_how(locked_server: httpx2.AsyncClient) -> None:
    port = port_of(locked_server)
    forwarded = {"x_forwarded_for": "1.1.1.1, 203.0.113.77, 10.1.1.1", "x_forwarded_proto": "https", "x_forwarded_host": "box.lan"}
    said = await raw(port, request("POST", "/api/auth/login", host="127.0.0.1:8787", **forwarded, **LOGIN), local=LISTED, silence=5)
    assert said.statuses == [200]
    cookie = said.text.lower().split(b"set-cookie: ")[1].split(b"\r\n")[0]
    assert cookie.startswith(b"__host-hermes_session=") and cookie.endswith(b"; path=/; httponly; samesite=lax; secure")
    token = said.text.split(b"__Host-hermes_session=")[1].split(b";")[0].decode()
    listed = await raw(
        port, request(target="/api/auth/logins", cookie=f"__Host-hermes_session={token}", connection="close", **forwarded), local=LISTED
    )
    assert b"203.0.113.77" in listed.text and b"1.1.1.1" not in listed.text
    plain = await raw(port, request(cookie=f"hermes_session={token}", connection="close", **forwarded), local=LISTED)
    assert plain.statuses == [401], "on TLS only the cookie that TLS protects counts"


async def test_a_listed_proxy_names_the_prefix_and_the_origin(locked_server: httpx2.AsyncClient) -> None:
    port = port_of(locked_server)
    forwarded = {"x_forwarded_proto": "https", "x_forwarded_host": "box.lan", "x_forwarded_prefix": "/any/prefix"}
    ours = await raw(port, request("POST", "/api/auth/login", origin="https://box.lan", **forwarded, **LOGIN), local=LISTED, silence=5)
    assert ours.statuses == [200] and b"Path=/any/prefix/;" in ours.text
    theirs = await raw(port, request("POST", "/api/auth/login", origin="https://evil.example", **forwarded, **LOGIN), local=LISTED)
    assert theirs.statuses == [403]
    forwarded["x_forwarded_host"] = "evil.example"
    assert (await raw(port, request("POST", "/api/auth/login", **forwarded, **LOGIN), local=LISTED)).statuses == [421]


@pytest.mark.parametrize("prefix", ["//evil.example", "/a;Domain=evil.example", "/a b", "a", "/a/../b?", "/a\tb"])
async def test_what_is_no_prefix_is_none(locked_server: httpx2.AsyncClient, prefix: str) -> None:
    said = await raw(
        port_of(locked_server), request("POST", "/api/auth/login", x_forwarded_prefix=prefix, **LOGIN), local=LISTED, silence=5
    )
    assert said.statuses in ([400], [200])
    assert b"evil" not in said.text and (b"Path=/;" in said.text or said.statuses == [400])
