"""How a worker stops: told at once, given a bounded time, its unfinished work handed back.

In Celery's soft shutdown (SIGTERM with REMAP_SIGTERM=SIGQUIT) the main process sleeps through
the whole soft timeout, and its children hear of it only when they are ended. Here the children
are told first, so that they take no more work, and the wait ends as soon as they are idle. A
child that is still busy when time is up gets SystemExit in the middle of its task, and
`workers.attempts` gives its claims back. Then Celery says goodbye to Redis, which may take for ever
where Redis does not answer: the worker leaves without. Knows nothing of claims or tasks.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import structlog
from celery.apps.worker import Worker
from celery.exceptions import SecurityWarning
from celery.signals import task_postrun, task_prerun, worker_shutting_down

log = structlog.get_logger(__name__)

POLL_S = 0.05

LEAVE_S = 10.0
"""For the goodbye of a worker none of whose children is busy; it takes 2 to 3 s."""


class StopSign:
    """What a worker's main process and its children share once it is armed, before the fork."""

    def __init__(self) -> None:
        self._raised: mmap.mmap | None = None
        """One byte of shared memory, and no lock: a child killed at a look can hold none."""
        self._busy_file: int | None = None
        """A descriptor of a file without a name."""

    def arm(self) -> None:
        """Make the shared parts. Without them, outside a worker, nothing is ever stopping."""
        self._raised = mmap.mmap(-1, 1)
        self._busy_file, path = tempfile.mkstemp(prefix="newsmill-busy-")
        Path(path).unlink()

    def raise_(self) -> None:
        """Tell the children to take no more work."""
        assert self._raised is not None
        self._raised[0] = 1

    @property
    def is_raised(self) -> bool:
        """Whether this worker is stopping."""
        return self._raised is not None and self._raised[0] == 1

    def set_busy(self, busy: bool) -> None:
        """Say whether this child is at work.

        By a record lock and not by a counter: the kernel lets go of a killed child's lock.
        """
        if self._busy_file is not None:
            fcntl.lockf(self._busy_file, fcntl.LOCK_SH if busy else fcntl.LOCK_UN)

    def is_any_busy(self) -> bool:
        """Whether another process that shares the sign is busy."""
        if self._busy_file is None:
            return False
        try:
            fcntl.lockf(self._busy_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        fcntl.lockf(self._busy_file, fcntl.LOCK_UN)
        return False


stop_sign = StopSign()
"""This worker's."""


@task_prerun.connect
def _begin(**_: Any) -> None:
    stop_sign.set_busy(True)


@task_postrun.connect
def _end(**_: Any) -> None:
    stop_sign.set_busy(False)


@worker_shutting_down.connect
def _see_off(**_: Any) -> None:
    threading.Thread(target=leave_in_time, name="leaving", daemon=True).start()


def leave_in_time() -> None:
    """End this process once it has had its time since a child was busy last."""
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < LEAVE_S:
        time.sleep(POLL_S)
        if stop_sign.is_any_busy():
            idle_since = time.monotonic()
    log.warning("left_without_goodbye", reason="Redis does not answer")
    os._exit(0)


class SoftStoppingWorker(Worker):
    """Celery's worker, but for the wait at the start of a soft shutdown."""

    def on_before_init(self, **options: Any) -> None:
        """Arm the stop sign while there are no children yet."""
        stop_sign.arm()
        with warnings.catch_warnings():
            # As root Celery warns of messages that run code; ours are JSON, and hold only ids.
            warnings.simplefilter("ignore", SecurityWarning)
            super().on_before_init(**options)

    def wait_for_soft_shutdown(self) -> None:
        """Raise the stop sign; wait for idle children, at most the soft timeout."""
        stop_sign.raise_()
        give_up = time.monotonic() + self.app.conf.worker_soft_shutdown_timeout
        while stop_sign.is_any_busy() and time.monotonic() < give_up:
            time.sleep(POLL_S)
