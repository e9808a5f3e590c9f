"""Server-sent events out of bytes: the same frames however the bytes are cut, and those of an independent decoder."""

from __future__ import annotations

import itertools

import pytest
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from hypothesis import given
from hypothesis import strategies as st

from propylon.runtimes.gateway import sse
from propylon.runtimes.gateway.sse import Decoder, Frame, TooLong

LINES = st.sampled_from(
    [
        "data: a",
        "data:b",
        "data",
        "data:  c",
        "event: x",
        "event:y",
        "event",
        ": comment",
        "id: 1",
        "retry: 5",
        "",
        "",
        "nonsense: 1",
        "data: é",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=30).map(
    lambda lines: "".join(line + end for line, end in lines) + "data: last\n\n"
)


def decoded(pieces: list[bytes]) -> list[Frame]:
    decoder = Decoder()
    return [frame for piece in pieces for frame in decoder.feed(piece)]


def by_another(text: str) -> list[Frame]:
    lines, decoder, out = SSELineDecoder(), SSEDecoder(), []
    for line in [*lines.decode(text), *lines.flush()]:
        found = decoder.decode(line)
        # The other decoder also gives frames that have only a name, an id or a retry.
        if found is not None:
            out.append(Frame("" if found.event == "message" else found.event, found.data.encode()))
    return out


@given(STREAMS, st.lists(st.integers(0, 400), max_size=8))
def test_a16_however_the_bytes_are_cut_the_frames_are_the_same(text: str, cuts: list[int]) -> None:
    data = text.encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert decoded([data[a:b] for a, b in itertools.pairwise(places)]) == decoded([data])


@given(STREAMS)
def test_a16_the_frames_are_those_of_another_decoder(text: str) -> None:
    ours = [frame for frame in decoded([text.encode()]) if frame.data]
    assert ours == [frame for frame in by_another(text) if frame.data]


def test_a16_lines_of_data_are_joined_and_comments_ids_and_unknown_fields_say_nothing() -> None:
    assert decoded([b": hello\nid: 7\nretry: 10\nfoo: x\nevent: e\ndata: one\ndata:two\ndata\n\n"]) == [Frame("e", b"one\ntwo\n")]


def test_a25_a_name_is_used_up_by_its_frame() -> None:
    assert decoded([b"event: e\ndata: 1\n\ndata: 2\n\nevent: lost\n\ndata: 3\n\n"]) == [Frame("e", b"1"), Frame("", b"2"), Frame("", b"3")]


def test_what_the_end_leaves_unfinished_is_dropped() -> None:
    assert decoded([b"data: 1\n\ndata: 2\n"]) == [Frame("", b"1")]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_a_byte_order_mark_at_the_start_is_skipped(size: int) -> None:
    data = b"\xef\xbb\xbfdata: 1\n\n"
    assert decoded([data[at : at + size] for at in range(0, len(data), size)]) == [Frame("", b"1")]


def test_a_frame_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MOST_BYTES", 1000)
    decoder = Decoder()
    with pytest.raises(TooLong):
        for _ in range(100):
            decoder.feed(b"data: " + b"x" * 100)
