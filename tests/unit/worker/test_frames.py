from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from propylon.runtimes.hermes.worker import frames

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


def test_lone_surrogates_are_replaced_wherever_they_are() -> None:
    line = frames.encode({"k": "tool", "args": {"a\ud800": ["\udfff", {"b": "ok\ud83d\ude00"}]}})
    assert json.loads(line.decode()) == {"k": "tool", "args": {"a\ufffd": ["\ufffd", {"b": "ok😀"}]}}
    assert frames.whole("a\ud800b") == "a\ufffdb" and frames.whole("fine") == "fine"


@given(ANY_TEXT)
def test_any_text_becomes_one_line_of_utf8(text: str) -> None:
    line = frames.encode({"k": "text", "t": text})
    assert line.count(b"\n") == 1 and json.loads(line.decode())["t"] == frames.whole(text)


@given(ANY_TEXT, st.integers(1, 50))
def test_parts_joined_are_the_frame(text: str, size: int) -> None:
    line = frames.encode({"n": 7, "k": "text", "run": "r", "t": text})
    pieces = [json.loads(part.decode()) for part in frames.parts(7, "r", line, size)]
    assert "".join(piece["s"] for piece in pieces).encode() == line[:-1]
    assert [piece["last"] for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert {(piece["n"], piece["k"], piece["run"]) for piece in pieces} == {(7, "part", "r")}


def test_results_that_are_not_text_become_json() -> None:
    assert frames.as_text("x") == "x" and frames.as_text({"a": "é"}) == '{"a": "é"}'
