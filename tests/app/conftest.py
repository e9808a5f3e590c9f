from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx2
import pytest

from propylon.app import scripted
from propylon.events import Event
from propylon.runtimes.base import Batch, Controls, RunInput
from propylon.runtimes.scripted import Script, completed
from support.serving import serving

Serve = Callable[[Script], AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def serve(tmp_path: Path, workspace: Path) -> Serve:
    """A server over this test's state whose runs play the script; may be used again to stand for a restart."""
    return lambda script: serving(tmp_path / "home", workspace, scripted(script))


def saying(*events: Event) -> Script:
    """Every run says these events in one batch and completes."""

    async def script(run: RunInput, controls: Controls) -> AsyncIterator[Batch]:
        yield Batch(events=list(events))
        yield Batch(events=[], end=completed(run))

    return script
