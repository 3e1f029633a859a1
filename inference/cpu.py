"""What the machine gives to inference: cores that this process may use, and instruction sets.

Knows cgroups and llama.cpp's own report; decides nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")

FAST_FEATURES = ("AVX512_VNNI", "AVX_VNNI", "AVX2", "NEON", "MATMUL_INT8")
"""Without any of these a build of llama.cpp is several times slower than the machine."""


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Count the cores this process may use: its affinity, and its container's CPU quota.

    A quota is rounded down: threads beyond it are stopped in turn, and each stop holds up all
    the others at llama.cpp's barriers.
    """
    affinity = len(os.sched_getaffinity(0))
    quota = _read_quota(cgroup)
    return affinity if quota is None else max(1, min(affinity, int(quota)))


def _read_quota(cgroup: Path) -> float | None:
    """Read the quota in cores from cgroup v2 or v1; None when there is none."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text()
        period = (cgroup / "cpu/cpu.cfs_period_us").read_text()
        return None if int(limit) <= 0 else int(limit) / int(period)
    except (OSError, ValueError):
        return None


def parse_features(system_info: str) -> frozenset[str]:
    """Read the instruction sets that llama.cpp was compiled for from its own report."""
    pairs = (part.split("=") for part in system_info.replace(":", "|").split("|") if "=" in part)
    return frozenset(name.strip() for name, value in pairs if value.strip() == "1")
