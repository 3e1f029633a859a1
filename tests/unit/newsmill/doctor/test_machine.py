from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsmill.doctor.check import Status
from newsmill.doctor.machine import (
    judge_clock,
    judge_cores,
    judge_disk,
    judge_features,
    read_cpu_flags,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

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


@pytest.mark.parametrize(
    ("machine", "compiled", "status", "detail"),
    [
        ({"AVX2"}, {"AVX2", "SSE3", "OPENMP"}, Status.OK, "uses AVX2"),
        ({"AVX2", "AVX512_VNNI"}, {"AVX2"}, Status.WARN, "leaves AVX512_VNNI unused"),
        ({"AVX2"}, {"AVX2", "AVX512"}, Status.FAIL, "AVX512, which this processor lacks"),
        ({"AVX2"}, set(), Status.WARN, "leaves AVX2 unused"),
        (set(), {"AVX2"}, Status.OK, "does not say"),
    ],
)
def test_processor_and_build_of_llama_cpp_should_match(
    machine: set[str], compiled: set[str], status: Status, detail: str
) -> None:
    check = judge_features(frozenset(machine), frozenset(compiled))
    assert (check.status, bool(check.mend)) == (status, status is not Status.OK)
    assert detail in check.detail


@pytest.mark.parametrize(
    ("usable", "threads", "status"),
    [(2, 0, Status.OK), (2, 2, Status.OK), (2, 4, Status.WARN), (1, 0, Status.WARN)],
)
def test_threads_beyond_the_usable_cores_are_a_warning(
    usable: int, threads: int, status: Status
) -> None:
    assert judge_cores(usable, 8, threads).status is status


@pytest.mark.parametrize(
    ("free_bytes", "status"),
    [(50 * 10**9, Status.OK), (4 * 10**9, Status.WARN), (10**8, Status.FAIL)],
)
def test_disk_is_judged_by_the_room_that_is_left(free_bytes: int, status: Status) -> None:
    assert judge_disk(free_bytes, "/data").status is status


@pytest.mark.parametrize(
    ("ours", "server", "status"),
    [
        (NOON, None, Status.OK),
        (NOON, NOON + timedelta(seconds=1), Status.OK),
        (NOON, NOON - timedelta(minutes=3), Status.WARN),
        (datetime(1970, 1, 1, tzinfo=UTC), None, Status.FAIL),
    ],
)
def test_clock_is_judged_by_the_calendar_and_by_postgres(
    ours: datetime, server: datetime | None, status: Status
) -> None:
    assert judge_clock(ours, server).status is status
