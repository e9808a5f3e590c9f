"""Server-sent events out of bytes, however they were cut on the way. Pure, total, and quick on the frames that gateways send.

Follows the HTML standard: lines end with LF, CR or CRLF; `data` lines of one frame are joined with LF; comments, `id` and `retry` say
nothing here; a frame without data is none; what the stream's end leaves unfinished is dropped; one byte order mark at the start is skipped.
"""

from __future__ import annotations

from typing import NamedTuple

MOST_BYTES = 32 * 1024 * 1024
"""Of one frame. More is no frame of a gateway, and must not fill our memory."""


class TooLong(ValueError):
    """A frame grew beyond what any gateway sends."""


class Frame(NamedTuple):
    """`event` is "" for a frame without a name."""

    event: str
    data: bytes


class Decoder:
    def __init__(self) -> None:
        self._rest = b""
        self._began = False
        self._carriage = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now. Raises TooLong."""
        if self._carriage:
            # The last piece ended with CR, which was taken for the whole end of a line; its LF is the rest of that end.
            self._carriage = False
            if data.startswith(b"\n"):
                data = data[1:]
        data = self._rest + data if self._rest else data
        if not self._began and data:
            if len(data) < 3 and b"\xef\xbb\xbf".startswith(data):
                self._rest = data
                return []
            self._began = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        if b"\r" in data:
            self._carriage = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, self._rest = data.split(b"\n\n")
        if len(self._rest) > MOST_BYTES:
            raise TooLong(f"one event of the stream is longer than {MOST_BYTES // 1024 // 1024} MiB")
        return [frame for block in blocks if (frame := _frame(block)) is not None]


def _frame(block: bytes) -> Frame | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return Frame("", block[6:])
    event = b""
    found: list[bytes] = []
    for line in block.split(b"\n"):
        name, colon, value = line.partition(b":")
        if not name:
            continue
        value = value[1:] if colon and value.startswith(b" ") else value
        if name == b"data":
            found.append(value)
        elif name == b"event":
            event = value
    return Frame(event.decode(errors="replace"), b"\n".join(found)) if found else None
