import os
from pathlib import Path

import pytest

from inference.cpu import (
    cpu_quota,
    describe_machine,
    parse_features,
    read_cpu_flags,
    usable_cores,
    usable_memory,
)

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, ALL),
        ({"cpu.max": "max 100000\n"}, ALL),
        ({"cpu.max": "100000 100000\n"}, 1),
        # A part of a core is rounded down, but one core there always is.
        ({"cpu.max": "190000 100000\n"}, 1),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu.max": "99900000 100000\n"}, ALL),
        ({"cpu.max": "nonsense"}, ALL),
        # cgroup v1.
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, ALL),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
    ],
)
def test_cores_are_those_that_the_container_may_use(
    tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert usable_cores(tmp_path, tmp_path) == cores


def test_features_are_read_from_the_report() -> None:
    report = "CPU : AVX2 = 1 | AVX512_VNNI = 1 | NEON = 0 | OPENMP = 1 | "
    assert parse_features(report) == {"AVX2", "AVX512_VNNI", "OPENMP"}


CPUINFO = """processor\t: 0
model name\t: Some CPU
flags\t\t: fpu sse sse2 avx avx2 fma f16c avx512_vnni
processor\t: 1
flags\t\t: fpu
"""


def test_flags_are_read_in_the_words_of_llama_cpp() -> None:
    assert read_cpu_flags(CPUINFO) == {"AVX2", "FMA", "F16C", "AVX512_VNNI"}
    assert read_cpu_flags("Features\t: fp asimd asimddp i8mm\n") == {"DOTPROD", "MATMUL_INT8"}
    assert read_cpu_flags("") == frozenset()


def test_limits_of_the_groups_above_count_too(tmp_path: Path) -> None:
    own = tmp_path / "cgroup/system.slice/newsmill.service"
    own.mkdir(parents=True)
    (tmp_path / "self").mkdir()
    (tmp_path / "self/cgroup").write_text("1:cpu:/\n0::/system.slice/newsmill.service\n")
    (tmp_path / "meminfo").write_text("MemTotal:       16000 kB\nMemFree: 1 kB\n")
    (own / "cpu.max").write_text("350000 100000")
    (own / "memory.max").write_text("max")
    groups = tmp_path / "cgroup"
    assert cpu_quota(groups, tmp_path) == 3.5
    assert usable_memory(groups, tmp_path) == 16_384_000
    (own.parent / "cpu.max").write_text("150000 100000")
    (own.parent / "memory.max").write_text("1000000")
    assert cpu_quota(groups, tmp_path) == 1.5
    assert usable_memory(groups, tmp_path) == 1_000_000


def test_machine_is_described_by_its_processor(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    machine = describe_machine(tmp_path)
    assert machine.cpu == "Some CPU"
    assert machine.features == ("AVX2", "AVX512_VNNI", "F16C", "FMA")
    assert describe_machine(tmp_path / "nothing").cpu == "unknown"
