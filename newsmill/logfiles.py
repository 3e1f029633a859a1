"""Log files of child processes: opened for appending, cut when they grow.

The child writes on while its file is cut: the text is copied away and the file emptied, and the
next write, which appends, begins at its start. A line written in between may be lost; a pipe
through our own process could stop the child instead.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO

LARGEST_BYTES = 10_000_000
KEPT = 3
"""Older logs: `<name>.log.1` is the newest of them."""


def open_log(path: Path) -> BinaryIO:
    """Open a log for a child to append to; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def rotate_log(path: Path, *, largest_bytes: int = LARGEST_BYTES, kept: int = KEPT) -> bool:
    """Move what a log holds to `.1`, `.1` to `.2` and so on, once it is too large."""
    if not path.exists() or path.stat().st_size <= largest_bytes:
        return False
    for number in range(kept - 1, 0, -1):
        older = _numbered(path, number)
        if older.exists():
            older.replace(_numbered(path, number + 1))
    try:
        shutil.copy2(path, _numbered(path, 1))
    except OSError:
        # On a full disk room is worth more than an old log.
        _numbered(path, 1).unlink(missing_ok=True)
    os.truncate(path, 0)
    return True


def read_tail(path: Path, lines: int = 5) -> list[str]:
    """Return the last lines of a log; none when there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8_000))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
