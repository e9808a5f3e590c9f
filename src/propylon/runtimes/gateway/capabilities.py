"""What a gateway offers, asked once and remembered for a while: the one table that decides how a turn travels."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from propylon.runtimes.gateway.client import Client, Endpoint
from propylon.runtimes.gateway.values import mapping

GOOD_S = 300.0
BAD_S = 10.0
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Offer:
    """`runs`: start, events and status of runs; the others are what can be done to one."""

    runs: bool = False
    stop: bool = False
    approvals: bool = False
    messages: bool = False


NOTHING_SAID = Offer()
ALL = Offer(runs=True, stop=True, approvals=True, messages=True)


def offer(value: Any) -> Offer:
    """Out of the body of /v1/capabilities, whatever it is."""
    features = mapping(mapping(value).get("features"))

    def has(*names: str) -> bool:
        return all(features.get(name) is True for name in names)

    return Offer(
        runs=has("run_submission", "run_events_sse", "run_status"),
        stop=has("run_stop"),
        approvals=has("run_approval_response"),
        messages=has("session_resources"),
    )


class Offers:
    """`use_runs` True or False decides in place of the gateway's own word; `now` is a clock in seconds."""

    def __init__(self, client: Client, use_runs: bool | None, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._use_runs = use_runs
        self._now = now
        self._known: dict[str, tuple[float, Offer]] = {}

    async def of(self, endpoint: Endpoint) -> Offer:
        """Raises httpx2.HTTPError when the gateway cannot be reached; one that refuses or says nonsense offers nothing."""
        if self._use_runs is not None:
            return ALL if self._use_runs else NOTHING_SAID
        known = self._known.get(endpoint.base)
        if known is not None and self._now() < known[0]:
            return known[1]
        reply = await self._client.ask(endpoint, "GET", "/v1/capabilities", most=MOST_BYTES)
        found = offer(reply.value) if reply.status == 200 else NOTHING_SAID
        self._known[endpoint.base] = self._now() + (GOOD_S if reply.status == 200 else BAD_S), found
        return found

    def forget(self, endpoint: Endpoint) -> None:
        """The gateway behaved unlike what it said, or is another one now."""
        self._known.pop(endpoint.base, None)
