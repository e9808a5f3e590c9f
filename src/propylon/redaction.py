"""Secrets in what leaves: masked before it is shown, logged or cut. Pure. What a secret looks like stands in `holdback.py`.

Redact first, truncate then: half a secret is one too.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from propylon.holdback import LONG, HoldBack, mask, masked

__all__ = ["LONG", "HoldBack", "mask", "masked", "named", "redact", "redacted", "secret_name", "shortened"]

NAME = 64
"""Characters of a name at most that can make its value a secret."""


def redact(text: str, known: Iterable[str] = ()) -> str:
    """The text with everything masked that looks like a secret, and the `known` ones without a trace."""
    for secret in known:
        if secret and secret in text:
            text = text.replace(secret, "***")
    return masked(text)


def shortened(text: str, most: int, known: Iterable[str] = ()) -> str:
    """Redacted, then cut to at most `most` characters."""
    return redact(text, known).strip()[:most]


def redacted(value: Any, known: Iterable[str] = ()) -> Any:
    """JSON with every text in it redacted, also those that their names make secrets; the value itself where nothing is masked."""
    if isinstance(value, str):
        return redact(value, known)
    if isinstance(value, dict):
        fields = {name: named(name, field, known) if isinstance(field, str) else redacted(field, known) for name, field in value.items()}
        return fields if any(fields[name] is not value[name] for name in value) else value
    if isinstance(value, list | tuple):
        items = [redacted(item, known) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def named(name: str, text: str, known: Iterable[str] = ()) -> str:
    """The text under this name, redacted: whole where the name says that it is a secret (`password`, `API_KEY`)."""
    return mask(text) if secret_name(name) and text.strip() and "\n" not in text else redact(text, known)


@lru_cache(maxsize=4096)
def secret_name(name: str) -> bool:
    """Whether what bears this name is a secret, as a key of JSON or in an environment."""
    return len(name) <= NAME and any(masked(sample) != sample for sample in (f'"{name}": "sample"', f"{name}=sample"))
