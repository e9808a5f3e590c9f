"""Figures and the table they make."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

COLUMNS = ("figure", "measured", "reference", "target", "")


@dataclass
class Report:
    """Gathers rows; each is also told on stderr as it comes, because a whole run takes minutes."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    failed: int = 0

    def section(self, title: str) -> None:
        self.rows.append((f"{title} (load {os.getloadavg()[0]:.1f})",))
        sys.stderr.write(f"{title}\n")

    def add(
        self, name: str, value: float, unit: str, *, reference: str = "", at_most: float | None = None, at_least: float | None = None
    ) -> None:
        """One figure. With a bound it passes or fails, and the table says so."""
        target, word = "", ""
        if at_most is not None:
            target, word = f"<= {shown(at_most)}", "pass" if value <= at_most else "FAIL"
        elif at_least is not None:
            target, word = f">= {shown(at_least)}", "pass" if value >= at_least else "FAIL"
        self.failed += word == "FAIL"
        self.rows.append((f"  {name}", f"{shown(value)} {unit}", reference, f"{target} {unit}" if target else "", word))
        sys.stderr.write("  ".join(self.rows[-1]).rstrip() + "\n")

    def table(self) -> str:
        full = [row for row in [COLUMNS, *self.rows] if len(row) > 1]
        widths = [max(len(row[column]) for row in full) for column in range(len(COLUMNS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in [COLUMNS, *self.rows]]
        return "\n".join(lines) + "\n"


def shown(value: float) -> str:
    """Three significant digits, or all before the point."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies; nan if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


def tails(values: Sequence[float]) -> str:
    """p50 and p99 side by side."""
    return f"{shown(median(values))} / {shown(quantile(values, 0.99))}"
