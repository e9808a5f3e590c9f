from __future__ import annotations

from typing import Any

import pytest

from propylon.runtimes.hermes.worker.prompt import joined, named, offered, personality

CONFIG = {"agent": {"personalities": {"Pirate": "Talk like a pirate.", "calm": {"prompt": "Be calm.", "tone": "low", "style": "short"}}}}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("Be brief.", "Be brief."),
        ({"system_prompt": "A", "prompt": "B"}, "A"),
        ({"prompt": "B", "tone": "warm", "style": "plain"}, "B\nTone: warm\nStyle: plain"),
        ({"tone": "warm"}, "Tone: warm"),
        ({"description": "only words about it"}, ""),
        (None, ""),
        (7, "7"),
    ],
)
def test_b32_a_personality_as_text(value: Any, wanted: str) -> None:
    assert personality(value) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"), [("pirate", "Talk like a pirate."), (" CALM ", "Be calm.\nTone: low\nStyle: short"), ("x", "")]
)
def test_b32_by_name(name: str, wanted: str) -> None:
    assert named(name, CONFIG) == wanted


def test_offered() -> None:
    long = {"agent": {"personalities": {"long": "x" * 500}}}
    assert offered(long) == [{"name": "long", "description": "x" * 120}]
    assert offered({}) == offered({"agent": None}) == offered({"agent": {"personalities": ["x"]}}) == []


def test_joined() -> None:
    assert joined("a ", "", " b") == "a\n\nb" and joined("", " ") is None
