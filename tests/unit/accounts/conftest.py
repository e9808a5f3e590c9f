from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from propylon.store import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "app.db")
    yield opened
    await opened.close()
