from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inference.kernels import KERNELS, NARROW, WIDE
from newsmill.doctor.check import Status
from newsmill.doctor.machine import (
    judge_clock,
    judge_cores,
    judge_disk,
    judge_features,
    judge_memory,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


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
    check = judge_features(frozenset(machine), frozenset(compiled), kernels=(), width="")
    assert (check.status, bool(check.mend)) == (status, status is not Status.OK)
    assert detail in check.detail


def test_missing_kernels_of_our_own_are_a_warning_where_the_processor_could_run_them() -> None:
    avx2 = frozenset({"AVX2", "FMA", "F16C"})
    for has, width in ((avx2 | {"AVX512_VNNI"}, WIDE), (avx2, NARROW)):
        assert judge_features(has, has, KERNELS, width).status is Status.OK
        for some in ((), ("four_bit",)):
            missing = judge_features(has, has, some, width)
            assert missing.status is Status.WARN
            assert "make clean install" in str(missing.mend)


def test_narrow_kernels_are_a_warning_where_the_processor_could_run_wide_ones() -> None:
    has = frozenset({"AVX2", "FMA", "F16C", "AVX512_VNNI"})
    check = judge_features(has, has, KERNELS, NARROW)
    assert check.status is Status.WARN
    assert check.detail.endswith(f"those for {WIDE} would be faster")


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


@pytest.mark.parametrize(
    ("gigabytes", "status"), [(1, Status.OK), (9, Status.WARN), (11, Status.FAIL)]
)
def test_memory_is_judged_by_what_the_build_needs(gigabytes: int, status: Status) -> None:
    check = judge_memory(gigabytes * 10**9, 10 * 10**9, "gemma with 16 sequences")
    assert check.status is status
    assert check.detail == f"about {gigabytes}.0 GB for gemma with 16 sequences, of 10.0 GB"


def test_quota_of_the_container_is_told() -> None:
    assert "by a quota of 1.5" in judge_cores(1, 8, 0, 1.5).detail
