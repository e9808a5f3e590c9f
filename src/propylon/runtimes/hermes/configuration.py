"""The agent's configuration, compared: would an agent of this home be another one now?"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import yaml

_AGENTS_OWN = ("command_allowlist", "_config_version")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def fingerprint(home: Path) -> str:
    """Of config.yaml and .env. What the agent itself writes there, after an "always" for example, does not count."""
    config = _read(home / "config.yaml")
    try:
        parsed = yaml.load(config, _Loader) if config else {}
    except yaml.YAMLError:
        parsed = None
    if isinstance(parsed, dict):
        kept = {str(key): value for key, value in parsed.items() if key not in _AGENTS_OWN}
        config = msgspec.json.encode(kept, enc_hook=str, order="sorted")
    return hashlib.sha256(config + b"\0" + _read(home / ".env")).hexdigest()[:16]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
