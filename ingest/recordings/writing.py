"""Writing a recording: lines of one process, appended; what fails is the caller's to bear."""

from __future__ import annotations

import os
import socket
import zlib
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from ingest.recordings.bodies import GZIP, LEVEL, Bodies
from ingest.recordings.visits import RecordingHead, Visit
from schemas.errors import ConfigError

HEAD = "recording.json"
VISITS, BODIES = "visits", "bodies"


def prepare_recording(folder: Path, since: datetime) -> None:
    """Make the folder of a recording, for its owner alone; one that is there is gone on with.

    Raises ConfigError when it cannot be made, or holds anything else.
    """
    head = folder / HEAD
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if head.exists():
            return
        if any(folder.iterdir()):
            raise ConfigError(f"{folder} is no recording and not empty: name another folder")
        (folder / VISITS).mkdir(mode=0o700)
        (folder / BODIES).mkdir(mode=0o700)
        head.write_text(RecordingHead(since=since).model_dump_json() + "\n")
    except OSError as error:
        raise ConfigError(f"cannot record to {folder}: {error.strerror}") from error


class RecordingWriter:
    """What one process writes. Holds no file open, so that nothing has to be closed."""

    def __init__(self, folder: Path) -> None:
        self._bodies = Bodies(folder / BODIES)
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self._lines = folder / VISITS / f"{name}.jsonl.gz"

    def keep(self, body: bytes) -> tuple[str, int]:
        """Keep a body; returns its name and the bytes written. Raises OSError."""
        return self._bodies.keep(body)

    def write(self, visit: Visit) -> int:
        """Append a line; returns the bytes written. Raises OSError."""
        line = visit.model_dump_json(exclude_defaults=True).encode() + b"\n"
        packer = zlib.compressobj(LEVEL, wbits=GZIP)
        packed = packer.compress(line) + packer.flush()
        file = os.open(self._lines, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            written = os.write(file, packed)
        finally:
            os.close(file)
        if written < len(packed):
            raise OSError(f"only {written} of {len(packed)} bytes could be written")
        return written
