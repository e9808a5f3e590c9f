"""What a worker says, read by the server."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propylon.events import Status, Token
from propylon.runtimes.hermes import frames, translate
from propylon.runtimes.hermes.frames import FrameReader


def line(**fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


STREAM = b"".join(
    (
        line(k="hello", id="w", pid=1, session="s", n=0),
        line(k="text", n=1, run="r", t="häl"),
        line(k="tool", n=2, run="r", tid="t", name="x", args={"a": [1]}),
        line(k="part", n=3, run="r", s='{"k":"result","n":3,"run":"r","tid":"t","na', last=False),
        line(k="pong", turns=1, rss=5),
        line(k="part", n=3, run="r", s='me":"x","r":"long","error":false,"s":1.5}', last=True),
        line(k="end", n=4, run="r", outcome="completed", usage={"input_tokens": 3}, context={"keep": 0, "rows": []}),
    )
)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_frames_do_not_depend_on_how_the_bytes_arrive(cuts: list[int]) -> None:
    reader, found = FrameReader(), []
    edges = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(edges):
        found += reader.feed(STREAM[start:end])
    assert [type(frame).__name__ for frame in found] == ["Hello", "Text", "Tool", "Pong", "Result", "End"]
    assert isinstance(found[4], frames.Result) and (found[4].n, found[4].r) == (3, "long")


@pytest.mark.parametrize(
    ("broken", "number", "run"),
    [
        (b'{"k":"text","n":5,"run":"r","t":17}\n', 5, "r"),
        (b'{"k":"later","n":5,"run":"r"}\n', 5, "r"),
        (b'{"k":"text","n":5,"run":"r","t":"\\ud800"}\n', 5, "r"),
        (b"complete nonsense\n", 5, ""),
    ],
)
def test_a_frame_that_cannot_be_read_is_recorded_under_its_number(broken: bytes, number: int, run: str) -> None:
    reader = FrameReader()
    reader.feed(line(k="text", n=4, run="r", t="before"))
    (found,) = reader.feed(broken)
    assert isinstance(found, frames.Unreadable)
    assert (found.n, found.run) == (number, run)
    event = translate.event("s", found)
    assert isinstance(event, Status) and event.level == "error"


def test_after_a_broken_frame_the_next_one_is_read() -> None:
    found = FrameReader().feed(b"nonsense\n" + line(k="text", n=2, run="r", t="on"))
    assert [translate.event("s", frame) for frame in found][1:] == [Token(text="on")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "outcome", "kind"),
    [
        ({"outcome": "completed"}, "completed", None),
        ({"outcome": "interrupted"}, "interrupted", "interrupted"),
        ({"outcome": "failed", "status": 401}, "failed", "auth"),
        ({"outcome": "failed", "status": 402}, "failed", "payment"),
        ({"outcome": "failed", "status": 404}, "failed", "not_found"),
        ({"outcome": "failed", "status": 429, "kind": "rate_limit"}, "failed", "rate_limit"),
        ({"outcome": "failed", "status": 500, "kind": "server_error"}, "failed", "server_error"),
        ({"outcome": "failed", "status": 503}, "failed", "server_error"),
        ({"outcome": "failed", "kind": "timeout", "error": "Connection error."}, "failed", "connection"),
        ({"outcome": "failed", "kind": "empty_response_exhausted"}, "failed", "no_response"),
        ({"outcome": "failed", "kind": "never heard of", "error": "the answer mentions 401 and rate limit"}, "failed", "error"),
    ],
)
def test_how_a_run_ended_is_read_from_codes_never_from_words(end: dict[str, object], outcome: str, kind: str | None) -> None:
    (frame,) = FrameReader().feed(line(k="end", n=1, run="r", **end))
    assert isinstance(frame, frames.End)
    found = translate.run_end(frame)
    assert found.outcome == outcome
    assert (found.failure.kind if found.failure else None) == kind


def test_the_end_of_a_run_is_asked_for_again_until_it_is_stored() -> None:
    """Events and end arrive together; a server that dies after the events are stored, and before the end is, needs the end once more."""
    read = FrameReader().feed(line(k="text", n=7, run="r", t="last word") + line(k="end", n=8, run="r", outcome="completed"))
    batch = translate.batch("s", read)  # type: ignore[arg-type]
    assert (batch.events, batch.mark) == ([Token(text="last word")], 7)
    assert batch.end is not None and batch.end.outcome == "completed"


def test_usage_that_makes_no_sense_counts_as_nothing() -> None:
    assert translate.usage({"input_tokens": None, "estimated_cost": 0.5}).estimated_cost == 0.5
