from __future__ import annotations

import importlib.util
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from support.process import ServerProcess, scripted_model, server_process, short_folder, write_config

if importlib.util.find_spec("run_agent") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def model() -> Iterator[str]:
    with scripted_model() as address:
        yield address


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as path:
        yield path


@pytest.fixture
async def server(folder: Path, model: str) -> AsyncGenerator[ServerProcess]:
    """A running server whose default profile asks the scripted model."""
    async with server_process(folder) as process:
        write_config(process.home, model)
        await process.start()
        yield process
