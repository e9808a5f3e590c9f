"""The HTTP transport against servers that speak well and badly."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from propylon.runtimes.gateway.transport import MOST_HEADERS, MOST_HELD, Transport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request with the next of `answers`; counts connections and requests."""

    def __init__(self, *answers: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self.lost = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                answer = self.answers.pop(0) if self.answers else OK
                if isinstance(answer, bytes):
                    writer.write(answer)
                    if b"Connection: close" in answer or b"HTTP/1.0" in answer:
                        return
                else:
                    await answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            self.lost.set()
        finally:
            writer.close()


@asynccontextmanager
async def client(
    server: Server, *, limit: int = 4, kept_s: float = 30, tls: ssl.SSLContext | None = None, within: float = 5
) -> AsyncGenerator[httpx2.AsyncClient]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    base = f"{'https' if tls else 'http'}://localhost:{listening.sockets[0].getsockname()[1]}"
    async with listening, httpx2.AsyncClient(transport=Transport(limit, kept_s), base_url=base, trust_env=False, timeout=within) as made:
        yield made


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter", b"after"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_bodies_of_every_kind(answer: bytes, body: bytes) -> None:
    async with client(Server(answer)) as http:
        found = await http.post("/p?q=1", content=b"x", headers={"X-Y": "z"})
        assert found.content == body


async def test_the_request_is_whole() -> None:
    server = Server()
    async with client(server) as http:
        await http.post("/p/ä?q=1", headers={"X-Y": "z"}, content=b"")
    (sent,) = server.requests
    lines = sent.decode().split("\r\n")
    assert (
        lines[0] == "POST /p/%C3%A4?q=1 HTTP/1.1"
        and "X-Y: z" in lines
        and any(line.lower().startswith("host: localhost:") for line in lines)
    )


async def test_connections_are_used_again_and_grow_old() -> None:
    server = Server()
    async with client(server, kept_s=0.2) as http:
        for _ in range(3):
            await http.get("/")
        assert server.connections == 1
        await asyncio.sleep(0.3)
        await http.get("/")
        assert server.connections == 2


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    async with client(server) as http:
        await http.get("/")
        await asyncio.sleep(0.05)
        assert (await http.get("/")).content == b"ok"
    assert server.connections == 2


async def test_what_comes_after_an_answer_ends_the_connection() -> None:
    server = Server(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    async with client(server) as http:
        assert [(await http.get("/")).content for _ in range(2)] == [b"ok", b"ok"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (MOST_HEADERS + MOST_HELD + 10),
    ],
)
async def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    async with client(Server(answer)) as http:
        with pytest.raises(httpx2.TransportError):
            await http.get("/")
        assert (await http.get("/")).content == b"ok"


async def test_nobody_listens() -> None:
    async with httpx2.AsyncClient(transport=Transport(1, 1), trust_env=False) as http:
        for _ in range(3):
            with pytest.raises(httpx2.ConnectError):
                await http.get("http://127.0.0.1:9/")


async def test_silence_before_and_in_an_answer() -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await asyncio.sleep(5)

    for answer in (silent, half):
        async with client(Server(answer), within=0.2) as http:
            began = time.monotonic()
            with pytest.raises(httpx2.ReadTimeout):
                await http.get("/")
            assert time.monotonic() - began < 2


async def test_a_slow_stream_is_no_silence() -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.1)
            writer.write(b"x")

    async with client(Server(slow), within=0.4) as http:
        assert (await http.get("/")).content == b"x" * 8


async def test_more_requests_than_places_wait_for_one() -> None:
    async def later(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(OK)

    server = Server(*[later] * 6)
    async with client(server, limit=2) as http:
        found = await asyncio.gather(*(http.get("/") for _ in range(6)))
        assert [one.content for one in found] == [b"ok"] * 6
    assert server.connections <= 2


async def test_a_place_that_does_not_become_free() -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with client(Server(silent), limit=1, within=0.3) as http:
        first = asyncio.create_task(http.get("/", timeout=2))
        await asyncio.sleep(0.05)
        with pytest.raises(httpx2.PoolTimeout):
            await http.get("/")
        first.cancel()
        await asyncio.wait({first})
        assert (await http.get("/")).content == b"ok"


@pytest.mark.parametrize("read", [True, False])
async def test_leaving_in_the_middle_closes_the_connection_at_once(read: bool) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)

    server = Server(endless)
    async with client(server) as http:
        async with http.stream("GET", "/") as answer:
            if read:
                async for _ in answer.aiter_raw():
                    break
        await asyncio.wait_for(server.lost.wait(), 2)
        assert (await http.get("/")).content == b"ok"


async def test_a_reader_that_is_slow_holds_the_server_back() -> None:
    written = 0

    async def much(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 64_000)
            await writer.drain()
            written += 64_000

    async with client(Server(much)) as http, http.stream("GET", "/") as answer:
        await asyncio.sleep(0.3)
        assert written < 40_000_000
        total = 0
        async for piece in answer.aiter_raw():
            total += len(piece)
        assert total == 64_000_000


async def test_a_header_cannot_break_out_of_its_line() -> None:
    server = Server()
    async with client(server) as http:
        with pytest.raises((httpx2.LocalProtocolError, ValueError)):
            await http.get("/", headers={"X-Y": "a\r\nEvil: 1"})
        assert (await http.get("/")).content == b"ok"
    assert len(server.requests) == 1


def certificate(folder: Path) -> ssl.SSLContext:
    """Of a server that signs for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


async def test_over_tls_only_a_server_that_can_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    tls = certificate(tmp_path)
    async with client(server, tls=tls) as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get("/")
    assert server.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    async with client(server, tls=tls) as http:
        assert (await http.get("/")).content == b"ok"
        assert (await http.get("/")).content == b"ok"
    assert server.connections == 1
