"""How often a password may be guessed. Every attempt is counted before anything is computed, so that many at once count as many."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from propylon.errors import TooOften

OF_AN_ADDRESS = RateLimitItemPerSecond(5, 60)
IN_ALL = RateLimitItemPerSecond(60, 60)
DELAY_S = 2.0
"""Above `IN_ALL` an attempt waits instead of being refused: else a neighbour with many addresses locks the owner out."""


class Throttle:
    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def attempt(self, address: str) -> None:
        """Counts an attempt, and returns when it may be made. Raises TooOften."""
        if not self._limiter.hit(OF_AN_ADDRESS, network_of(address)):
            until = self._limiter.get_window_stats(OF_AN_ADDRESS, network_of(address)).reset_time
            raise TooOften(max(1, math.ceil(until - time.time())))
        if not self._limiter.hit(IN_ALL):
            await asyncio.sleep(DELAY_S)

    def succeeded(self, address: str) -> None:
        """Somebody who knew the password is no guesser."""
        self._limiter.clear(OF_AN_ADDRESS, network_of(address))


def network_of(address: str) -> str:
    """What one client commands: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
