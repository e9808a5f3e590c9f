"""Pictures that go with a message, as parts of it. What is no picture is named in the text; what does not fit is refused unsent."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from propylon.runtimes.base import Attachment
from propylon.runtimes.failures import RuntimeFailure, failure
from propylon.runtimes.gateway.values import mapping, text

IMAGE_BYTES = 20 * 1024 * 1024
BODY_BYTES = 10_000_000
"""The gateway's own limit of a request."""

Content = str | list[dict[str, Any]]

_MEGA = 1_000_000


def content(said: str, attachments: Iterable[Attachment], roots: Iterable[Path], config: Mapping[str, Any]) -> Content:
    """The message: plain text, or text and picture parts.

    Only files below one of `roots` are read. Reads files: call it off the event loop when there are attachments. Raises RuntimeFailure
    when the pictures cannot fit into a request; a file that cannot be read or is no picture never fails the turn.
    """
    given = list(attachments)
    if not given:
        return said
    places = [root.resolve() for root in roots]
    native = text(mapping(config.get("agent")).get("image_input_mode")).strip().lower() != "text"
    fit, words = [], [said]
    for attachment in given:
        if native and _is_picture(attachment, places):
            fit.append(attachment)
        else:
            words.append(f"[Attached file: {attachment.name} ({attachment.mime or 'unknown type'}, {attachment.size:,} bytes)]")
    _check_size(fit)
    parts = []
    for attachment in fit:
        url = _data_url(attachment)
        if url:
            parts.append({"type": "image_url", "image_url": {"url": url}})
        else:
            words.append(f"[Attached picture that could not be read: {attachment.name}]")
    message = "\n\n".join(words)
    return [{"type": "text", "text": message}, *parts] if parts else message


def check_body(body: bytes) -> None:
    """Raises RuntimeFailure for a request that the gateway would refuse for its size."""
    if len(body) > BODY_BYTES:
        raise RuntimeFailure(
            failure(
                "attachments_too_large",
                message=f"This message and what goes with it take {len(body) / _MEGA:.1f} MB; the gateway takes at most 10 MB.",
            )
        )


def sniffed(head: bytes) -> str:
    """The picture type that the first bytes of a file say, "" for none that is known."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return ""


def _is_picture(attachment: Attachment, places: list[Path]) -> bool:
    """By its size, its place, its type and its first bytes together."""
    try:
        path = attachment.path.resolve()
        size = path.stat().st_size
        if not 0 < size <= IMAGE_BYTES or not any(path.is_relative_to(place) for place in places):
            return False
        with path.open("rb") as file:
            found = sniffed(file.read(16))
    except OSError:
        return False
    said = attachment.mime.strip().lower().replace("image/jpg", "image/jpeg")
    return bool(found) and found == said


def _check_size(fit: list[Attachment]) -> None:
    """Before anything is read: base64 makes three bytes four."""
    sizes = [(_size(attachment) + 2) // 3 * 4 for attachment in fit]
    if sum(sizes) > BODY_BYTES - 64 * 1024:
        names = ", ".join(f"{attachment.name} {size / _MEGA:.1f} MB" for attachment, size in zip(fit, sizes, strict=True))
        raise RuntimeFailure(
            failure("attachments_too_large", message=f"The gateway takes at most 10 MB with one message. Encoded for it: {names}.")
        )


def _size(attachment: Attachment) -> int:
    try:
        return attachment.path.stat().st_size
    except OSError:
        return 0


def _data_url(attachment: Attachment) -> str:
    try:
        data = attachment.path.resolve().read_bytes()
    except OSError:
        return ""
    return f"data:{sniffed(data[:16])};base64,{base64.b64encode(data).decode()}"
