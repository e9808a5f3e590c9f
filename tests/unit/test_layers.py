"""Imports point downward only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import propylon

ROOT = Path(propylon.__file__).parent
BASE = {"errors", "events", "holdback", "ids", "redaction", "waiters"}
MAY_USE = {
    "cli": {"serving", "settings"},
    "serving": {"app", "settings", "state"},
    "app": {"accounts", "runs", "runtimes", "sessions", "settings", "state", "store", "web"},
    "state": {"runlog", "store"},
    "settings": set(),
    "accounts": {"store"},
    "web": {"accounts", "runs", "runlog", "sessions", "store"},
    "runs": {"runlog", "runtimes", "sessions", "store"},
    "runtimes": set(),
    "sessions": {"store"},
    "runlog": set(),
    "store": set(),
    **{name: set() for name in BASE},
}
WORKER = ROOT / "runtimes" / "hermes" / "worker"


def area(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {parts[1] for name in found if (parts := name.split("."))[0] == "propylon" and len(parts) > 1}


FILES = [path for path in sorted(ROOT.rglob("*.py")) if path.parent != ROOT or path.stem not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downward(path: Path) -> None:
    own = area(path)
    allowed = MAY_USE[own] | BASE | {own, "__version__"}
    assert imported(path) <= (set() if WORKER in path.parents else allowed)
