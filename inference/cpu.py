"""What the machine gives to inference: cores, memory and instruction sets.

Knows cgroups, /proc and llama.cpp's own report; decides nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
PROC = Path("/proc")

SPINS_VARIABLE = "GOMP_SPINCOUNT"
"""libgomp reads it when it is loaded, which is with llama.cpp."""

CPU_FLAGS = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
}
"""The kernel's names for instruction sets, and llama.cpp's."""


@dataclass(frozen=True)
class Machine:
    """What decides how fast a model is here."""

    cpu: str
    features: tuple[str, ...]
    cores: int
    """That this process may use."""


def describe_machine(proc: Path = PROC) -> Machine:
    """Describe this machine without loading llama.cpp."""
    cpuinfo = (proc / "cpuinfo").read_text() if (proc / "cpuinfo").exists() else ""
    names = [
        line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line[:10] == "model name"
    ]
    features = tuple(sorted(read_cpu_flags(cpuinfo)))
    return Machine(names[0] if names else "unknown", features, usable_cores())


def usable_cores(cgroup: Path = CGROUP, proc: Path = PROC) -> int:
    """Count the cores this process may use: its affinity, and its container's CPU quota.

    A quota is rounded down: threads beyond it are stopped in turn, and each stop holds up all
    the others at llama.cpp's barriers.
    """
    affinity = len(os.sched_getaffinity(0))
    quota = cpu_quota(cgroup, proc)
    return affinity if quota is None else max(1, min(affinity, int(quota)))


def cpu_quota(cgroup: Path = CGROUP, proc: Path = PROC) -> float | None:
    """Give the CPU quota in cores, the smallest on the way up; None where there is none."""
    quotas = [quota for folder in _list_groups(cgroup, proc) if (quota := _read_quota(folder))]
    return min(quotas, default=None)


def usable_memory(cgroup: Path = CGROUP, proc: Path = PROC) -> int:
    """Give the bytes of memory this process may use: the machine's, or its container's limit."""
    limits = [_read_number(proc / "meminfo", "MemTotal:", 1024)]
    for folder in _list_groups(cgroup, proc):
        limits.append(_read_number(folder / "memory.max"))
        limits.append(_read_number(folder / "memory/memory.limit_in_bytes"))
    return min((limit for limit in limits if limit is not None), default=0)


def resident_bytes(proc: Path = PROC) -> int:
    """Give the memory that this process has in use."""
    return _read_number(proc / "self/status", "VmRSS:", 1024) or 0


def limit_spinning(spins: int | None) -> None:
    """Let this process's OpenMP threads look so often before they sleep; None: as libgomp has it.

    To be called before llama.cpp is loaded; what the environment says already wins.
    """
    if spins is not None and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault(SPINS_VARIABLE, str(spins))


def read_cpu_flags(cpuinfo: str) -> frozenset[str]:
    """Read from /proc/cpuinfo what the first core can do, in llama.cpp's words."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(CPU_FLAGS[flag] for flag in value.split() if flag in CPU_FLAGS)
    return frozenset()


def parse_features(system_info: str) -> frozenset[str]:
    """Read the instruction sets that llama.cpp was compiled for from its own report."""
    pairs = (part.split("=") for part in system_info.replace(":", "|").split("|") if "=" in part)
    return frozenset(name.strip() for name, value in pairs if value.strip() == "1")


def _list_groups(cgroup: Path, proc: Path) -> Iterator[Path]:
    """Give the folders of this process's cgroup and of those above it.

    In a container, its own group is the root of what it sees; a systemd service lies deeper.
    """
    yield cgroup
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    own = next((line[3:] for line in lines if line.startswith("0::/")), "/").strip("/")
    folder = cgroup
    for part in own.split("/") if own else ():
        folder /= part
        yield folder


def _read_quota(folder: Path) -> float | None:
    """Read a group's quota in cores from cgroup v2 or v1; None when there is none."""
    try:
        limit, period = (folder / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        limit = (folder / "cpu/cpu.cfs_quota_us").read_text()
        period = (folder / "cpu/cpu.cfs_period_us").read_text()
        return None if int(limit) <= 0 else int(limit) / int(period)
    except (OSError, ValueError):
        return None


def _read_number(path: Path, label: str = "", unit: int = 1) -> int | None:
    """Read the first whole number of a file, or of its line that begins with a label."""
    try:
        lines = path.read_text().splitlines()
        line = next(line for line in lines if line.startswith(label))
        return int(line.removeprefix(label).split()[0]) * unit
    except (OSError, ValueError, StopIteration, IndexError):
        return None
