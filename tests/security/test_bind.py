"""R1: nobody is let in who only found the port."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest

from propylon.app import policy_of, scripted
from propylon.errors import Unusable
from propylon.settings import Settings
from security.conftest import PASSWORD, slow_or_quick
from support.process import ServerProcess
from support.serving import serving

BEYOND = ["0.0.0.0", "::", "", "192.0.2.1", "box.lan", "localhost.evil.example", "127.evil.example", "::ffff:192.0.2.1", "*"]


@pytest.mark.parametrize("host", BEYOND)
def test_an_address_beyond_this_machine_needs_a_password(tmp_path: Path, host: str) -> None:
    with pytest.raises(Unusable, match="Set HERMES_WEBUI_PASSWORD, or listen"):
        policy_of(Settings.load(home=tmp_path, host=host))
    policy_of(Settings.load(home=tmp_path, host=host, password=PASSWORD))
    policy_of(Settings.load(home=tmp_path, host=host, insecure_no_password=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_needs_none(tmp_path: Path, host: str) -> None:
    policy_of(Settings.load(home=tmp_path, host=host))


async def test_a_password_set_in_the_page_is_one(tmp_path: Path) -> None:
    async with serving(tmp_path, tmp_path, scripted(slow_or_quick)) as client:
        assert (await client.post("/api/auth/password", json={"new": PASSWORD})).status_code == 200
    policy_of(Settings.load(home=tmp_path, host="0.0.0.0"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("trusted_proxies", "*"), ("trusted_proxies", "0.0.0.0/0"), ("allowed_hosts", "*"), ("allowed_hosts", "https://box.lan")],
)
def test_a_setting_that_would_allow_everything_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(Unusable, match=f"HERMES_WEBUI_{name.upper()}"):
        policy_of(Settings.load(home=tmp_path, **{name: value}))


async def test_who_opens_it_all_the_same_is_told_on_the_page(short: Path) -> None:
    server = ServerProcess(short, HERMES_WEBUI_PYTHON="/nonexistent/python")
    try:
        await server.start("--host", "0.0.0.0", "--insecure-no-password")
        port = server.base.rpartition(":")[2]
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/api/status")).json()["unprotected"] is True
            assert (await client.get("/api/status", headers={"Host": "evil.example"})).status_code == 421
    finally:
        await server.clear()


async def test_a_refused_start_listens_nowhere(short: Path) -> None:
    server = ServerProcess(short)
    with pytest.raises(AssertionError, match="no password is set"):
        await server.start("--host", "0.0.0.0")
    assert server.process is not None
    assert await asyncio.wait_for(server.process.wait(), 10) == 2
    assert not server.state.exists()
