"""Secrets in text that was not written by us are masked before it is shown, logged or cut. Pure.

Redact first, truncate then: half a secret is one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONG = 18
"""From this length on a mask keeps the first 6 and the last 4 characters, so that a person can tell which secret it was."""

_PREFIXED = (
    r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{8,}|ghp_[A-Za-z0-9]{8,}|github_pat_[A-Za-z0-9_]{8,}|gh[ousr]_[A-Za-z0-9]{8,}"
    r"|AKIA[A-Z0-9]{12,}|xox[a-z]-[A-Za-z0-9-]{8,}|hf_[A-Za-z0-9]{8,}|SG\.[A-Za-z0-9_.-]{8,})"
)
_KEY_BLOCK = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"
_BEARER = r"(?P<scheme>\b(?:Bearer|Basic)\s+)(?P<token>[A-Za-z0-9._~+/=:-]{4,})"
_NAMED = (
    r"(?P<name>[\"']?\b[A-Za-z0-9_.-]*(?:api[_-]?key|secret|token(?!s)|passw(?:or)?d|credential|access[_-]?key|private[_-]?key)[A-Za-z0-9_.-]*[\"']?"
    r"\s*[=:]\s*)(?P<quote>[\"']?)(?P<value>(?!Bearer\b|Basic\b|\*\*\*)[^\s\"',;&}\)]{4,})"
)

_key_block = re.compile(_KEY_BLOCK, re.DOTALL)
_prefixed = re.compile(_PREFIXED)
_bearer = re.compile(_BEARER, re.IGNORECASE)
_named = re.compile(_NAMED, re.IGNORECASE)


def mask(secret: str) -> str:
    """The secret, recognisable by whoever knows it and useless to anybody else."""
    return f"{secret[:6]}...{secret[-4:]}" if len(secret) >= LONG else "***"


def redact(text: str, known: Iterable[str] = ()) -> str:
    """The text with everything masked that looks like a secret, and the `known` ones without a trace."""
    for secret in known:
        if secret:
            text = text.replace(secret, "***")
    text = _key_block.sub("***", text)
    text = _bearer.sub(lambda found: found["scheme"] + mask(found["token"]), text)
    text = _named.sub(lambda found: found["name"] + found["quote"] + _once(found["value"]), text)
    return _prefixed.sub(lambda found: mask(found[0]), text)


def shortened(text: str, most: int, known: Iterable[str] = ()) -> str:
    """Redacted, then cut to at most `most` characters."""
    return redact(text, known).strip()[:most]


def _once(value: str) -> str:
    """A value that was masked before stays as it is."""
    return value if "..." in value and len(value) <= len("123456...1234") else mask(value)
