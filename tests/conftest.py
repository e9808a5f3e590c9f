"""Fixtures of the tests that run the product as a process."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support.process import ServerProcess, scripted_model, server_process, short_folder, write_config

# By hand each run tries other examples; what is sent in is judged by the same ones each time.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def model() -> Iterator[str]:
    """The address of a model that does what messages say."""
    with scripted_model() as address:
        yield address


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary directory with a name short enough for sockets."""
    with short_folder() as path:
        yield path


@pytest.fixture
async def server(folder: Path, model: str) -> AsyncGenerator[ServerProcess]:
    """A running server whose default profile asks the scripted model."""
    async with server_process(folder) as process:
        write_config(process.home, model)
        await process.start()
        yield process
