"""One closing line for every task: its status, its facts, and the time of each phase.

A worker's child runs one task at a time, so the journal of the task at hand is a module-level
value. Facts are ids and counts, never bodies.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from celery import Task
from celery.signals import task_failure, task_postrun, task_prerun

log = structlog.get_logger(__name__)


class Journal:
    """What one task has done so far."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.phases_s: dict[str, float] = {}
        self.facts: dict[str, Any] = {}

    def write(self, status: str) -> None:
        """Write the closing line."""
        total_s = time.perf_counter() - self.began
        times = {f"{name}_ms": round(spent * 1000, 1) for name, spent in self.phases_s.items()}
        log.info(
            "task_done", status=status, total_ms=round(total_s * 1000, 1), **times, **self.facts
        )


_journal = Journal()


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Add the time that the body takes to a phase of the task at hand."""
    began = time.perf_counter()
    try:
        yield
    finally:
        spent = time.perf_counter() - began
        _journal.phases_s[name] = _journal.phases_s.get(name, 0.0) + spent


def count(**numbers: int) -> None:
    """Add numbers to the facts of the task at hand."""
    for name, number in numbers.items():
        _journal.facts[name] = _journal.facts.get(name, 0) + number


def start_journal() -> None:
    """Begin a new journal: for a task, and for a command that does a task's work itself."""
    global _journal  # noqa: PLW0603  # One task at a time, see above.
    _journal = Journal()


def current_facts() -> dict[str, Any]:
    """Return what the task at hand has counted so far."""
    return dict(_journal.facts)


@task_prerun.connect
def _open(task_id: str, task: Task, **_: Any) -> None:
    start_journal()
    structlog.contextvars.bind_contextvars(task_id=task_id, task_name=task.name)


@task_postrun.connect
def _close(state: str | None = None, **_: Any) -> None:
    _journal.write((state or "unknown").lower())
    structlog.contextvars.unbind_contextvars("task_id", "task_name")


@task_failure.connect
def _note_failure(exception: BaseException, **_: Any) -> None:
    # An attempt's error is noted with its claim; what arrives here is the task's own.
    log.error("task_failed", exc_info=exception)
