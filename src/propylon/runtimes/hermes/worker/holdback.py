"""The `holdback.py` of Propylon, which is standard library only, loaded by its path: a worker cannot import Propylon, and one table of what
looks like a secret serves both."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ....holdback import HoldBack as HoldBack
    from ....holdback import joined_lead as joined_lead
else:
    _spec = importlib.util.spec_from_file_location("propylon_holdback", Path(__file__).resolve().parents[3] / "holdback.py")
    _module = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)
    HoldBack, joined_lead = _module.HoldBack, _module.joined_lead
