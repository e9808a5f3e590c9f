"""Servers to be attacked: one without a password on the loopback, one with a password. Shared by the tests of a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from propylon.app import scripted
from propylon.events import Token
from propylon.runtimes.base import Batch, Controls, RunInput
from propylon.runtimes.scripted import completed
from support.process import short_folder
from support.serving import serving

PASSWORD = "correct horse battery"


async def slow_or_quick(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
    """Says a word and ends; a message `slow` keeps the run live until it is stopped, `much` says 16 MiB."""
    yield Batch(events=[Token(text="hello")])
    if run.text == "much":
        for _ in range(256):
            yield Batch(events=[Token(text="x" * 65_536)])
    if run.text == "slow":
        await asyncio.Event().wait()
    yield Batch(events=[], end=completed(run))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("attacked")
    (made / "workspace").mkdir()
    return made


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary directory with a name short enough for sockets."""
    with short_folder() as path:
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_server(folder: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    async with serving(folder / "open", folder / "workspace", scripted(slow_or_quick), allowed_hosts="box.lan, chat.example.com") as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked_server(folder: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    """With a password in the environment; its client is a stranger."""
    given = {"password": PASSWORD, "allowed_hosts": "box.lan", "trusted_proxies": "127.0.0.2, 10.0.0.0/8"}
    async with serving(folder / "locked", folder / "workspace", scripted(slow_or_quick), **given) as client:
        yield client
