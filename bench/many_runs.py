"""64 runs at once with the real agent, 200 tokens each at 50 a second, beside bare agents as threads of one process."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from bench import client, processes, scripted_server, upstream
from bench.client import Http, Turn, new_session
from bench.report import Report, quantile, shown, tails

RUNS, RATE, TOKENS = 64, 50, 200
BARE_S = 180.0


async def measure(report: Report, quick: bool) -> None:
    report.section(f"{RUNS} runs, {TOKENS} tokens each at {RATE} a second (4.0 s at best)")
    times = 1 if quick else 2
    text = upstream.order(TOKENS, RATE)
    async with AsyncExitStack() as stack:
        where = stack.enter_context(processes.place())
        model = await stack.enter_async_context(processes.stamping_model(where))
        where.configure(model)
        async with processes.bare_agents(where) as agents:
            names = [f"bare{number}" for number in range(RUNS)]
            bare_new = await agents.ask(BARE_S, sessions=names, text=text)
            bare_warm = min(
                [await agents.ask(BARE_S, sessions=names, text=text) for _ in range(times)], key=lambda found: float(found["wall_s"])
            )
        server = await stack.enter_async_context(processes.server(where))
        clients = [Http(server.base) for _ in range(RUNS)]
        await clients[0].get("/health")
        sessions: list[str] = []

        new, wall, _ = await _together(server, clients, sessions, text)
        bound = bare_new["wall_s"] + 1
        report.add("new sessions, wall", wall, "s", reference=f"bare threads {shown(bare_new['wall_s'])}", at_most=bound)
        report.add("  token latency, p99", quantile(_delays(new), 0.99), "ms", reference=_bare_tails(bare_new))
        report.add("  first token, p50", quantile([turn.first_ms for turn in new], 0.5), "ms", reference=_bare_first(bare_new))

        warm, wall, cpu = min([await _together(server, clients, sessions, text) for _ in range(times)], key=lambda found: found[1])
        report.add("warm sessions, wall", wall, "s", reference=f"bare threads {shown(bare_warm['wall_s'])}", at_most=7)
        report.add("  token latency, p99", quantile(_delays(warm), 0.99), "ms", reference=_bare_tails(bare_warm), at_most=100)
        report.add("  first token, p50", quantile([turn.first_ms for turn in warm], 0.5), "ms", reference=_bare_first(bare_warm))
        passed = await _passed_cpu(where, model)
        report.add("  CPU of the server", _each(cpu), "us per token", reference=f"pass-through {shown(_each(passed))}", at_most=60)
        for http in clients:
            http.close()
    turn, token = await _scripted_cpu()
    report.add("  without agents: a turn of one token", turn * 1e3, "ms")
    report.add("  without agents: each further token", token * 1e6, "us")


async def _passed_cpu(where: processes.Place, model: str) -> float:
    """CPU seconds of the pass-through for the same streams."""
    async with processes.relay(where, model) as relay:
        began = processes.cpu_s(relay.pid)
        path = f"/raw?{upstream.query(TOKENS, RATE)}"
        streams = await asyncio.gather(*(client.stream(relay.base, path, lambda event, data, now: None) for _ in range(RUNS)))
        await asyncio.gather(*(asyncio.wait_for(stream.ended, client.PATIENCE_S) for stream in streams))
        return processes.cpu_s(relay.pid) - began


async def _scripted_cpu() -> tuple[float, float]:
    """CPU seconds of the server for the same runs without agents: for a turn of one token, and for each further token."""
    with processes.place() as where:
        async with processes.server(where, scripted=True) as server:
            clients = [Http(server.base) for _ in range(RUNS)]
            sessions: list[str] = []
            costs = []
            for tokens in (1, 1, TOKENS):
                _, _, cpu = await _together(server, clients, sessions, scripted_server.order(tokens, RATE), tokens)
                costs.append(cpu / RUNS)
            for http in clients:
                http.close()
            return costs[1], (costs[2] - costs[1]) / (TOKENS - 1)


def _each(cpu: float) -> float:
    """Microseconds per token."""
    return cpu / (RUNS * TOKENS) * 1e6


async def _together(
    server: processes.Server, clients: list[Http], sessions: list[str], text: str, tokens: int = TOKENS
) -> tuple[list[Turn], float, float]:
    """All turns at once, making the sessions first where there are none: the turns, seconds, and the server's CPU seconds."""
    known = len(sessions)

    async def one(number: int) -> Turn:
        http = clients[number]
        if not known:
            sessions.append(await new_session(http))
        session = sessions[number] if known else sessions[-1]
        return await Turn(stamped=True).take(http, server.base, session, text)

    cpu = processes.cpu_s(server.pid)
    began = time.monotonic()
    turns = list(await asyncio.gather(*(one(number) for number in range(RUNS))))
    wall = time.monotonic() - began
    if any(turn.tokens != tokens for turn in turns):
        raise RuntimeError("tokens are missing")
    return turns, wall, processes.cpu_s(server.pid) - cpu


def _delays(turns: list[Turn]) -> list[float]:
    return [delay for turn in turns for delay in turn.delays]


def _bare_tails(found: dict[str, Any]) -> str:
    return f"bare threads p50 / p99 {tails([delay for turn in found['turns'] for delay in turn['delays']])}"


def _bare_first(found: dict[str, Any]) -> str:
    return f"bare threads {shown(quantile([turn['first_ms'] for turn in found['turns']], 0.5))}"
