"""Source files on disk: open them, and tell whether they changed since they were last read.

Knows no formats. A stamp (size and time of change) stands in for a server's Last-Modified, and a
fingerprint of the first bytes for an ETag: a file that only grew is read on from its position,
one that was replaced is read anew.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ingest.batches import SourceState
from schemas.errors import PermanentError, TransientError

HEAD_BYTES = 512


@dataclass(frozen=True)
class FileStatus:
    """A file as it is now: `stamp` changes with any write, `head` when it is another file."""

    stamp: str
    head: str

    def is_read(self, state: SourceState) -> bool:
        """Tell whether nothing was written since the state was kept."""
        return state.last_modified == self.stamp

    def resume(self, state: SourceState) -> SourceState:
        """Give the state to read on from: the old position if this is still the same file."""
        position = state.position if state.etag == self.head else 0
        return SourceState(etag=self.head, last_modified=None, position=position)


def look_at(path: Path) -> FileStatus:
    """Look at a file before it is read."""
    with open_source(path, unzip=False) as stream:
        head = hashlib.sha256(stream.read(HEAD_BYTES)).hexdigest()[:16]
        # Of the file that was opened: by its name there may be another one by now, or none.
        status = os.fstat(stream.fileno())
    return FileStatus(f"{status.st_size}-{status.st_mtime_ns}", head)


@contextmanager
def open_source(path: Path, *, unzip: bool = True) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unzipped if its name ends in .gz; errors are typed."""
    try:
        stream = path.open("rb")
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise PermanentError(f"{path}: {error.strerror}", path=str(path)) from error
    except OSError as error:
        raise TransientError(f"{path}: {error.strerror}", path=str(path)) from error
    with stream:
        if unzip and path.suffix == ".gz":
            yield cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        else:
            yield stream
