"""From where a token is born to the viewer, at 100 tokens a second, beside a pass-through that is read at the same time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bench import client, processes, scripted_server, upstream
from bench.client import Http, Turn, new_session
from bench.report import Report, median, quantile, tails

RATE = 100


class Raw:
    """Stamps out of the upstream's own stream."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    def hear(self, event: str, data: bytes, now: int) -> None:
        _, found, rest = data.partition(b'"content": "')
        if found:
            self.delays.append((now - int(rest.split(b'"')[0])) / 1e6)


async def measure(report: Report, quick: bool) -> None:
    report.section(f"Token latency at {RATE} tokens a second, p50 / p99 ms")
    tokens = 300 if quick else 1500
    async with AsyncExitStack() as stack:
        where, other = stack.enter_context(processes.place()), stack.enter_context(processes.place())
        model = await stack.enter_async_context(processes.stamping_model(where))
        where.configure(model)
        relay = await stack.enter_async_context(processes.relay(where, model))
        agents = await stack.enter_async_context(processes.bare_agents(where))
        real = await stack.enter_async_context(processes.server(where))
        scripted = await stack.enter_async_context(processes.server(other, scripted=True))
        with_agent, without = Http(real.base), Http(scripted.base)
        await with_agent.get("/health")
        session, plain = await new_session(with_agent), await new_session(without)
        await Turn().take(with_agent, real.base, session, upstream.order(1))
        await Turn().take(without, scripted.base, plain, scripted_server.order(1))

        direct, passed, real_turn, ours = Raw(), Raw(), Turn(stamped=True), Turn(stamped=True)
        query = f"/v1/raw?{upstream.query(tokens, RATE)}"
        streams = [
            await client.stream(model.removesuffix("/v1"), query, direct.hear),
            await client.stream(relay.base, query, passed.hear),
        ]
        *_, bare = await asyncio.gather(
            *(asyncio.wait_for(stream.ended, client.PATIENCE_S) for stream in streams),
            ours.take(without, scripted.base, plain, scripted_server.order(tokens, RATE)),
            real_turn.take(with_agent, real.base, session, upstream.order(tokens, RATE)),
            agents.ask(client.PATIENCE_S, sessions=["warm-up"], text=upstream.order(tokens, RATE)),
        )
        bound = quantile(passed.delays, 0.99)
        beside = f"pass-through {tails(passed.delays)}, direct {tails(direct.delays)}"
        report.add("scripted runtime, p99", quantile(ours.delays, 0.99), "ms", reference=beside, at_most=bound + 2)
        report.add("  p50", median(ours.delays), "ms")
        alone = f"bare agent {tails(bare['turns'][0]['delays'])}"
        report.add("real agent, p99", quantile(real_turn.delays, 0.99), "ms", reference=alone, at_most=bound + 2)
        report.add("  p50", median(real_turn.delays), "ms")
        with_agent.close()
        without.close()
