"""Files that a command writes where the user says: their folders are made, their errors told.

Knows nothing of what is written.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import ConfigError, TransientError


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Make the folders that a file lacks, and tell the body's OSError as one line.

    As TransientError where the disk is full, which is no fault of the path, else as ConfigError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        # What a folder's name meets is another file.
        number = errno.ENOTDIR if isinstance(error, FileExistsError) else error.errno
        reason = os.strerror(number) if number else str(error)
        fault = TransientError if number in (errno.ENOSPC, errno.EDQUOT) else ConfigError
        raise fault(f"{path}: cannot be written: {reason}") from None


def check_output(path: Path) -> None:
    """Find out before long work whether a file can be written after it; ConfigError when not."""
    with writing_to(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, path)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, path)
