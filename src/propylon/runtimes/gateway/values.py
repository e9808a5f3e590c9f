"""Values out of JSON that somebody else made: every function takes anything and gives what its name says. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode

Object = Mapping[str, Any]
_NOTHING: Object = {}


def parsed(data: bytes) -> Any:
    """The value that the bytes stand for, with text that UTF-8 can hold; None when they are no JSON."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        # Half a surrogate pair is no Unicode, yet some models send it.
        return _whole(json.loads(data.decode(errors="replace")))
    except (ValueError, RecursionError):
        return None


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {valid(name): _whole(one) for name, one in value.items()}
    return value


def valid(text: str) -> str:
    """The text with U+FFFD for every half of a surrogate pair."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def mapping(value: Any) -> Object:
    return value if isinstance(value, Mapping) else _NOTHING


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Strings only; anything else is no text."""
    return value if isinstance(value, str) else ""


def first_text(found: Object, *names: str) -> str:
    """The first of these fields that holds a non-empty string."""
    return next((value for name in names if isinstance(value := found.get(name), str) and value), "")


def identifier(found: Object, *names: str) -> str:
    """The first of these fields that is there, as text; numbers are identifiers too."""
    for name in names:
        value = found.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def number(value: Any) -> float:
    """A number that is one, or is written as one in a string; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def first_number(found: Object, *names: str) -> float:
    """The first of these fields that is a number other than 0."""
    return next((value for name in names if (value := number(found.get(name)))), 0.0)
