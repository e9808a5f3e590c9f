"""The real agent against the scripted model: one template and one model for all tests, workers of its own for each test."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from agent_rig import Demo, Template, write_home

if importlib.util.find_spec("run_agent") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder with a name short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="pw", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def demo(place: Path) -> Iterator[Demo]:
    model = Demo(place)
    yield model
    model.close()


@pytest.fixture(scope="session")
def shared_template(place: Path, demo: Demo) -> Iterator[Template]:
    folder = place / "t"
    folder.mkdir()
    template = Template(write_home(place / "home", demo.address), folder)
    yield template
    template.close()


@pytest.fixture
def template(shared_template: Template) -> Iterator[Template]:
    """The shared template; the test's workers end with the test."""
    before = len(shared_template.workers)
    yield shared_template
    for worker in shared_template.workers[before:]:
        worker.close()
