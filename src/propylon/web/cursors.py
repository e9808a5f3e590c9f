"""Where a viewer wants to go on."""

from __future__ import annotations

from collections.abc import Mapping


def cursor(run: str, query: Mapping[str, str], headers: Mapping[str, str]) -> int | None:
    """The number of the last event the viewer has; None when it names none, 0 when it names one that makes no sense.

    A cursor in the query beats the header. `replay` without a cursor means from the start.
    """
    event_id = query.get("after_event_id")
    if event_id:
        return _of_event_id(run, event_id)
    if "after_seq" in query:
        return _number(query["after_seq"])
    if last := headers.get("last-event-id"):
        return _of_event_id(run, last)
    return 0 if query.get("replay") in ("1", "true") else None


def _of_event_id(run: str, event_id: str) -> int:
    name, _, number = event_id.rpartition(":")
    return _number(number) if name == run else 0


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
