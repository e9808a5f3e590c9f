"""The page's types of the events are those of the server."""

from __future__ import annotations

import re
from pathlib import Path

from propylon.events import EVENT_TYPES

SOURCES = Path(__file__).parents[2] / "frontend" / "src"
EVENTS = (SOURCES / "live" / "events.ts").read_text()
TYPES = (SOURCES / "api" / "types.ts").read_text()


def fields(body: str) -> set[str]:
    return set(re.findall(r"(\w+)\??:", body))


def test_the_page_knows_every_event_and_invents_no_field() -> None:
    data = EVENTS[EVENTS.index("interface EventData {") : EVENTS.index("\n}\n", EVENTS.index("interface EventData {"))]
    known = {kind: fields(body) for kind, body in re.findall(r"^  (\w+): \{(.*?)\}", data, re.MULTILINE | re.DOTALL)}
    error = re.search(r"interface RunError \{(.*?)\n\}", TYPES, re.DOTALL)
    assert error is not None
    known["apperror"] |= fields(error.group(1))
    assert set(known) == {cls.kind for cls in EVENT_TYPES}
    for cls in EVENT_TYPES:
        assert known[cls.kind] <= set(cls.__struct_fields__), cls.kind


def test_the_page_ends_where_the_server_ends() -> None:
    found = re.search(r"TERMINAL[^=]*= new Set\(\[(.*?)\]\)", EVENTS)
    assert found is not None
    assert set(re.findall(r'"(\w+)"', found.group(1))) == {cls.kind for cls in EVENT_TYPES if cls.terminal}
