"""Passwords, and how often they may be guessed."""

from __future__ import annotations

import asyncio
import time

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from propylon.accounts import throttle
from propylon.accounts.passwords import AT_ONCE, Hashing, fits, same
from propylon.accounts.service import Accounts
from propylon.accounts.throttle import Throttle, network_of
from propylon.errors import TooOften, WrongPassword
from propylon.store import Database, settings
from propylon.store.records import Login


class Client:
    address = "192.0.2.1"
    agent = "test"
    login: Login | None = None


@pytest.mark.parametrize(("given_", "right"), [("x", True), ("x" * 1024, True), ("", False), ("x" * 1025, False), ("\u20ac" * 342, False)])
def test_a_password_is_text_of_1_to_1024_bytes(given_: str, right: bool) -> None:
    assert fits(given_) is right


@pytest.mark.parametrize("given_", [None, 1, True, ["x"], {"x": "y"}, b"x", "\ud800"])
def test_nothing_else_is_one(given_: object) -> None:
    assert not fits(given_)


@given(st.text(), st.text())
def test_only_the_same_is_the_same(one: str, other: str) -> None:
    assert same(one, other) == (one == other)


async def test_hashes_are_argon2id_and_the_loop_goes_on_meanwhile() -> None:
    hashing = Hashing()
    hashed = await hashing.hash("secret words")
    assert hashed.startswith("$argon2id$v=19$m=65536,") and not hashing.outdated(hashed)
    most, ticks = 0.0, 0
    guesses = [asyncio.ensure_future(hashing.verify(hashed, word)) for word in ("secret words", "secret words\0", "other", "")]
    while not all(guess.done() for guess in guesses):
        begin = time.perf_counter()
        await asyncio.sleep(0.001)
        most, ticks = max(most, time.perf_counter() - begin), ticks + 1
    assert [guess.result() for guess in guesses] == [True, False, False, False]
    assert most < 0.5 and ticks > 5 and AT_ONCE == 2
    assert await hashing.verify("no hash", "x") is False
    hashing.close()


async def test_a_weak_hash_is_made_anew_at_the_next_login(database: Database) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret words")
    await database.write(lambda c: settings.put(c, "password_hash", weak, at=1.0))
    accounts = await Accounts.open(database, None)
    await accounts.log_in("secret words", Client())
    stored = await database.read(lambda c: settings.get(c, "password_hash"))
    assert stored is not None and stored != weak and "m=65536" in stored
    await accounts.close()


async def test_a_login_does_not_slip_through_a_change_of_the_password(database: Database) -> None:
    accounts = await Accounts.open(database, None)
    await accounts.set_password("first words", None, Client())
    late = asyncio.ensure_future(accounts.log_in("first words", Client()))
    changed = await accounts.set_password("second words", "first words", Client())
    with pytest.raises(WrongPassword):
        await late
        await accounts.log_in("first words", Client())
    assert [login.id for login in accounts.logins.listing()] == [changed[0].id]
    await accounts.close()


async def test_above_the_budget_of_all_an_attempt_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "DELAY_S", 0.3)
    guesses = Throttle()
    for number in range(60):
        await guesses.attempt(f"198.51.100.{number}")
    begin = time.monotonic()
    await guesses.attempt("192.0.2.9")
    assert time.monotonic() - begin >= 0.3


async def test_who_knows_the_password_is_no_guesser() -> None:
    guesses = Throttle()
    for _ in range(3):
        for _ in range(5):
            await guesses.attempt("192.0.2.1")
        with pytest.raises(TooOften) as refused:
            await guesses.attempt("192.0.2.1")
        assert 0 < refused.value.after <= 60
        guesses.succeeded("192.0.2.1")


def test_what_one_client_commands_is_counted_as_one() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") != network_of("2001:db8:1:3::4")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("unknown") == "unknown"
