import os
from pathlib import Path

import pytest

from inference.cpu import parse_features, usable_cores

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
    assert usable_cores(tmp_path) == cores


def test_features_are_read_from_the_report() -> None:
    report = "CPU : AVX2 = 1 | AVX512_VNNI = 1 | NEON = 0 | OPENMP = 1 | "
    assert parse_features(report) == {"AVX2", "AVX512_VNNI", "OPENMP"}
