"""20,000 tokens as fast as they go, log on disk and one viewer, by how many the runtime hands over at once.

The real agent hands over 4 to 40 tokens at once when it is flat out: its worker joins what is not yet sent.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bench import client, processes, scripted_server, upstream
from bench.client import Http, Turn, new_session
from bench.report import Report, median, shown

TOKENS = 20_000
BATCHES = (1, 4, 16, 64)
JUDGED = 16


async def measure(report: Report, quick: bool) -> None:
    report.section(f"{TOKENS:,} tokens flat out")
    times = 2 if quick else 5
    async with AsyncExitStack() as stack:
        where = stack.enter_context(processes.place())
        model = await stack.enter_async_context(processes.stamping_model(where))
        relay = await stack.enter_async_context(processes.relay(where, model))
        server = await stack.enter_async_context(processes.server(where, scripted=True))
        http = Http(server.base)
        session = await new_session(http)
        await Turn().take(http, server.base, session, scripted_server.order(100))
        for batch in BATCHES:
            rates: list[float] = []
            costs: list[float] = []
            passed: list[float] = []
            passed_costs: list[float] = []
            for _ in range(times):
                began = processes.cpu_s(relay.pid)
                passed.append(TOKENS / await _relayed(relay.base, batch))
                passed_costs.append((processes.cpu_s(relay.pid) - began) / TOKENS * 1000)
                began = processes.cpu_s(server.pid)
                turn = await Turn().take(http, server.base, session, scripted_server.order(TOKENS, batch=batch))
                costs.append((processes.cpu_s(server.pid) - began) / TOKENS * 1000)
                if turn.tokens != TOKENS:
                    raise RuntimeError(f"{turn.tokens} tokens came")
                rates.append(TOKENS / turn.whole_s)
            judged = batch == JUDGED
            reference = f"pass-through {shown(median(passed))} with the upstream, CPU {shown(median(passed_costs))}"
            report.add(f"{batch} at once", median(rates), "tokens/s", reference=reference, at_least=60_000 if judged else None)
            report.add("  CPU of the server", median(costs), "s per 1,000", at_most=0.03)
        http.close()


async def _relayed(base: str, burst: int) -> float:
    """Seconds for the same number of tokens through the pass-through."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    stream = await client.stream(base, f"/raw?{upstream.query(TOKENS, 0, burst)}", lambda event, data, now: None)
    await asyncio.wait_for(stream.ended, client.PATIENCE_S)
    return loop.time() - began
