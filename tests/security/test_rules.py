"""Every route declares what it demands; the headers of every answer; who sees what of the server."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from starlette.routing import Mount

from propylon.app import create_app, scripted
from propylon.errors import Undeclared
from propylon.settings import Settings
from propylon.state import open_state
from propylon.web import static
from propylon.web.middleware import HEADERS
from propylon.web.security.rules import PUBLIC, READS, UNKNOWN, Rules, declares
from security.conftest import slow_or_quick
from security.wire import logged_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.asyncio(loop_scope="function")
async def test_an_undeclared_route_does_not_start(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path)
    state = open_state(settings.state)
    app = create_app(settings, state, scripted(slow_or_quick))

    @app.get("/bare")
    async def bare() -> None: ...

    with pytest.raises(Undeclared, match="/bare"):
        async with app.router.lifespan_context(app):
            raise AssertionError("it started")
    await state.close()


@pytest.mark.asyncio(loop_scope="function")
async def test_rules_are_found_by_method_and_path() -> None:
    @declares(READS)
    async def endpoint() -> None: ...

    from starlette.routing import Route

    rules = Rules(
        [Route("/a", endpoint), Route("/b/{c}", endpoint), Mount("/d", declares(PUBLIC)(static._Assets(directory=Path(__file__).parent)))]
    )
    assert [rules.of(*asked) for asked in (("GET", "/a"), ("GET", "/b/x"), ("GET", "/d/x.js"))] == [READS, READS, PUBLIC]
    assert all(
        rules.of(*asked) is UNKNOWN for asked in (("POST", "/a"), ("GET", "/a/"), ("GET", "/B/x"), ("GET", "/b/x/y"), ("HEAD", "/d"))
    )


PUBLIC_PATHS = {"/health", "/login", "/assets", "/api/auth/status", "/api/auth/login"}


async def test_strangers_see_nothing_but_what_is_public(locked_server: httpx2.AsyncClient) -> None:
    browser = await logged_in(locked_server)
    described = (await browser.get("/openapi.json")).json()
    for path, methods in described["paths"].items():
        for method in methods:
            answer = await locked_server.request(
                method.upper(), path, headers={"Content-Type": "application/json"}, content=b"{}" if method == "post" else None
            )
            assert (answer.status_code == 401) == (path not in PUBLIC_PATHS) or path == "/api/auth/login", (method, path)
            if answer.status_code == 401:
                assert set(answer.json()) >= {"error", "code", "request_id"}
    for path in ("/", "/openapi.json", "/docs", "/redoc", "/anything"):
        answer = await locked_server.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (302, "login")
    for path in ("/health", "/api/auth/status"):
        assert (await locked_server.get(path)).status_code == 200
    assert set((await locked_server.get("/health")).json()) == {"status", "sessions", "active_streams", "uptime_seconds"}
    await browser.aclose()


async def test_the_headers_of_every_answer(open_server: httpx2.AsyncClient, locked_server: httpx2.AsyncClient) -> None:
    answers = [
        await open_server.get("/"),
        await open_server.get("/api/sessions"),
        await open_server.get("/api/nothing"),
        await open_server.get("/api/sessions", headers={"Host": "evil.example"}),
        await open_server.post("/api/session/new", content=b"{", headers={"Content-Type": "application/json"}),
        await locked_server.get("/api/sessions"),
        await locked_server.get("/"),
    ]
    async with open_server.stream("GET", "/api/sessions/events") as stream:
        answers.append(stream)
    for answer in answers:
        for name, value in HEADERS.items():
            found = answer.headers[name]
            assert found == value or (name == "Cache-Control" and found in ("no-cache", "no-store, no-transform")), (answer.url, name)
        assert "/" not in answer.headers["server"]
        assert "strict-transport-security" not in answer.headers


async def test_the_policy_of_the_page_word_by_word(open_server: httpx2.AsyncClient) -> None:
    policy = (await open_server.get("/")).headers["content-security-policy"]
    assert dict(part.split(" ", 1) for part in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob: data:",
        "font-src": "'self'",
        "media-src": "'self' blob:",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "manifest-src": "'self'",
        "frame-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "object-src": "'none'",
        "require-trusted-types-for": "'script'",
    }
