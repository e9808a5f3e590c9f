"""What the server adds to the time until the first token: over the bare agent, for warm sessions, new ones, and right after a start."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack

from bench import processes, scripted_server
from bench.client import Http, Turn, distinct, new_session
from bench.report import Report, median, quantile, shown

SAY = "SCRIPT: " + json.dumps([{"text": "one two three"}])
REST_S = 0.05


async def measure(report: Report, quick: bool) -> None:
    report.section("First token")
    turns, starts = (10, 3) if quick else (40, 10)
    await _turns(report, turns)
    await _after_start(report, starts)


async def _turns(report: Report, count: int) -> None:
    async with AsyncExitStack() as stack:
        where, other = stack.enter_context(processes.place()), stack.enter_context(processes.place())
        model = await stack.enter_async_context(processes.scripted_model(where))
        where.configure(model)
        server = await stack.enter_async_context(processes.server(where))
        agent = await stack.enter_async_context(processes.bare_agents(where))
        without = await stack.enter_async_context(processes.server(other, scripted=True))
        http, plain = Http(server.base), Http(without.base)
        await http.get("/health")
        session, empty = await new_session(http), await new_session(plain)
        warm: list[float] = []
        bare_warm: list[float] = []
        ours: list[float] = []
        for turn in range(count + 1):  # the first of each is not warm
            text = distinct(SAY)
            bare = (await agent.ask(sessions=["bare"], text=text))["turns"][0]["first_ms"]
            await asyncio.sleep(REST_S)
            found = await Turn().take(http, server.base, session, text)
            await asyncio.sleep(REST_S)
            scripted = await Turn().take(plain, without.base, empty, scripted_server.order(1))
            if turn:
                bare_warm.append(bare)
                warm.append(found.first_ms)
                ours.append(scripted.first_ms)
            await asyncio.sleep(REST_S)
        over = median([with_server - without for with_server, without in zip(warm, bare_warm, strict=True)])
        reference = f"medians: bare {shown(median(bare_warm))}, server {shown(median(warm))}"
        report.add("warm session, over the bare agent in turn", over, "ms", reference=reference, at_most=5)
        quick_bare, quick_warm = quantile(bare_warm, 0.1), quantile(warm, 0.1)
        reference = f"quickest tenth: bare {shown(quick_bare)}, server {shown(quick_warm)}"
        report.add("  where the machine was not busy", quick_warm - quick_bare, "ms", reference=reference)
        report.add("  the server's share, scripted runtime", median(ours), "ms")

        new: list[float] = []
        made: list[float] = []
        bare_new: list[float] = []
        for turn in range(count):
            text = distinct(SAY)
            bare_new.append((await agent.ask(sessions=[f"new{turn}"], text=text))["turns"][0]["first_ms"])
            await asyncio.sleep(REST_S)
            began = time.monotonic_ns()
            found = await Turn().take(http, server.base, await new_session(http), text)
            new.append(found.first_ms)
            made.append((found.first - began) / 1e6)
            await asyncio.sleep(REST_S)
        bare = median(bare_new)
        reference = f"bare {shown(bare)}, over it {shown(median(new) - bare)}"
        report.add("new session, from the message", median(new), "ms", reference=reference, at_most=150)
        report.add("  from making the session", median(made), "ms", reference=f"over bare {shown(median(made) - bare)}")
        http.close()
        plain.close()


async def _after_start(report: Report, count: int) -> None:
    first: list[float] = []
    ready: list[float] = []
    for _ in range(count):
        async with AsyncExitStack() as stack:
            where = stack.enter_context(processes.place())
            where.configure(await stack.enter_async_context(processes.scripted_model(where)))
            began = time.monotonic()
            server = await stack.enter_async_context(processes.server(where))
            http = Http(server.base)
            await http.get("/health")
            ready.append(time.monotonic() - began)
            session = await new_session(http)
            first.append((await Turn().take(http, server.base, session, distinct(SAY))).first_ms)
            http.close()
    reference = f"process to ready {shown(median(ready))} s"
    report.add("first turn after /health says ready", median(first), "ms", reference=reference, at_most=500)
