"""Kernel locks: who may start the servers, who uses them, and whether one is alive.

All are `flock` locks. The kernel lets go of them when their holders die in any way, a power cut
included, so there is never a stale lock to clear, and no process id has to be believed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold_start_lock(home: Path) -> Iterator[None]:
    """Wait until nobody else starts or stops servers in this home, and keep it so."""
    descriptor = open_lock(home / "start.lock")
    try:
        take_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


class UserLock:
    """A share in the running servers. Take it and give it back under the start lock only."""

    def __init__(self, home: Path) -> None:
        self._descriptor = open_lock(home / "users.lock")
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Tell whether nobody else holds a share."""
        return try_lock(self._descriptor)

    def give_back(self) -> None:
        os.close(self._descriptor)


def open_lock(path: Path) -> int:
    """Open a lock file; programs that we start do not inherit it unless it is passed on."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def take_lock(descriptor: int) -> None:
    """Take a lock for us alone, as soon as nobody else has it."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def try_lock(descriptor: int) -> bool:
    """Take a lock for us alone if that needs no waiting."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
