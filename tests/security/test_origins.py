"""R3 and R4: what changes something is not done for a page of somebody else."""

from __future__ import annotations

import httpx2
import pytest

from security.wire import port_of
from support.serving import first_token, new_session, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "SAME-ORIGIN"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{ours}"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "{ours}.evil.example"},
    {"Origin": "http://localhost"},
    {"Origin": "http://localhost:1"},
    {"Origin": "http://user@{host}"},
    {"Origin": "{ours}/"},
    {"Origin": "file://"},
    {"Referer": "http://evil.example/{ours}"},
    {"Referer": "about:blank"},
    {"Origin": "http://evil.example", "Referer": "{ours}/"},
]
OURS = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "{ours}"},
    {"Origin": "{ours}"},
    {"Referer": "{ours}/some/where"},
    {"Origin": "https://chat.example.com"},
]
WRITES = [
    "/api/session/new",
    "/api/session/rename",
    "/api/session/update",
    "/api/session/clear",
    "/api/session/yolo",
    "/api/chat/start",
    "/api/chat/interrupt",
    "/api/chat/steer",
    "/api/chat/cancel",
    "/api/approval/respond",
    "/api/clarify/respond",
    "/api/queue/add",
    "/api/auth/login",
    "/api/auth/password",
    "/api/no/such/thing",
]


def filled(form: dict[str, str], client: httpx2.AsyncClient) -> dict[str, str]:
    host = f"127.0.0.1:{port_of(client)}"
    return {name: value.replace("{ours}", f"http://{host}").replace("{host}", host) for name, value in form.items()}


@pytest.mark.parametrize("form", FOREIGN, ids=str)
async def test_a_foreign_page_renames_nothing(open_server: httpx2.AsyncClient, form: dict[str, str]) -> None:
    session = await new_session(open_server)
    body = {"session_id": session, "title": "theirs"}
    answer = await open_server.post("/api/session/rename", json=body, headers=filled(form, open_server))
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    detail = (await open_server.get("/api/session", params={"session_id": session})).json()["session"]
    assert detail["title"] != "theirs"


@pytest.mark.parametrize("form", OURS, ids=str)
async def test_our_page_and_native_clients_rename(open_server: httpx2.AsyncClient, form: dict[str, str]) -> None:
    body = {"session_id": await new_session(open_server), "title": "mine"}
    answer = await open_server.post("/api/session/rename", json=body, headers=filled(form, open_server))
    assert (answer.status_code, answer.json()["session"]["title"]) == (200, "mine")


@pytest.mark.parametrize("path", WRITES)
async def test_no_route_writes_for_a_foreign_page(open_server: httpx2.AsyncClient, path: str) -> None:
    answer = await open_server.post(path, json={}, headers={"Origin": "http://evil.example", "Host": f"localhost:{port_of(open_server)}"})
    assert answer.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json"])
async def test_only_json_is_read(open_server: httpx2.AsyncClient, kind: str) -> None:
    """What a form of any page can send is never taken for JSON."""
    answer = await open_server.post("/api/session/new", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415


async def test_no_page_is_allowed_to_read(open_server: httpx2.AsyncClient) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for answer in (
        await open_server.options("/api/session/new", headers=asked),
        await open_server.get("/api/sessions", headers={"Origin": "http://evil.example"}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "form",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Referer": "http://evil.example/"}, {"Origin": "null"}],
    ids=str,
)
async def test_an_image_of_a_foreign_page_stops_no_run(open_server: httpx2.AsyncClient, form: dict[str, str]) -> None:
    run = await send(open_server, await new_session(open_server), "slow")
    await first_token(open_server, run)
    assert (await open_server.get("/api/chat/cancel", params={"stream_id": run}, headers=form)).status_code == 403
    assert (await open_server.get("/api/chat/stream/status", params={"stream_id": run})).json()["active"] is True
    answer = await open_server.get("/api/chat/cancel", params={"stream_id": run})
    assert (answer.status_code, answer.json()["cancelled"]) == (200, True)
