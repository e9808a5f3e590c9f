"""`python -m bench [--quick] [NAME ...]`: run the measurements and print one table. Exit code 1 when a figure misses its target."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Awaitable, Callable

import uvloop

from bench import first_token, gateway, idle_viewers, long_lists, long_session, many_runs, throughput, token_latency
from bench.report import Report

Measure = Callable[[Report, bool], Awaitable[None]]

MEASUREMENTS: dict[str, Measure] = {
    "first-token": first_token.measure,
    "token-latency": token_latency.measure,
    "throughput": throughput.measure,
    "many-runs": many_runs.measure,
    "gateway": gateway.measure,
    "idle-viewers": idle_viewers.measure,
    "long-lists": long_lists.measure,
    "long-session": long_session.measure,
}


async def run(names: list[str], quick: bool) -> Report:
    report = Report()
    for name in names:
        await MEASUREMENTS[name](report, quick)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="What the product measures about itself, beside bare references.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(MEASUREMENTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"{unknown[0]} is none of {', '.join(MEASUREMENTS)}")
    report = uvloop.run(run(given.names or list(MEASUREMENTS), given.quick))
    sys.stdout.write(f"\n{os.cpu_count()} cores, load now {os.getloadavg()[0]:.1f}\n\n{report.table()}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
