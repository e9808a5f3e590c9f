from __future__ import annotations

import importlib.util

if importlib.util.find_spec("run_agent") is None:
    collect_ignore_glob = ["test_*.py"]
