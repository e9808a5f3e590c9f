"""Secrets in text that leaves: masked before it is shown, logged or cut. Pure. What a secret looks like stands in `holdback.py`.

Redact first, truncate then: half a secret is one too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from propylon.holdback import LONG, HoldBack, joined_lead, mask, masked

__all__ = ["LONG", "HoldBack", "joined_lead", "mask", "masked", "redact", "redacted", "shortened"]

_NAMED = "secret: '"
_encode = msgspec.json.Encoder().encode


def redact(text: str, known: Iterable[str] = (), lead: str = "") -> str:
    """The text with everything masked that looks like a secret, and the `known` ones without a trace. `lead`: see `masked`."""
    for secret in known:
        if secret and secret in text:
            text = text.replace(secret, "***")
    return masked(text, lead)


def shortened(text: str, most: int, known: Iterable[str] = ()) -> str:
    """Redacted, then cut to at most `most` characters."""
    return redact(text, known).strip()[:most]


def redacted(value: Any, known: Iterable[str] = ()) -> Any:
    """JSON with every text in it redacted, also what its key makes a secret; the value itself where there is nothing to mask."""
    if isinstance(value, str):
        return redact(value, known)
    if isinstance(value, dict):
        found = {name: _of(name, field, known) for name, field in value.items()}
        return found if any(found[name] is not value[name] for name in found) else value
    if isinstance(value, list | tuple):
        items = [redacted(item, known) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _of(name: object, field: Any, known: Iterable[str]) -> Any:
    if not isinstance(field, str) or not isinstance(name, str):
        return redacted(field, known)
    if "\n" in name or len(name) > 64:
        return redact(field, known)
    return redact(field, known) if "\n" in field else redact(field, known, f'"{name}": "')
