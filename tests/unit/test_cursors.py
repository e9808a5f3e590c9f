"""Where a viewer goes on."""

from __future__ import annotations

import pytest

from propylon.web.cursors import cursor


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ({}, {}, None),
        ({"replay": "1"}, {}, 0),
        ({"after_seq": "7"}, {}, 7),
        ({"after_seq": "7", "replay": "1"}, {}, 7),
        ({"after_event_id": "r1:9", "after_seq": "7"}, {}, 9),
        ({"after_seq": "7"}, {"last-event-id": "r1:3"}, 7),
        ({}, {"last-event-id": "r1:3"}, 3),
        ({}, {"last-event-id": "other:3"}, 0),
        ({"after_event_id": "other:3"}, {}, 0),
        ({"after_seq": "-1"}, {}, 0),
        ({"after_seq": ""}, {}, 0),
        ({"after_seq": "٣"}, {}, 0),
        ({"after_seq": "9" * 40}, {}, 0),
    ],
)
def test_cursor(query: dict[str, str], headers: dict[str, str], expected: int | None) -> None:
    assert cursor("r1", query, headers) == expected
