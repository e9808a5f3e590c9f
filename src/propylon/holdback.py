"""What a secret looks like, how it is masked, and text held back until no secret can be cut any more. Pure; standard library only.

Workers load this file by its path (`runtimes/hermes/worker/holdback.py`), because they cannot import Propylon.

No mask reaches over the end of a line, except that of a key block. What stands before a value and makes it a secret (`Bearer `, `API_KEY=`,
the first line of a key block) stays readable and is never held back. A piece of text whose masks depend on what went before it carries that
as its `lead`, so that masking a piece needs nothing but the piece.
"""

from __future__ import annotations

import re

LONG = 18
"""From this length on a mask keeps the first 6 and the last 4 characters, so that a person can tell which secret it was."""
HEAD, TAIL = 6, 4
HELD = 256
"""Characters of one secret that are held back; of a longer one goes out a mask, and the rest is swallowed."""
BLOCK_HELD = 16 * 1024
"""The same for a key block."""
CONTEXT = 200
"""Characters before a piece, on its line, that are looked at."""
NEAR = 40
"""Characters before a piece that say whether it needs more than a glance."""
LARGE = 2048
"""From so many characters on a text is looked at line by line, and only where a glance finds something."""

_PREFIXED = (
    (r"sk-", 3, r"[A-Za-z0-9_-]", 8),
    (r"gh[pousr]_", 4, r"[A-Za-z0-9]", 8),
    (r"github_pat_", 11, r"[A-Za-z0-9_]", 8),
    (r"AKIA", 4, r"[A-Z0-9]", 14),
    (r"xox[a-z]-", 5, r"[A-Za-z0-9-]", 8),
    (r"hf_", 3, r"[A-Za-z0-9]", 8),
    (r"SG\.", 3, r"(?:[A-Za-z0-9_-]|(?<=[A-Za-z0-9_-]{6})\.(?=[A-Za-z0-9_-]|\Z))", 6),
)
"""A marker, its size, the characters that follow it, and how many of them at least."""


def _letters(word: str) -> str:
    """The word in any case. Spelled out, because a search is quick where it knows the first letters."""
    return "".join(f"[{sign.upper()}{sign}]" if sign.isalpha() else sign for sign in word)


def _at_edge(marker: str) -> str:
    """Behind a marker: it begins a word. The line ends of JSON text, a backslash and a letter, are part of no word."""
    return rf"(?:(?<![A-Za-z0-9]{marker})(?<![A-Za-z]['\u2019]{marker})|(?<=\\[nrt]{marker}))"


def _after_apostrophe(marker: str) -> str:
    """Behind a marker: it follows an apostrophe in a word (`it's`). The mask shows its beginning, so that such words need not wait."""
    return rf"(?<=[A-Za-z]['\u2019]{marker})"


def _prefixed(marker: str, size: int, run: str, least: int) -> str:
    return rf"{marker}(?:{_at_edge(marker)}{run}{{{least},}}|{_after_apostrophe(marker)}{run}{{{max(least, LONG - size)},}})"


_words = ("api[_-]?key", "access[_-]?key", "private[_-]?key", "secret", "token", "passwd", "password", "passphrase", "credentials?")
_NAME = rf"(?:{'|'.join(map(_letters, _words))})(?:[_-]?(?:{'|'.join(map(_letters, ('key', 'secret', 'token', 'hash')))}))?"
_ENV = (
    r"(?:API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|[A-Z0-9]_KEY)"
    r"(?:_(?:KEY|SECRET|TOKEN|BASE|HASH|ACCESS)){0,3}="
)
_GAP = r"[ \t]{0,4}"
_IS = rf"{_GAP}[:=]{_GAP}"
_QUOTE = r"\\?[\"']"
_PLAIN = r"[^\s\"'`,;&|<>(){}\[\]\\]"
"""A character of a value without quotes."""
_VALUE = r"(?!(?:None|null|undefined|[Tt]rue|[Ff]alse)(?![A-Za-z0-9_])|https?:|[/.~$<{*])"
"""Where a value begins: not a word of a language, an address, a path or a place for a value."""
_TELLING = rf"(?={_PLAIN}{{0,250}}?[0-9])(?={_PLAIN}{{0,250}}?[A-Za-z])"
_CREDENTIAL = r"[A-Za-z0-9._~+/=-]"
_BLOCK = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
_BLOCK_END = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----"
_AUTHORIZATION = rf"{_letters('authorization')}(?:{_QUOTE})?{_IS}(?:{_QUOTE})?[A-Za-z]{{3,12}}[ \t]{{1,4}}"
_BEARER = r"[Bb](?:earer|EARER)[ \t]{1,4}"
_ON_LINE = r"\\\n"
_IN_WORD = r"\\\s"
_MASKED = "123456...1234"


def _quoted(without: str, least: int) -> str:
    """A value in quotes; those of JSON inside JSON have a backslash. A closing quote is not waited for: half a secret is one too."""
    return "|".join(rf"\\?{quote}(?![$*])([^{quote}{without}]{{{least},}})" for quote in "\"'")


_secret = re.compile(
    "|".join(
        (
            rf"{_BLOCK}(?P<block>(?=.)(?!{_BLOCK_END}).*?(?={_BLOCK_END}|\Z))",
            rf"{_AUTHORIZATION}({_CREDENTIAL}{{4,}})",
            rf"{_BEARER}((?={_CREDENTIAL}{{0,250}}?[0-9]){_CREDENTIAL}{{8,}}|{_CREDENTIAL}{{20,}})",
            rf"{_ENV}(?:{_quoted(_ON_LINE, 4)}|({_VALUE}{_PLAIN}{{4,}}+(?![(\[])))",
            rf"{_NAME}{_QUOTE}{_IS}(?:{_quoted(_ON_LINE, 4)})",
            rf"{_NAME}{_IS}(?:{_quoted(_IN_WORD, 6)}|({_VALUE}{_TELLING}{_PLAIN}{{6,}}+(?![(\[])))",
            *(_prefixed(*each) for each in _PREFIXED),
        )
    ),
    re.DOTALL,
)
"""Its one group that matched is the secret; the whole match where none did."""

_markers = ("sk-", *(f"gh{kind}_" for kind in "pousr"), "github_pat_", "AKIA", "xox", "hf_", "SG.")
_LATER = {"AKIA": 2, "github_pat_": HEAD + 1}
"""The masks of these show the first letters in any case, so that `A` and `github`, which are words, need not wait for what follows."""


def _beginning(text: str) -> str:
    """A beginning of a marker at the end of a text."""
    edge = _at_edge(text) if len(text) == 1 else rf"(?:{_at_edge(text)}|{_after_apostrophe(text)})"
    return rf"{text}{edge}\Z"


_begun = {re.escape(marker[:size]) for marker in _markers for size in range(_LATER.get(marker, 1), len(marker) + 1)} | {"xox[a-z]"}
_START = "|".join(map(_beginning, sorted(_begun)))
_open = re.compile(
    "|".join(
        (
            rf"{_AUTHORIZATION}({_CREDENTIAL}+)\Z",
            rf"{_BEARER}({_CREDENTIAL}+)\Z",
            rf"(?:{_ENV}|{_NAME}{_QUOTE}{_IS})(?:\\?\"([^\"{_ON_LINE}]+)|\\?'([^'{_ON_LINE}]+))\Z",
            rf"{_NAME}{_IS}(?:\\?\"([^\"{_IN_WORD}]+)|\\?'([^'{_IN_WORD}]+))\Z",
            rf"(?:{_ENV}|{_NAME}{_IS})({_PLAIN}+)\Z",
            *(rf"{marker}(?:{_at_edge(marker)}|{_after_apostrophe(marker)}){run}*\Z" for marker, _, run, _ in _PREFIXED),
            _START,
        )
    )
)
"""What may become a secret yet, or a longer one, at the end of a text; the secret is found as in `_secret`."""
_start = re.compile(_START)
_inside = re.compile(
    "|".join(sorted(re.escape(marker[:size]) + r"\Z" for marker in _markers for size in range(1, len(marker))))
    + "|"
    + "|".join(map(re.escape, _markers))
)
"""What would look like a marker, or could with what follows, if it stood at the beginning of a word."""
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_begun_words = frozenset(marker[:size] for marker in _markers for size in range(_LATER.get(marker, 1), len(marker) + 1))
_FIRST = frozenset(marker[0] for marker in _markers)
_MARKS = ("sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_", "akia", "xox", "hf_", "sg.", "bearer", "-----")
_NAMES = ("key", "secret", "token", "passw", "passphr", "credent", "authoriz")
_block = re.compile(_BLOCK)
_block_end = re.compile(_BLOCK_END)


def _may_begin(text: str) -> bool:
    """Whether the end of the text may be the beginning of a marker. Cheap; longer beginnings are `suspicious`."""
    return text[len(text.rstrip(_WORD)) :] in _begun_words or ("\\" in text and _start.search(text) is not None)


def mask(secret: str) -> str:
    """The secret, recognisable by whoever knows it and useless to anybody else. A mask is masked as it is."""
    if len(secret) < LONG:
        return secret if len(secret) == len(_MASKED) and secret[HEAD:-TAIL] == "..." else "***"
    return f"{secret[:HEAD]}...{secret[-TAIL:]}"


def suspicious(text: str) -> bool:
    """Whether a secret may be in the text. Cheap, for almost all text has none."""
    low = text.lower()
    for mark in _MARKS:
        if mark in low:
            return True
    if "=" in low or ":" in low:
        for name in _NAMES:
            if name in low:
                return True
    return False


def masked(text: str, lead: str = "") -> str:
    """The text with every secret masked. `lead` is what stands before it and is not part of the answer."""
    whole = lead + text if lead else text
    if not suspicious(whole):
        return text
    if len(text) > LARGE and not lead and ("\n" in text or "\\n" in text) and not _block.search(text):
        # No mask reaches over the end of a line, nor over one in JSON text.
        return "\n".join("\\n".join(map(masked, line.split("\\n"))) if len(line) > LARGE else masked(line) for line in text.split("\n"))
    at = start = len(lead)
    out: list[str] = []
    for begin, end, block in _found(whole):
        if end > start:
            shown = "***" if block else mask(whole[begin:end])
            out += [whole[at:begin], shown[max(0, start - begin) :]]
            at = end
    return text if not out else "".join(out) + whole[at:]


def _found(text: str) -> list[tuple[int, int, bool]]:
    """Begin and end of every secret, and whether it is a key block."""
    return [(*found.span(found.lastindex or 0), found.lastgroup == "block") for found in _secret.finditer(text)]


def joined_lead(size: int, lead: str, next_lead: str) -> str:
    """The lead of two neighbouring pieces made one; the first has `size` characters."""
    before = next_lead[:-size] if size else next_lead
    return max(lead, before, key=len)


class HoldBack:
    """One stretch of text that comes in pieces, and goes out in pieces that end inside no secret.

    What `feed`, `flush` and `end` give is a piece, which may be "", and its lead. Joined, the pieces are what came in, except where a
    secret is longer than `HELD` or a key block than `BLOCK_HELD`.
    """

    def __init__(self) -> None:
        self._line = ""
        self._held = ""
        self._in_block = False
        self._swallowing: tuple[str, int, bool] | None = None

    def feed(self, text: str) -> tuple[str, str]:
        """What can go out now."""
        if not self._held and self._swallowing is None and text:
            near = self._line[-NEAR:] + text
            if not _may_begin(near) and not suspicious(near):
                lead = self._line[-3:] if text[0] in _FIRST and self._is_inside(text) else ""
                self._remember(text)
                return text, lead
        return self._looked_at(text)

    def flush(self) -> tuple[str, str]:
        """All that is held, because something else comes between."""
        piece, self._held, self._in_block = self._held, "", False
        return piece, self._out(piece)

    def end(self) -> tuple[str, str]:
        """All that is held, at the end of the stretch; what is fed then begins a new one."""
        last = self.flush()
        self._line, self._swallowing = "", None
        return last

    def _looked_at(self, text: str) -> tuple[str, str]:
        if self._swallowing is not None:
            text = self._left_of(text, *self._swallowing)
        self._held += text
        if self._in_block:
            if not _block_end.search(self._held, max(0, len(self._held) - len(text) - CONTEXT)):
                return self._overflow() if len(self._held) > BLOCK_HELD else ("", "")
            self._in_block = False
        cut = self._cut()
        piece, self._held = self._held[:cut], self._held[cut:]
        lead = self._out(piece)
        if len(self._held) > (BLOCK_HELD if self._in_block else HELD):
            more, further = self._overflow()
            return piece + more, joined_lead(len(piece), lead, further)
        return piece, lead

    def _cut(self) -> int:
        """How much of what is held can go out."""
        base, whole = len(self._line), self._line + self._held
        found = _found(whole)
        if found and found[-1][2] and not _block_end.search(whole, found[-1][0]):
            self._in_block = True
            return max(0, found[-1][0] - base)
        still = _open.search(whole)
        at = still.start(still.lastindex or 0) if still else len(whole)
        return max(0, next((begin for begin, end, _ in found if begin < at < end), at) - base)

    def _overflow(self) -> tuple[str, str]:
        """What is held, masked if it is a secret as it stands: then the rest of it is swallowed."""
        base, whole = len(self._line), self._line + self._held
        piece, self._held, in_block, self._in_block = self._held, "", self._in_block, False
        begin, end, block = next(iter(_found(whole)[-1:]), (0, 0, False))
        if end == len(whole):
            shown = "***" if block else mask(whole[begin:])
            piece = piece[: max(0, begin - base)] + shown[max(0, base - begin) :]
            self._swallowing = (whole[:begin] + "***" if in_block else whole, begin, block)
        return piece, self._out(piece)

    def _left_of(self, text: str, before: str, begin: int, block: bool) -> str:
        """What does not belong to the secret that is being swallowed. Of a key block its last line is left, which ends its mask."""
        whole = before + text
        if block:
            last = _block_end.search(whole, begin)
            self._swallowing = (before[: begin + 3] + whole[begin + 3 :][-CONTEXT:], begin, True) if last is None else None
            return whole[last.start() :] if last else ""
        end = next((end for start, end, _ in _found(whole) if start == begin), len(before))
        if end < len(whole):
            self._swallowing = None
        return whole[end:]

    def _out(self, piece: str) -> str:
        """The lead of a piece that goes out now."""
        line, inside = self._line, self._is_inside(piece)
        self._remember(piece)
        if not line or not piece:
            return ""
        if suspicious(line[-NEAR:] + piece) and masked(piece, line) != masked(piece):
            return line
        return line[-3:] if inside else ""

    def _is_inside(self, piece: str) -> bool:
        """Whether the piece looks like a marker, or its beginning, and only what stands before it shows that it is none."""
        last = self._line[-1:]
        return (last.isalnum() or last in ("'", "\u2019")) and _inside.match(piece) is not None

    def _remember(self, piece: str) -> None:
        at = piece.rfind("\n")
        line = self._line + piece if at < 0 else piece[at + 1 :]
        self._line = line if len(line) <= CONTEXT else line[-CONTEXT:]
