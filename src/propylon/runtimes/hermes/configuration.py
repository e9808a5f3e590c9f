"""The agent's configuration, compared: would an agent of this home be another one now?"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import yaml

FILES = ("config.yaml", ".env")
_AGENTS_OWN = ("command_allowlist", "_config_version")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Configurations:
    """Remembers fingerprints: most turns find the files as the turn before did."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[_Mark, ...], str]] = {}

    def fingerprint(self, home: Path) -> str:
        """As `fingerprint`, at the cost of two looks at the directory while nothing changed."""
        marks = tuple(_mark(home / name) for name in FILES)
        known = self._known.get(home)
        if known is None or known[0] != marks:
            known = self._known[home] = marks, fingerprint(home)
        return known[1]


def fingerprint(home: Path) -> str:
    """Of config.yaml and .env. What the agent itself writes there, after an "always" for example, does not count."""
    config, environment = (_read(home / name) for name in FILES)
    try:
        parsed = yaml.load(config, _Loader) if config else {}
    except yaml.YAMLError:
        parsed = None
    if isinstance(parsed, dict):
        kept = {str(key): value for key, value in parsed.items() if key not in _AGENTS_OWN}
        config = msgspec.json.encode(kept, enc_hook=str, order="sorted")
    return hashlib.sha256(config + b"\0" + environment).hexdigest()[:16]


_Mark = tuple[int, int, int] | None


def _mark(path: Path) -> _Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
