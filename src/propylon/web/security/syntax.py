"""Requests that two readers could understand differently, or that are larger than any of ours. Pure."""

from __future__ import annotations

import re

from propylon.web.security.caller import RawHeaders
from propylon.web.security.refusal import Refusal

MOST_HEADERS = 100
MOST_HEADER_BYTES = 16 * 1024
_CONTROL = re.compile(rb"[\x00-\x20\x7f]")
_ONCE = (b"content-length", b"transfer-encoding", b"content-type", b"authorization", b"origin")


def malformed(target: bytes, headers: RawHeaders) -> Refusal | None:
    """`target` is the request target as it was sent: path and query."""
    headers = list(headers)
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) + 4 for name, value in headers) > MOST_HEADER_BYTES:
        return Refusal(431, "headers", "The request has more headers than this server takes", closes=True)
    if not target.startswith(b"/") or target.startswith(b"//") or len(target) > MOST_HEADER_BYTES:
        return _malformed("The request target must be a path")
    if _CONTROL.search(target):
        return _malformed("The request target has characters that no path has")
    names = [name for name, _ in headers]
    if names.count(b"host") != 1:
        return _malformed("The request must have one Host header")
    if any(names.count(name) > 1 for name in _ONCE):
        return _malformed("A header that may stand once stands twice")
    if b"content-length" in names and b"transfer-encoding" in names:
        return _malformed("The request states its length in two ways")
    for name, value in headers:
        if name == b"content-length" and not (value.isdigit() and len(value) < 20):
            return _malformed("The length of the request is no number")
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            return _malformed("The transfer encoding is not one of ours")
    return None


def _malformed(sentence: str) -> Refusal:
    return Refusal(400, "malformed", sentence, closes=True)
