"""Runs through a gateway, over both transports, beside a pass-through in the same run.

`python -m bench.gateway` is the gateway, and prints its port: it says what `bench.upstream` says, and offers the Runs API where its
argument is `runs`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import uvloop

from bench import client, processes, scripted_server, upstream
from bench.client import Http, Turn, new_session
from bench.report import Report, median, quantile, shown, tails
from bench.token_latency import Raw

RATE = 100
FLAT = 20_000
BURST = 16
RUNS, RUNS_RATE, RUNS_TOKENS = 128, 50, 200
REST_S = 0.02
FEATURES = ("run_submission", "run_events_sse", "run_status", "run_stop")

CONFIG = """
webui_chat_backend: gateway
webui_gateway_base_url: "{address}"
"""


async def measure(report: Report, quick: bool) -> None:
    for transport in ("chat", "runs"):
        name = "chat completions" if transport == "chat" else "Runs API"
        async with AsyncExitStack() as stack:
            where = stack.enter_context(processes.place())
            gateway = await stack.enter_async_context(_gateway(where, transport))
            (where.home / "config.yaml").write_text(CONFIG.format(address=gateway))
            relay = await stack.enter_async_context(processes.relay(where, gateway))
            server = await stack.enter_async_context(processes.server(where))
            http = Http(server.base)
            await http.get("/health")
            session = await new_session(http)
            await Turn().take(http, server.base, session, upstream.order(10))
            plain_place = stack.enter_context(processes.place())
            plain = await stack.enter_async_context(processes.server(plain_place, scripted=True))
            report.section(f"Gateway, {name}")
            await _first_token(report, quick, http, server, relay, session, plain)
            await _latency(report, quick, http, server, relay, session)
            await _flat_out(report, quick, http, server, relay, session)
            await _many(report, quick, server, relay, plain)
            http.close()


async def _first_token(
    report: Report, quick: bool, http: Http, server: processes.Server, relay: processes.Server, session: str, plain: processes.Server
) -> None:
    over: list[float] = []
    passed: list[float] = []
    without: list[float] = []
    plain_http = Http(plain.base)
    empty = await new_session(plain_http)
    for _ in range(15 if quick else 60):
        began = time.monotonic_ns()
        first: list[int] = []
        stream = await client.stream(relay.base, f"/raw?{upstream.query(1)}", lambda event, data, now, first=first: _note(first, data, now))
        await asyncio.wait_for(stream.ended, client.PATIENCE_S)
        passed.append((first[0] - began) / 1e6)
        await asyncio.sleep(REST_S)
        over.append((await Turn().take(http, server.base, session, upstream.order(1))).first_ms)
        await asyncio.sleep(REST_S)
        without.append((await Turn().take(plain_http, plain.base, empty, scripted_server.order(1))).first_ms)
        await asyncio.sleep(REST_S)
    plain_http.close()
    through = median(passed)
    reference = f"pass-through {shown(through)}, this server with no agent at all {shown(median(without))}"
    report.add("first token, p50", median(over), "ms", reference=reference, at_most=through + 3)
    reference = f"pass-through {shown(quantile(passed, 0.1))}, no agent {shown(quantile(without, 0.1))}"
    report.add("  where the machine was not busy", quantile(over, 0.1), "ms", reference=reference)


def _note(first: list[int], data: bytes, now: int) -> None:
    if b'"content"' in data:
        first.append(now)


async def _latency(report: Report, quick: bool, http: Http, server: processes.Server, relay: processes.Server, session: str) -> None:
    tokens = 300 if quick else 1500
    passed, ours = Raw(), Turn(stamped=True)
    stream = await client.stream(relay.base, f"/raw?{upstream.query(tokens, RATE)}", passed.hear)
    await asyncio.gather(
        asyncio.wait_for(stream.ended, client.PATIENCE_S), ours.take(http, server.base, session, upstream.order(tokens, RATE))
    )
    bound = quantile(passed.delays, 0.99)
    beside = f"pass-through {tails(passed.delays)} (p50 / p99)"
    report.add(f"token latency at {RATE}/s, p99", quantile(ours.delays, 0.99), "ms", reference=beside, at_most=bound + 2)
    report.add("  p50", median(ours.delays), "ms")


async def _flat_out(report: Report, quick: bool, http: Http, server: processes.Server, relay: processes.Server, session: str) -> None:
    rates: list[float] = []
    costs: list[float] = []
    passed: list[float] = []
    for _ in range(3 if quick else 7):
        began = time.monotonic()
        path = f"/raw?{upstream.query(FLAT, 0, BURST)}"
        stream = await client.stream(relay.base, path, lambda event, data, now: None)
        await asyncio.wait_for(stream.ended, client.PATIENCE_S)
        passed.append(FLAT / (time.monotonic() - began))
        cpu = processes.cpu_s(server.pid)
        turn = await Turn().take(http, server.base, session, upstream.order(FLAT, 0, BURST))
        costs.append((processes.cpu_s(server.pid) - cpu) / FLAT * 1000)
        if turn.tokens != FLAT:
            raise RuntimeError(f"{turn.tokens} tokens came")
        rates.append(FLAT / turn.whole_s)
    reference = f"pass-through {shown(median(passed))} with the upstream"
    report.add(f"{FLAT:,} tokens flat out", median(rates), "tokens/s", reference=reference, at_least=50_000)
    report.add("  CPU of the server", median(costs), "s per 1,000", at_most=0.04)


async def _many(report: Report, quick: bool, server: processes.Server, relay: processes.Server, plain: processes.Server) -> None:
    processes.many_files()
    times = 1 if quick else 2
    walls, turns, cpu = min(
        [await _together(server, upstream.order(RUNS_TOKENS, RUNS_RATE)) for _ in range(times)], key=lambda found: found[0]
    )
    without = min([(await _together(plain, scripted_server.order(RUNS_TOKENS, RUNS_RATE)))[0] for _ in range(times)])
    began = time.monotonic()
    path = f"/raw?{upstream.query(RUNS_TOKENS, RUNS_RATE)}"
    streams = await asyncio.gather(*(client.stream(relay.base, path, lambda event, data, now: None) for _ in range(RUNS)))
    await asyncio.gather(*(asyncio.wait_for(stream.ended, client.PATIENCE_S) for stream in streams))
    passed = time.monotonic() - began
    reference = f"pass-through {shown(passed)}, this server with no agent at all {shown(without)}, at best 4"
    report.add(f"{RUNS} runs at {RUNS_RATE}/s, wall", walls, "s", reference=reference, at_most=4.5)
    delays = [delay for turn in turns for delay in turn.delays]
    report.add("  token latency, p50", median(delays), "ms", reference=f"p99 {shown(quantile(delays, 0.99))}")
    report.add("  CPU of the server", cpu / (RUNS * RUNS_TOKENS) * 1e6, "us per token")


async def _together(server: processes.Server, text: str) -> tuple[float, list[Turn], float]:
    """Seconds for all runs at once, the turns, and CPU seconds of the server."""
    clients = [Http(server.base) for _ in range(RUNS)]
    sessions = [await new_session(http) for http in clients]
    cpu = processes.cpu_s(server.pid)
    began = time.monotonic()
    pairs = zip(clients, sessions, strict=True)
    turns = await asyncio.gather(*(Turn(stamped=True).take(http, server.base, session, text) for http, session in pairs))
    wall = time.monotonic() - began
    cpu = processes.cpu_s(server.pid) - cpu
    for http in clients:
        http.close()
    if any(turn.tokens != RUNS_TOKENS for turn in turns):
        raise RuntimeError("tokens are missing")
    return wall, turns, cpu


@asynccontextmanager
async def _gateway(where: processes.Place, transport: str) -> AsyncGenerator[str]:
    """The address of the stamping gateway."""
    async with processes.child("-m", "bench.gateway", transport, cwd=where.workspace, environment=where.environment()) as started:
        yield f"http://127.0.0.1:{int(await started.line())}"


class Gateway:
    """The upstream's chat completions as they are; runs are started, told, and forgotten."""

    def __init__(self, runs: bool) -> None:
        self._runs = runs
        self._numbers = itertools.count(1)
        self._wanted: dict[str, dict[str, Any]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                _, target, _ = head.split(" ", 2)
                length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
                body = json.loads(await reader.readexactly(int(length[1]))) if length and int(length[1]) else {}
                if not await self._answer(target, body, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, target: str, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        if target == "/v1/capabilities" and self._runs:
            _send(writer, 200, {"features": dict.fromkeys(FEATURES, True)})
        elif target == "/v1/runs":
            number = f"run_{next(self._numbers)}"
            self._wanted[number] = upstream.wanted_by({"messages": [{"role": "user", "content": body["input"]}]})
            _send(writer, 202, {"run_id": number, "status": "started"})
        elif target.startswith("/v1/runs/") and target.endswith("/events"):
            await self._tell(self._wanted.pop(target.split("/")[3]), writer)
        elif target.endswith("/v1/chat/completions"):
            await upstream.say(writer, upstream.wanted_by(body))
            await writer.drain()
            return False
        elif target.startswith("/v1/raw"):
            query = dict(pair.split("=") for pair in target.partition("?")[2].split("&"))
            await upstream.say(writer, query)
            await writer.drain()
            return False
        else:
            _send(writer, 404, {})
        await writer.drain()
        return True

    async def _tell(self, wanted: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        tokens, rate, burst = int(wanted["tokens"]), float(wanted["rate"]), int(wanted["burst"])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for said in range(0, tokens, burst):
            if rate:
                await asyncio.sleep(began + said / rate - loop.time())
            _chunk(writer, b"".join(_piece() for _ in range(min(burst, tokens - said))))
            await writer.drain()
        _chunk(writer, b'data: {"event": "run.completed", "usage": {"input_tokens": 100, "output_tokens": 20}}\n\n')
        writer.write(b"0\r\n\r\n")


def _piece() -> bytes:
    now = time.monotonic_ns()
    return b'data: {"event": "message.delta", "run_id": "run_0123456789", "timestamp": 1795206169.36, "delta": "%d "}\n\n' % now


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def _send(writer: asyncio.StreamWriter, status: int, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)


async def main() -> None:
    gateway = Gateway("runs" in sys.argv[1:])
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0, limit=1 << 22, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
