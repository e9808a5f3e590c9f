"""Waiting for the next of something."""

from __future__ import annotations

import asyncio

import pytest

from propylon.waiters import Waiters


async def test_all_go_on_at_a_wake() -> None:
    waiters = Waiters()
    waiting = [asyncio.create_task(waiters.wait(60)) for _ in range(3)]
    await asyncio.sleep(0)
    waiters.wake()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_each_waits_no_longer_than_it_asked() -> None:
    waiters = Waiters()
    long = asyncio.create_task(waiters.wait(60))
    await asyncio.sleep(0)
    await asyncio.wait_for(waiters.wait(0.01), 5)
    await asyncio.wait_for(waiters.wait(0.02), 5)
    assert not long.done()
    waiters.wake()
    await asyncio.wait_for(long, 5)


async def test_a_wake_before_the_time_leaves_later_waiters_their_own() -> None:
    waiters = Waiters()
    first = asyncio.create_task(waiters.wait(0.02))
    await asyncio.sleep(0)
    waiters.wake()
    await first
    await asyncio.wait_for(waiters.wait(0.04), 5)


async def test_one_who_gave_up_is_no_obstacle() -> None:
    waiters = Waiters()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiters.wait(60), 0.01)
    waiters.wake()
    await asyncio.wait_for(waiters.wait(0.01), 5)
