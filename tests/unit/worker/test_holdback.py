"""No piece of text ends inside a secret, however it comes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import propylon.holdback as ours
import propylon.runtimes.hermes.worker.holdback as workers
from propylon.holdback import BLOCK_HELD, HELD, HoldBack, joined_lead, masked

Piece = tuple[str, str]

SECRETS = [
    "sk-fake0123456789abcdefgh",
    "ghp_FAKEfake0123456789",
    "github_pat_11FAKE_fakefake",
    "AKIAFAKEFAKEFAKE1234",
    "xoxb-fake-12345678",
    "hf_fakefakefake",
    "SG.fakefakefa.fakefakefake",
    "Authorization: Bearer fake.fake-12345678",
    'DB_PASSWORD="fake words"',
    "API_SERVER_KEY=fakefake",
    '{"client_secret": "fakefake"}',
    "password: fake1fake",
    "-----BEGIN FAKE PRIVATE KEY-----\nTUlJQkZBS0U=\nfakefake\n-----END FAKE PRIVATE KEY-----",
]
AROUND = [
    " ",
    "\n",
    "a",
    "A",
    "s",
    "sk",
    "-",
    "_",
    ".",
    ":",
    "=",
    '"',
    "'",
    "\\n",
    "(",
    "the ",
    "token",
    "ta",
    "git",
    " basic ",
    ", ",
    "1",
    "***",
]


def out_of(pieces: Iterable[str], hold: HoldBack | None = None) -> list[Piece]:
    hold = hold or HoldBack()
    return [piece for piece in [*(hold.feed(piece) for piece in pieces), hold.end()] if piece[0]]


def shown(pieces: Iterable[Piece]) -> str:
    return "".join(masked(text, lead) for text, lead in pieces)


def merged(pieces: list[Piece], where: Iterable[bool]) -> list[Piece]:
    """Neighbours made one wherever it says so."""
    out: list[Piece] = []
    for (text, lead), merge in zip(pieces, where, strict=False):
        if merge and out:
            before = out.pop()
            out.append((before[0] + text, joined_lead(len(before[0]), before[1], lead)))
        else:
            out.append((text, lead))
    return out


def cut(text: str, sizes: Iterable[int]) -> list[str]:
    out, at = [], 0
    for size in sizes:
        out.append(text[at : at + size])
        at += size
    return [*out, text[at:]]


def test_server_and_worker_have_the_same_table_and_rules() -> None:
    assert workers.HoldBack.feed.__code__.co_filename == ours.__file__ == workers.joined_lead.__code__.co_filename


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "see {} there", "({})", "a\n{}\nb"])
def test_however_a_secret_is_cut_each_piece_masks_by_itself(secret: str, around: str) -> None:
    text = around.format(secret) + ("" if around == "{}" else "\nand more")
    assert masked(text) != text
    ways = [[text], list(text), *([text[:at], text[at:]] for at in range(1, len(text)))]
    for way in ways:
        pieces = out_of(way)
        assert "".join(piece for piece, _ in pieces) == text
        assert shown(pieces) == masked(text)


@given(
    st.lists(st.one_of(st.sampled_from(SECRETS), st.sampled_from(AROUND), st.text(max_size=4)), max_size=9).map("".join),
    st.lists(st.integers(0, 12), max_size=40),
    st.lists(st.booleans(), min_size=100, max_size=100),
)
@example("task-management", [2], [False] * 100)
def test_for_every_text_and_every_cut_pieces_mask_as_the_whole(text: str, sizes: list[int], merges: list[bool]) -> None:
    pieces = out_of(cut(text, sizes))
    assert "".join(piece for piece, _ in pieces) == text
    assert shown(pieces) == masked(text)
    assert shown(merged(pieces, merges + [True] * len(pieces))) == masked(text)


PROSE = """A tokenizer knows 512 tokens: the secret: honesty. Is the password something? Set the API key first, then go on.
Basic access, bearer of news, git and GitHub, xylophones; well-known risk-assessment of task-management, `x = next(y)`.
- a list: one, two
- github.com/some/where, hfs, sky, ghost. So A, B and C: 10:30."""


def test_ordinary_words_leave_with_the_piece_they_came_in() -> None:
    words = [word + " " for word in PROSE.replace("\n", " \n").split(" ")]
    hold = HoldBack()
    assert [hold.feed(word) for word in words] == [(word, "") for word in words]
    hold = HoldBack()
    # A value after a name waits for its end, the first letter of a marker that stands alone for the next one.
    late = [word for word in (" " + word for word in PROSE.split()) if hold.feed(word) != (word, "")]
    assert late == [" honesty.", " Is", " of", " news,", " `x", " ="]
    assert masked(PROSE) == PROSE


def test_a_beginning_waits_only_until_it_is_none() -> None:
    hold = HoldBack()
    assert [hold.feed(piece) for piece in ("see s", "k", "y", " sk", "-1 ")] == [
        ("see ", ""),
        ("", ""),
        ("sky", ""),
        (" ", ""),
        ("sk-1 ", ""),
    ]


def test_what_only_looks_like_a_marker_in_a_word_says_so() -> None:
    assert out_of(["ta", "sk-management"]) == [("ta", ""), ("sk-management", "ta")]
    assert out_of(["it'", "s", " so"]) == [("it'", ""), ("s", "it'"), (" so", "")]


@pytest.mark.parametrize("size", [1, 7, 6000])
def test_an_endless_secret_goes_out_masked_and_its_rest_is_swallowed(size: int) -> None:
    text = "key sk-" + "fake0" * 1000 + " and on"
    pieces = out_of(cut(text, [size] * (len(text) // size)))
    said = "".join(piece for piece, _ in pieces)
    assert shown(pieces) == masked(said)
    assert len(said) < HELD * 2 if size < HELD else said == text
    assert said.endswith(" and on") and "fake0fake0" not in masked(said)


def test_an_endless_run_that_is_no_secret_is_not_held_for_ever() -> None:
    text = "token: " + "a" * 1000
    hold = HoldBack()
    held = len(text) - len("".join(hold.feed(sign)[0] for sign in text))
    assert held <= HELD + 1 and masked(text) == text


@pytest.mark.parametrize("size", [1, 50])
def test_a_key_block_is_masked_from_its_first_line_however_long(size: int) -> None:
    block = "-----BEGIN FAKE PRIVATE KEY-----\n" + "FAKEfake\n" * (BLOCK_HELD // 6) + "-----END FAKE PRIVATE KEY-----"
    text = f"here:\n{block}\nand on"
    pieces = out_of(cut(text, [size] * (len(text) // size)))
    said = "".join(piece for piece, _ in pieces)
    assert shown(pieces) == masked(said) == "here:\n-----BEGIN FAKE PRIVATE KEY-----***-----END FAKE PRIVATE KEY-----\nand on"


def test_an_open_block_is_masked_to_the_end() -> None:
    text = "-----BEGIN FAKE PRIVATE KEY-----\nFAKE\nfake"
    assert shown(out_of(text)) == masked(text) == "-----BEGIN FAKE PRIVATE KEY-----***"


def test_what_is_held_goes_out_when_something_else_comes() -> None:
    hold = HoldBack()
    assert hold.feed("an sk-fake") == ("an ", "")
    assert hold.flush() == ("sk-fake", "") and hold.flush() == ("", "")
    assert hold.end() == ("", "")
