"""Frames as bytes: one JSON object a line, no lone surrogate, long ones cut into parts. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

DELTA_LIMIT = 16 * 1024
"""Characters of one `text` or `reason` frame."""
WHOLE_LIMIT = 256 * 1024
"""Bytes of the largest frame that is sent in one piece."""
PART_SIZE = 128 * 1024
"""Bytes of the frame's JSON in one part."""

Frame = dict[str, Any]


def whole(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates made U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def encode(frame: Frame) -> bytes:
    """The frame as one line of UTF-8, newline included. What JSON does not know becomes its `str`."""
    text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"), default=str)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        return whole(text).encode() + b"\n"


def parts(n: int, run: str, line: bytes, size: int = PART_SIZE) -> Iterator[bytes]:
    """The lines of `part` frames that carry `line` (an encoded frame) in pieces of about `size` bytes, cut between characters."""
    data = memoryview(line)[: len(line) - 1]
    start = 0
    while start < len(data):
        end = min(start + size, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end += 1
        yield encode({"n": n, "k": "part", "run": run, "s": str(data[start:end], "utf-8"), "last": end == len(data)})
        start = end


def shortened(text: str, limit: int) -> str:
    """The text, or its first `limit` bytes of UTF-8 and how many are missing."""
    if len(text) * 4 <= limit:
        return text
    data = whole(text).encode()
    if len(data) <= limit:
        return text
    kept = data[:limit].decode(errors="ignore")
    return f"{kept}\n… {len(data) - len(kept.encode())} more bytes are not shown"


def as_text(value: Any) -> str:
    """A tool's result as text: itself, or its JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
