"""Verdicts on the machine: processor, cores, disk, clock. All from facts that are given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from inference.cpu import CPU_FLAGS
from inference.kernels import KERNELS, SWITCH, WIDE
from newsmill.doctor.check import Check, fail, ok, warn

GIGABYTE = 10**9

LEAST_DISK_BYTES = 1 * GIGABYTE
"""Postgres stops when its disk is full."""

SCARCE_DISK_BYTES = 5 * GIGABYTE

MOST_MEMORY_SHARE = 0.8
"""Of all memory: the rest is for two servers and the other processes."""

FIRST_PLAUSIBLE = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this software was written."""

LARGEST_SKEW = timedelta(seconds=5)

REBUILD = "compile it on this machine: make clean install"


def judge_features(
    machine: frozenset[str], compiled: frozenset[str], kernels: Sequence[str], width: str
) -> Check:
    """Compare what the processor can do with what llama.cpp and our kernels were compiled for.

    `width` are the instructions that the kernels in use are for.
    """
    known = compiled & frozenset(CPU_FLAGS.values())
    used = ", ".join(sorted(known)) or "no fast instructions"
    if not machine:
        return ok("processor", f"llama.cpp uses {used}; this system does not say what it has")
    if alien := known - machine:
        detail = f"llama.cpp was compiled for {_join(alien)}, which this processor lacks"
        return fail("processor", detail, REBUILD)
    if unused := machine - known:
        detail = f"llama.cpp leaves {_join(unused)} unused, which this processor has"
        return warn("processor", detail, REBUILD)
    if kernels:
        used += f", and kernels of our own for {width}: {', '.join(kernels)}"
    should_be_wide = "AVX512_VNNI" in known
    should_be_all = should_be_wide or known >= {"AVX2", "FMA", "F16C"}
    if should_be_all and set(kernels) != set(KERNELS):
        detail = f"llama.cpp uses {used}; not all of our own kernels are in use"
        return warn("processor", detail, f"unset {SWITCH}, or {REBUILD}")
    if should_be_wide and width != WIDE:
        detail = f"llama.cpp uses {used}; those for {WIDE} would be faster"
        return warn("processor", detail, f"unset {SWITCH}, or {REBUILD}")
    return ok("processor", f"llama.cpp uses {used}")


def judge_cores(usable: int, present: int, threads: int, quota: float | None = None) -> Check:
    """Compare the threads of inference with the cores that this process may use."""
    detail = f"{usable} of {present} cores may be used"
    if quota is not None:
        detail += f", by a quota of {quota:g}"
    if threads > usable:
        detail += f", and inference is set to {threads} threads, which hold each other up"
        return warn("cores", detail, "unset NEWSMILL_INFERENCE__THREADS")
    if usable < 2:
        return warn("cores", detail, "expect half the speed; give it a second core")
    return ok("cores", detail)


def judge_memory(needed: int, usable: int, what: str) -> Check:
    """Compare what an open build takes, about, with the memory there is for all processes."""
    detail = f"about {needed / GIGABYTE:.1f} GB for {what}, of {usable / GIGABYTE:.1f} GB"
    mend = "use a smaller model, fewer sequences (NEWSMILL_INFERENCE__SEQUENCES) or a lower budget"
    if needed > usable:
        return fail("memory", detail, mend)
    if needed > MOST_MEMORY_SHARE * usable:
        return warn("memory", detail, mend)
    return ok("memory", detail)


def judge_disk(free_bytes: int, folder: str) -> Check:
    """Judge the room that is left for the databases, logs and models."""
    detail = f"{free_bytes / GIGABYTE:.1f} GB free for {folder}"
    mend = "make room, or set NEWSMILL_HOME to a larger disk"
    if free_bytes < LEAST_DISK_BYTES:
        return fail("disk", detail, mend)
    if free_bytes < SCARCE_DISK_BYTES:
        return warn("disk", detail, mend)
    return ok("disk", detail)


def judge_clock(ours: datetime, server: datetime | None) -> Check:
    """Judge our clock by the calendar, and by Postgres' clock where there is one.

    Leases and due times are reckoned by Postgres; publication dates in the future and log lines
    out of order are what a wrong clock brings.
    """
    mend = "set the clock, or let an NTP service do it"
    if ours < FIRST_PLAUSIBLE:
        return fail("clock", f"it says {ours:%Y-%m-%d}, which is past", mend)
    if server is None:
        return ok("clock", f"{ours:%Y-%m-%d %H:%M} UTC")
    skew = abs(server - ours)
    detail = f"{ours:%Y-%m-%d %H:%M} UTC, {skew.total_seconds():.1f} s from Postgres"
    return warn("clock", detail, mend) if skew > LARGEST_SKEW else ok("clock", detail)


def _join(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
