"""R5: how one comes in, and how one is out."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import httpx2
import pytest

from propylon.app import scripted
from propylon.web import schemas
from security.conftest import PASSWORD, slow_or_quick
from security.wire import logged_in, port_of, raw, request
from support.serving import collected, new_session, send, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOCKED = "127.0.0.2"
"""A listed proxy, so that a test can come from any address."""


async def guess(port: int, address: str, body: bytes = b'{"password": "wrong"}', **headers: str) -> list[int]:
    forwarded = request(
        "POST", "/api/auth/login", content_type="application/json", connection="close", x_forwarded_for=address, body=body, **headers
    )
    return (await raw(port, forwarded, local=LOCKED, silence=8)).statuses


async def test_b56_the_calls_of_native_clients(locked_server: httpx2.AsyncClient) -> None:
    status = schemas.AuthStatus.model_validate((await locked_server.get("/api/auth/status")).json())
    assert (status.auth_enabled, status.logged_in, status.password_auth_enabled, status.passkeys_enabled) == (True, False, True, False)
    wrong = await locked_server.post("/api/auth/login", json={"password": "wrong"})
    assert (wrong.status_code, wrong.json()["error"], wrong.cookies) == (401, "This is not the password", {})
    right = await locked_server.post("/api/auth/login", json={"password": PASSWORD})
    assert (right.status_code, right.json()["ok"]) == (200, True)
    cookie = right.headers["set-cookie"]
    assert cookie.startswith("hermes_session=") and cookie.endswith("; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax")
    assert (await locked_server.get("/api/auth/status")).json()["logged_in"] is True
    assert (await locked_server.get("/api/sessions")).status_code == 200
    gone = await locked_server.post("/api/auth/logout", json={})
    assert (gone.json()["ok"], gone.headers["set-cookie"]) == (True, "hermes_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax")
    assert (await locked_server.post("/api/auth/logout", json={})).status_code == 401
    assert (await locked_server.get("/api/sessions")).status_code == 401


async def test_without_a_password_there_is_nothing_to_do(open_server: httpx2.AsyncClient) -> None:
    assert (await open_server.get("/api/auth/status")).json()["auth_enabled"] is False
    assert (await open_server.post("/api/auth/login", json={"password": "x"})).json()["ok"] is True
    assert (await open_server.post("/api/auth/logout", json={})).status_code == 200
    assert (await open_server.get("/login", params={"next": "/x"})).headers["location"] == "x"


async def test_a_cookie_is_whole_or_nothing(locked_server: httpx2.AsyncClient) -> None:
    browser = await logged_in(locked_server)
    token = browser.cookies["hermes_session"]
    middle = len(token) // 2
    flipped = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in (0, middle, len(token) - 2)]
    tampered = [*flipped, token[1:], token[:-1], token + "A", token.lower(), token.upper(), "", '"', token[::-1], f'"{token}"']
    assert len(tampered) == 12
    for value in tampered:
        answer = await locked_server.get("/api/sessions", headers={"Cookie": f"hermes_session={value}"})
        assert answer.status_code == 401, value
    for name in ("Hermes_session", "hermes_sessio", "__Host-hermes_session", "hermes_session_"):
        assert (await locked_server.get("/api/sessions", headers={"Cookie": f"{name}={token}"})).status_code == 401
    assert (await locked_server.get("/api/sessions", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await locked_server.get("/api/sessions", params={"token": token})).status_code == 401
    assert (await browser.get("/api/sessions")).status_code == 200
    await browser.aclose()


async def test_a_token_is_never_taken_from_outside_and_ends_with_the_next_login(locked_server: httpx2.AsyncClient) -> None:
    planted = httpx2.AsyncClient(base_url=locked_server.base_url, cookies={"hermes_session": "A" * 43})
    answer = await planted.post("/api/auth/login", json={"password": PASSWORD})
    first = answer.headers["set-cookie"].split(";")[0].partition("=")[2]
    assert first != "A" * 43
    again = await locked_server.post("/api/auth/login", json={"password": PASSWORD}, headers={"Cookie": f"hermes_session={first}"})
    assert again.status_code == 200
    assert (await locked_server.get("/api/sessions", headers={"Cookie": f"hermes_session={first}"})).status_code == 401
    locked_server.cookies.clear()
    await planted.aclose()


async def test_b56_thirty_guesses_at_once_are_five(locked_server: httpx2.AsyncClient) -> None:
    port = port_of(locked_server)
    statuses = [status for found in await asyncio.gather(*(guess(port, "203.0.113.9") for _ in range(30))) for status in found]
    assert (statuses.count(401), statuses.count(429)) == (5, 25)
    refused = await raw(
        port, request("POST", "/api/auth/login", x_forwarded_for="203.0.113.9", content_type="application/json", body=b"{}"), local=LOCKED
    )
    assert refused.statuses == [429]
    after = int(refused.text.lower().split(b"retry-after: ")[1].split(b"\r\n")[0])
    assert 50 < after <= 60
    right = b'{"password": "%s"}' % PASSWORD.encode()
    assert await guess(port, "203.0.113.9", right) == [429], "also the right one has to wait"
    assert await guess(port, "203.0.113.10", right) == [200], "a neighbour is not locked out"


async def test_what_is_no_password_counts_as_a_guess(locked_server: httpx2.AsyncClient) -> None:
    bodies = [b'{"password": 1}', b'{"password": null}', b"{}", b'{"password": ["x"]}', b'{"password": "%s"}' % (b"x" * 1025)]
    statuses = [(await guess(port_of(locked_server), "203.0.113.20", body))[0] for body in bodies]
    assert statuses == [401] * 5
    assert await guess(port_of(locked_server), "203.0.113.20") == [429]


async def test_other_headers_are_no_other_addresses(locked_server: httpx2.AsyncClient) -> None:
    """Only what the listed proxy itself saw counts."""
    port = port_of(locked_server)
    found = []
    for number in range(7):
        chain = f"198.51.100.{number}, 203.0.113.30"
        found += await guess(port, chain, x_real_ip=f"198.51.100.{number}", forwarded=f"for=198.51.100.{number}")
    assert found == [401] * 5 + [429] * 2


async def test_addresses_of_one_network_are_one(locked_server: httpx2.AsyncClient) -> None:
    port = port_of(locked_server)
    found = [await guess(port, f"2001:db8:0:1::{number:x}") for number in range(6)]
    assert found == [[401]] * 5 + [[429]]
    assert await guess(port, "2001:db8:0:2::1") == [401]


async def test_revoked_is_out_at_once_and_its_open_page_within_seconds(locked_server: httpx2.AsyncClient) -> None:
    owner, thief = await logged_in(locked_server), await logged_in(locked_server, **{"User-Agent": "thief"})
    async with thief.stream("GET", "/api/sessions/events") as open_page:
        said = open_page.aiter_bytes()
        assert b"connected" in await anext(said)
        listed = (await owner.get("/api/auth/logins")).json()["logins"]
        schemas.LoginList.model_validate({"logins": listed})
        assert [login["current"] for login in listed].count(True) == 1
        stolen = next(login for login in listed if login["agent"] == "thief")
        assert "token" not in str(sorted(stolen)) and stolen["address"] == "127.0.0.1"
        begin = time.monotonic()
        assert (await owner.post("/api/auth/logins/revoke", json={"login_id": stolen["id"]})).status_code == 200
        with pytest.raises((StopAsyncIteration, httpx2.RemoteProtocolError)):
            while True:
                await asyncio.wait_for(anext(said), 6)
        assert time.monotonic() - begin < 5
    assert (await thief.get("/api/sessions")).status_code == 401
    assert (await owner.post("/api/auth/logins/revoke", json={"login_id": stolen["id"]})).status_code == 404
    await owner.aclose()
    await thief.aclose()


async def test_out_everywhere(locked_server: httpx2.AsyncClient) -> None:
    owner, *others = [await logged_in(locked_server) for _ in range(3)]
    device = (await owner.post("/api/auth/devices/new", json={"name": "script", "scopes": ["read"]})).json()["token"]
    assert (await owner.post("/api/auth/logout-everywhere", json={})).json()["ended"] >= 3
    assert [(await client.get("/api/sessions")).status_code for client in (owner, *others)] == [200, 401, 401]
    assert (await locked_server.get("/api/sessions", headers={"Authorization": f"Bearer {device}"})).status_code == 401
    for client in (owner, *others):
        await client.aclose()


async def test_a_device_may_do_what_its_token_says(locked_server: httpx2.AsyncClient) -> None:
    owner = await logged_in(locked_server)
    made = await owner.post("/api/auth/devices/new", json={"name": "cron job", "scopes": ["read", "chat"]})
    device = httpx2.AsyncClient(base_url=locked_server.base_url, headers={"Authorization": f"Bearer {made.json()['token']}"})
    run = await send(device, await new_session(device), "hi")
    assert (await collected(device, run))[-1].event == "stream_end"
    for path in ("/api/approval/respond", "/api/session/yolo", "/api/auth/devices/new", "/api/auth/logout-everywhere"):
        answer = await device.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope"), path
    assert (await device.get("/api/auth/logins")).status_code == 403
    as_cookie = {"Cookie": f"hermes_session={made.json()['token']}"}
    assert (await locked_server.get("/api/sessions", headers=as_cookie)).status_code == 401
    for bad in ({"name": "", "scopes": ["read"]}, {"name": "x", "scopes": []}, {"name": "x", "scopes": ["root"]}):
        assert (await owner.post("/api/auth/devices/new", json=bad)).status_code == 400
    await owner.aclose()
    await device.aclose()


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "/%5cevil", "javascript:alert(1)", "/a\nb"]
)
async def test_a_login_leads_nowhere_else(locked_server: httpx2.AsyncClient, wanted: str) -> None:
    browser = await logged_in(locked_server)
    location = (await browser.get("/login", params={"next": wanted})).headers["location"]
    assert location in ("./", "%5cevil")
    await browser.aclose()


@pytest.mark.asyncio(loop_scope="function")
async def test_a_password_set_in_the_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Set, changed, forgotten nowhere, beaten by the environment; the hash alone is kept."""
    caplog.set_level(logging.DEBUG)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    secrets = ["first pass phrase", "second pass phrase", "from the environment"]
    async with serving(tmp_path / "home", workspace, scripted(slow_or_quick)) as client:
        assert (await client.post("/api/auth/devices/new", json={"name": "x", "scopes": ["read"]})).status_code == 409
        assert (await client.post("/api/auth/password", json={"new": "short"})).status_code == 400
        assert (await client.post("/api/auth/password", json={"new": secrets[0]})).status_code == 200
        assert (await client.get("/api/sessions")).status_code == 200, "who set it is logged in"
        stranger = httpx2.AsyncClient(base_url=client.base_url, timeout=30)
        assert (await stranger.get("/api/sessions")).status_code == 401
        assert (await stranger.post("/api/auth/password", json={"new": secrets[1]})).status_code == 401
        other = httpx2.AsyncClient(base_url=client.base_url, timeout=30)
        assert (await other.post("/api/auth/login", json={"password": secrets[0] + "\0"})).status_code == 401
        assert (await other.post("/api/auth/login", json={"password": secrets[0]})).status_code == 200
        assert (await client.post("/api/auth/password", json={"new": secrets[1], "current": "wrong"})).status_code == 401
        assert (await client.post("/api/auth/password", json={"new": secrets[1], "current": secrets[0]})).status_code == 200
        assert [(await each.get("/api/sessions")).status_code for each in (client, other)] == [200, 401]
        secrets.append(client.cookies["hermes_session"])
        lines = [line["event"] for line in (await client.get("/api/auth/audit")).json()["lines"]]
        assert lines == ["password_set", "login_failed", "logged_in", "login_failed", "password_set"]
        cookies = dict(client.cookies)
        await other.aclose()
        await stranger.aclose()
    async with serving(tmp_path / "home", workspace, scripted(slow_or_quick)) as client:
        assert (await client.get("/api/sessions")).status_code == 401
        client.cookies.update(cookies)
        assert (await client.get("/api/sessions")).status_code == 200, "a login outlives the server"
        answer = await client.post("/api/auth/login", json={"password": secrets[1]})
        secrets.append(answer.headers["set-cookie"].split(";")[0].partition("=")[2])
    async with serving(tmp_path / "home", workspace, scripted(slow_or_quick), password=secrets[2]) as client:
        assert (await client.post("/api/auth/login", json={"password": secrets[1]})).status_code == 401
        assert (await client.post("/api/auth/login", json={"password": secrets[2]})).status_code == 200
        assert (await client.post("/api/auth/password", json={"new": "12345678", "current": secrets[2]})).status_code == 409
    said = "".join(record.getMessage() for record in caplog.records if record.name.startswith(("propylon", "uvicorn", "asyncio")))
    assert "login_failed" in said
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()) + said.encode()
    assert b"$argon2id$" in kept
    assert [secret for secret in secrets if secret.encode() in kept] == []


@pytest.mark.asyncio(loop_scope="function")
async def test_what_is_allowed_is_written_down(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    async with serving(tmp_path / "home", tmp_path / "workspace", scripted(slow_or_quick)) as client:
        session = await new_session(client)
        await client.post("/api/session/yolo", json={"session_id": session, "enabled": True})
        line = (await client.get("/api/auth/audit")).json()["lines"][0]
        assert (line["event"], line["address"], line["facts"]) == ("yolo_set", "127.0.0.1", {"session": session, "enabled": True})
