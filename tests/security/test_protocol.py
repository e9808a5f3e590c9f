"""R12: requests that are no requests, and clients that take their time or come in crowds."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from propylon.app import create_app, scripted
from propylon.serving import bind, server_of
from propylon.settings import Settings
from propylon.state import open_state
from propylon.web.security.streams import Streams
from propylon.web.security.wire import Doorway
from security.conftest import slow_or_quick
from security.process import SERVER
from security.wire import port_of, raw, request
from support.process import until
from support.serving import frames, new_session, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEAD = b"POST /api/session/new HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /api/sessions/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
DESYNC = {
    "length and chunks": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    "two equal lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": HEAD + b"Content-Length: 2, 40\r\n\r\n{}",
    "a negative length": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "a signed length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "a length in hex": HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    "a length with a space": HEAD + b"Content-Length : 2\r\n\r\n{}",
    "a huge length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "two encodings": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a stacked encoding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a folded header": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a bare line end": b"POST /api/session/new HTTP/1.1\nHost: localhost\nContent-Length: 2\n\n{}",
    "a carriage return in a value": HEAD + b"X: a\rTransfer-Encoding: chunked\r\n\r\n",
    "a zero byte": HEAD + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "two hosts": b"GET /api/sessions HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "no host": b"GET /api/sessions HTTP/1.1\r\nX: y\r\n\r\n",
    "a whole address": b"GET http://localhost/api/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two slashes": b"GET //evil.example/api/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no slash": b"GET api/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a star": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an old version": b"GET /api/sessions HTTP/0.9\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("form", DESYNC)
async def test_what_can_be_read_in_two_ways_is_read_in_none(open_server: httpx2.AsyncClient, form: str) -> None:
    said = await raw(port_of(open_server), DESYNC[form] + SMUGGLED)
    assert said.closed, said.text
    assert set(said.statuses) <= {400} and len(said.statuses) <= 1, said.text


JSON = {"content_type": "application/json"}
BROKEN = [
    b"{",
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b"{}{}",
    b"{'session_id': 'x'}",
    b'{"session_id": NaN}',
    b'{"session_id": Infinity}',
    b'{"session_id": "a", "session_id": "b", "title": "x"}',
    b'{"a": {"b": 1, "b": 2}}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"session_id": "\xc3\x28"}',
    b'{"a":' * 65 + b"1" + b"}" * 65,
    b"[" * 100_000,
    b'{"session_id": 1' + b"0" * 5000 + b"}",
    b'{"session_id": "x\ny"}',
]


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: repr(body[:30]))
async def test_a_broken_body_is_called_broken(open_server: httpx2.AsyncClient, body: bytes) -> None:
    answer = await open_server.post("/api/session/rename", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error", "code", "request_id"}


WRONG = [None, 0, -1, 1.5, True, "", [], {}, "x" * 5000, "\x00", "../../etc/passwd", 2**70, [[["x"]]]]


async def test_a_wrong_value_is_never_a_mistake_of_ours(open_server: httpx2.AsyncClient) -> None:
    """Every field of every body, every wrong value; 4xx or an answer, never 500."""
    described = (await open_server.get("/openapi.json")).json()
    session = await new_session(open_server)
    asked = [
        (path, name, value)
        for path, methods in described["paths"].items()
        for name in fields_of(described, methods.get("post", {}))
        for value in WRONG
        if not path.startswith("/api/auth")
    ]
    assert len(asked) > 500
    at_once = asyncio.Semaphore(16)

    async def ask(path: str, name: str, value: object) -> None:
        async with at_once:
            answer = await open_server.post(path, json={"session_id": session, "message": "x", "id": "i", name: value})
        assert answer.status_code < 500 or answer.status_code == 503, (path, name, value, answer.text)
        assert answer.status_code < 400 or answer.json()["error"], (path, name)

    await asyncio.gather(*(ask(*each) for each in asked))


def fields_of(described: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    return list(described["components"]["schemas"].get(schema.rpartition("/")[2], {}).get("properties", {}))


async def test_sizes(open_server: httpx2.AsyncClient) -> None:
    port = port_of(open_server)
    many = b"".join(b"X-%d: y\r\n" % number for number in range(101))
    assert (await raw(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n")).statuses == [431]
    assert (await raw(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 17_000 + b"\r\n\r\n")).statuses == [431]
    endless = await raw(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ", *[b"y" * 16_384] * 40)
    assert endless.closed and set(endless.statuses) <= {431}
    assert (await raw(port, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")).statuses in ([431], [400])
    answer = await open_server.post("/api/session/rename", json={"session_id": "x", "title": "y" * (1 << 20)})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = await open_server.post("/api/chat/start", json={"session_id": "x", "message": "y" * (2 << 20)})
    assert (answer.status_code, answer.json()["error"]) == (413, "The body is larger than 2 MiB")
    declared = await raw(port, HEAD + b"Content-Length: 10000000000\r\n\r\n", b"{", silence=3)
    assert (declared.statuses, declared.closed) == ([413], True)
    chunks = await raw(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 40, silence=3)
    assert chunks.closed and set(chunks.statuses) <= {413}
    with_body = await open_server.request("GET", "/api/sessions", content=b"x")
    assert with_body.status_code == 413


async def test_a_refused_body_is_drained_or_the_connection_ends(locked_server: httpx2.AsyncClient) -> None:
    """The next request on the connection begins where the refused one ends."""
    port = port_of(locked_server)
    refused = request("POST", "/api/session/new", content_type="application/json", body=SMUGGLED * 100)
    said = await raw(port, refused + request(target="/health", connection="close"))
    assert said.statuses == [401, 200]
    large = request("POST", "/api/session/new", content_type="application/json", body=SMUGGLED * 3000)
    said = await raw(port, large + request(target="/health"))
    assert (said.statuses, said.closed) == ([401], True)


async def test_requests_in_a_row_are_answered_in_a_row(open_server: httpx2.AsyncClient) -> None:
    said = await raw(port_of(open_server), request(target="/health") * 5 + request(target="/health", connection="close"))
    assert said.statuses == [200] * 6


@contextlib.asynccontextmanager
async def small_server(folder: Path, doorway: Doorway, streams: Streams, body_idle: float = 1.0):  # type: ignore[no-untyped-def]
    """With limits that a test can reach."""
    settings = Settings.load(home=folder, port=0, default_workspace=folder)
    app = create_app(settings, open_state(settings.state), scripted(slow_or_quick))
    app.state.doorway, app.state.streams = doorway, streams
    next(each for each in app.user_middleware if "policy" in each.kwargs).kwargs["body_idle"] = body_idle
    listener = bind("127.0.0.1", 0)
    server = server_of(app)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listener.close()


@pytest.mark.asyncio(loop_scope="function")
async def test_fifty_slow_sockets_hold_nobody_up(tmp_path: Path) -> None:
    """Heads that drip, bodies that stand still, connections that say nothing: all are ended, and others are served meanwhile."""
    async with (
        small_server(tmp_path, Doorway(head=1.5), Streams()) as port,
        httpx2.AsyncClient(base_url=f"http://localhost:{port}") as client,
    ):

        async def drip(begin: bytes) -> float:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            at = time.monotonic()
            writer.write(begin)
            reading = asyncio.create_task(reader.read())
            while not reading.done():
                with contextlib.suppress(ConnectionError):
                    writer.write(b"x" if begin and b"Length" not in begin else b"")
                    await writer.drain()
                await asyncio.wait({reading}, timeout=0.2)
            with contextlib.suppress(ConnectionError):
                assert reading.result().startswith((b"HTTP/1.1 408", b""))
            writer.close()
            return time.monotonic() - at

        begins = [b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ", HEAD + b"Content-Length: 100\r\n\r\n{"]
        dripping = [asyncio.create_task(drip(begins[number % 3])) for number in range(50)]
        slowest = 0.0
        while not all(task.done() for task in dripping):
            at = time.monotonic()
            assert (await client.get("/health")).status_code == 200
            slowest = max(slowest, time.monotonic() - at)
            await asyncio.sleep(0.05)
        assert max(task.result() for task in dripping) < 8
        assert slowest < 1


@pytest.mark.asyncio(loop_scope="function")
async def test_viewers_that_never_read_hold_nobody_up(tmp_path: Path) -> None:
    async with small_server(tmp_path, Doorway(), Streams()) as port, httpx2.AsyncClient(base_url=f"http://localhost:{port}") as client:
        run = await send(client, await new_session(client), "much")
        asleep = []
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(request(target=f"/api/chat/stream?stream_id={run}&after_seq=0", accept="text/event-stream"))
            asleep.append((reader, writer))
        before = psutil.Process().memory_info().rss
        found = [frame.event async for frame in frames(client, run, after_seq=0)]
        assert found.count("token") == 257 and found[-1] == "stream_end"
        begin = time.monotonic()
        assert (await client.get("/health")).status_code == 200
        assert time.monotonic() - begin < 1
        assert psutil.Process().memory_info().rss - before < 200 * 1024 * 1024, "what they do not read is not kept for each"
        for _, writer in asleep:
            writer.transport.abort()


@pytest.mark.asyncio(loop_scope="function")
async def test_a_stranger_has_64_connections_and_people_have_their_own(tmp_path: Path) -> None:
    doorway = Doorway(per_stranger=8)
    async with small_server(tmp_path, doorway, Streams()) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        assert (await raw(port, request(target="/health", connection="close"))).statuses == [200], "this machine is no stranger"
        assert doorway.strangers == {} and doorway.open >= 20
        for _, writer in held:
            writer.close()
    assert Doorway().per_stranger == 64


@pytest.mark.asyncio(loop_scope="function")
async def test_event_streams_are_counted(tmp_path: Path) -> None:
    async with (
        small_server(tmp_path, Doorway(), Streams(per_login=3, in_all=10)) as port,
        httpx2.AsyncClient(base_url=f"http://localhost:{port}") as client,
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(3):
            answer = await stack.enter_async_context(client.stream("GET", "/api/sessions/events"))
            assert answer.status_code == 200
        refused = await client.get("/api/sessions/events")
        assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "full", "5")
        await stack.aclose()
        await asyncio.sleep(0.3)
        async with client.stream("GET", "/api/sessions/events") as again:
            assert again.status_code == 200


@pytest.mark.asyncio(loop_scope="function")
async def test_a_server_with_no_place_says_so(tmp_path: Path) -> None:
    async with small_server(tmp_path, Doorway(in_all=5), Streams()) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        said = await raw(port, request())
        assert (said.statuses, said.closed) == ([503], True) and b"Retry-After" in said.text
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.2)
        assert (await raw(port, request(target="/health", connection="close"))).statuses == [200]


@pytest.mark.asyncio(loop_scope="function")
async def test_connections_never_take_the_files_that_the_server_needs(short: Path) -> None:
    """Started with 400 open files allowed, asked for 400 connections: the rest is refused, and databases and log go on."""
    limited = [sys.executable, "-c", f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))\n{SERVER}"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(short), "HERMES_HOME": str(short), "HERMES_WEBUI_PORT": "0"}
    process = await asyncio.create_subprocess_exec(*limited, env=environment, cwd=short, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = int((await process.stdout.readline()).decode().split(" is at ")[1].split("/  ")[0].rpartition(":")[2])
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            session = await new_session(client)
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
            assert (await raw(port, request())).statuses == [503]
            assert (await client.post("/api/session/rename", json={"session_id": session, "title": "kept"})).status_code == 200
            for _, writer in held:
                writer.close()
    finally:
        process.terminate()
        assert await process.wait() == 0
