"""A profile's config.yaml as far as the gateway bridge is concerned: read when asked, parsed again only when the file has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Mark = tuple[int, int, int]


class Configurations:
    """`home_of` gives a profile's home directory. May be asked from any thread."""

    def __init__(self, home_of: Callable[[str], Path]) -> None:
        self._home_of = home_of
        self._known: dict[Path, tuple[_Mark, Mapping[str, Any]]] = {}
        self._lock = threading.Lock()

    def of(self, profile: str) -> Mapping[str, Any]:
        """Empty for a file that is missing, broken or no mapping."""
        path = self._home_of(profile) / "config.yaml"
        try:
            found = path.stat()
            mark = found.st_mtime_ns, found.st_size, found.st_ino
            with self._lock:
                known = self._known.get(path)
                if known is None or known[0] != mark:
                    known = self._known[path] = mark, _mapping(path.read_bytes())
            return known[1]
        except OSError:
            return {}


def _mapping(data: bytes) -> Mapping[str, Any]:
    try:
        found = yaml.load(data, _Loader)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}
