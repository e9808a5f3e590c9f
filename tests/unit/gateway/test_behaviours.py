"""Every behaviour of the gateway bridge, A1 to A66, has a test that bears its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]

INTERNAL = {
    42: "flags set together under a lock: a run is one task of one event loop, its state one object",
    43: "a journal that cannot be made is no reason to stop: here nothing is shown that was not stored first",
    44: "journal first, then the queue: here the log is the only way to a viewer, which its own contract tests hold",
    54: "the journal's file name: here it is rows",
    55: "the journal's record: here it is rows",
    57: "when the journal is synced: the log has one rule, which its own tests hold",
}
"""Those that describe how the original works inside, and why they ask nothing of us."""


def numbered() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for path in [*(TESTS / "gateway").glob("test_*.py"), *(TESTS / "unit" / "gateway").glob("test_*.py")]:
        for name, numbers in re.findall(r"^(?:async )?def (test((?:_a\d+)+)_\w+)", path.read_text(), re.MULTILINE):
            for number in re.findall(r"_a(\d+)", numbers):
                found.setdefault(int(number), []).append(name)
    return found


@pytest.mark.parametrize("number", range(1, 67))
def test_every_behaviour_has_a_test_or_a_reason(number: int) -> None:
    assert (number in INTERNAL) != (number in numbered())


def test_no_number_is_made_up() -> None:
    assert set(numbered()) <= set(range(1, 67))
