"""What every benchmark ends with: a table for people and a JSON file for comparisons."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Measure:
    """One number of a benchmark."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    """The goal, if there is one: one of the two."""

    @property
    def verdict(self) -> str:
        """Whether the goal is met; empty where there is none."""
        if self.at_least is not None:
            return f"{'met' if self.value >= self.at_least else 'MISSED'}: ≥ {self.at_least:,g}"
        if self.at_most is not None:
            return f"{'met' if self.value <= self.at_most else 'MISSED'}: ≤ {self.at_most:,g}"
        return ""


def report(name: str, measures: Sequence[Measure], setting: dict[str, Any]) -> Path:
    """Print the table and write `bench/results/<name>.json`; returns the file's path."""
    table = Table("measure", "value", "unit", "goal", title=f"bench.{name}")
    for measure in measures:
        table.add_row(measure.name, f"{measure.value:,.6g}", measure.unit, measure.verdict)
    console = Console()
    console.print(table)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    result = {
        "bench": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg(), "cpu": _name_cpu()},
        "setting": setting,
        "measures": [asdict(measure) for measure in measures],
    }
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {path}", soft_wrap=True)
    return path


def _name_cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
