"""Logins: found, aged, ended."""

from __future__ import annotations

import hashlib

import pytest

from propylon.accounts.logins import ALL_SCOPES, DAY, LIVES, Kind, Logins
from propylon.errors import NotFound
from propylon.store import Database, logins
from propylon.store.records import Login


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def added(service: Logins, kind: Kind = "browser") -> tuple[Login, str]:
    return await service.add(kind, name="", scopes=ALL_SCOPES, address="1.2.3.4", agent="a" * 500)


async def test_a_row_holds_the_hash_alone(database: Database) -> None:
    service = Logins(database, [])
    login, token = await added(service)
    assert len(token) >= 43 and (await added(service))[1] != token
    row = (await database.read(logins.listing))[0]
    assert row == login and row.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(row) and len(row.agent) == 200
    assert service.find(token, "browser", "5.6.7.8") is not None
    assert service.find(token, "device", "5.6.7.8") is None
    assert service.find(row.token_hash, "browser", "5.6.7.8") is None
    assert service.find("\ud800", "browser", "5.6.7.8") is None
    assert service.listing()[0].address == "5.6.7.8"


@pytest.mark.parametrize("kind", ["browser", "device"])
async def test_a_login_ends_when_it_is_not_used_or_old(database: Database, kind: Kind) -> None:
    clock = Clock()
    service = Logins(database, [], clock)
    _, idle = await added(service, kind)
    clock.now += LIVES[kind].idle - 1
    assert service.find(idle, kind, "") is not None, "using it counts"
    clock.now += LIVES[kind].idle
    assert service.find(idle, kind, "") is None and service.listing() == []
    login, used = await added(service, kind)
    begin = clock.now
    while clock.now < begin + LIVES[kind].whole - DAY:
        clock.now += DAY
        assert service.find(used, kind, "") is not None
    clock.now += DAY
    assert service.find(used, kind, "") is None
    ended: list[str] = []
    service.ended.append(ended.append)
    await service.tidy()
    assert login.id in ended and await database.read(logins.listing) == []


async def test_what_is_open_is_in_use(database: Database) -> None:
    clock = Clock()
    service = Logins(database, [], clock)
    login, token = await added(service)
    service.in_use = lambda: [login.id]
    for _ in range(20):
        clock.now += DAY
        await service.tidy()
    assert service.find(token, "browser", "") is not None
    assert (await database.read(logins.listing))[0].seen_at == clock.now


async def test_ended_logins_stay_ended_after_a_restart(database: Database) -> None:
    first = await Logins.open(database)
    kept, token = await added(first)
    gone, old = await added(first)
    await added(first, "device")
    await first.end(gone.id)
    with pytest.raises(NotFound):
        await first.end(gone.id)
    assert await first.end_all(("device",)) == 1
    await first.close()
    second = await Logins.open(database)
    assert second.find(token, "browser", "") is not None and second.find(old, "browser", "") is None
    assert await second.end_all(but=kept.id) == 0
    await second.close()
