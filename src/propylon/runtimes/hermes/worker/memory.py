"""This process's own memory."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys
import time
from pathlib import Path

_CACHE_S = 10.0
_last: tuple[float, int] = (0.0, 0)


def own_memory() -> int:
    """Bytes that would be free without this process (private pages); the largest resident size where the system does not say."""
    global _last
    now = time.monotonic()
    if _last[1] and now - _last[0] < _CACHE_S:
        return _last[1]
    _last = (now, _measure())
    return _last[1]


def give_back() -> None:
    """Return what is not used any more to the system. Cycles of objects would wait for the interpreter's own rare collection, and the C
    library keeps freed pages for every thread that ever was; the agent makes one for each call of a model."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _measure() -> int:
    try:
        text = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(("Private_Clean", "Private_Dirty")))
