"""What a worker is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Spec:
    """What a worker is started with; docs/worker-protocol.md."""

    id: str
    socket: Path
    left: Path
    spill: Path
    token: str
    session: str
    workspace: Path
    idle_s: float = 300.0
    fresh_idle_s: float = 60.0
    unclaimed_s: float = 600.0

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Spec:
        """Raises KeyError, TypeError or ValueError for an unfit spec."""
        return cls(
            id=str(raw["id"]),
            socket=Path(raw["socket"]),
            left=Path(raw["left"]),
            spill=Path(raw["spill"]),
            token=str(raw["token"]),
            session=str(raw["session"]),
            workspace=Path(raw["workspace"]),
            idle_s=float(raw.get("idle_s", 300)),
            fresh_idle_s=float(raw.get("fresh_idle_s", 60)),
            unclaimed_s=float(raw.get("unclaimed_s", 600)),
        )
