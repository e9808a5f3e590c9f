"""A turn of one token in a session with 10,000 messages, beside one in a short session: the server's share must not grow."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bench import long_lists, processes, scripted_server
from bench.client import Http, Turn, new_session
from bench.report import Report, median, quantile, shown

REST_S = 0.02


async def measure(report: Report, quick: bool) -> None:
    report.section(f"A turn in a session of {long_lists.LONG:,} messages")
    times = 15 if quick else 60
    async with AsyncExitStack() as stack:
        where = stack.enter_context(processes.place())
        await long_lists.fill(where, lambda connection: long_lists.long_session(connection, "long", long_lists.LONG))
        server = await stack.enter_async_context(processes.server(where, scripted=True))
        http = Http(server.base)
        await http.get("/health")
        names = {"long": "long", "empty": await new_session(http)}
        found: dict[str, list[Turn]] = {name: [] for name in names}
        for turn in range(times + 3):
            for name, session in names.items():
                taken = await Turn().take(http, server.base, session, scripted_server.order(1))
                if turn >= 3:
                    found[name].append(taken)
                await asyncio.sleep(REST_S)
        for what, times_of in (
            ("first token", {name: [turn.first_ms for turn in turns] for name, turns in found.items()}),
            ("whole turn", {name: [turn.whole_s * 1e3 for turn in turns] for name, turns in found.items()}),
        ):
            noise = quantile(times_of["empty"], 0.75) - quantile(times_of["empty"], 0.25)
            empty, full = median(times_of["empty"]), median(times_of["long"])
            report.add(f"{what}, more than in a short one", full - empty, "ms", reference=_beside(empty, full), at_most=max(noise, 0.5))
        http.close()


def _beside(empty: float, full: float) -> str:
    return f"short {shown(empty)}, long {shown(full)}; bound: spread of the short ones"
