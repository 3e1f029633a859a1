"""Bodies of a recording: each kept once, under the hash of its bytes. Knows nothing of them."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

from schemas.errors import PermanentError

LEVEL = 3
"""Of zlib: feeds shrink to a fifth, at 100 MB/s."""
GZIP = 31
"""zlib's number for gzip's header and checksum."""


class Bodies:
    """The folder `bodies` of a recording. Several processes may write to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, body: bytes) -> tuple[str, int]:
        """Keep some bytes; returns their name, and how many bytes that took on disk.

        Raises OSError.
        """
        name = hashlib.sha256(body).hexdigest()
        path = self._path(name)
        if path.exists():
            return name, 0
        packer = zlib.compressobj(LEVEL, wbits=GZIP)
        packed = packer.compress(body) + packer.flush()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Renamed when it is whole: a body is there or it is not.
        being_written = path.with_suffix(f".{os.getpid()}.new")
        try:
            being_written.write_bytes(packed)
            being_written.replace(path)
        except OSError:
            being_written.unlink(missing_ok=True)
            raise
        return name, len(packed)

    def load(self, name: str) -> bytes:
        """Read a body; PermanentError when it is not there or is damaged."""
        try:
            body = zlib.decompress(self._path(name).read_bytes(), wbits=GZIP)
        except (OSError, zlib.error) as error:
            raise PermanentError(f"the recording lacks the body {name[:12]}: {error}") from error
        if hashlib.sha256(body).hexdigest() != name:
            raise PermanentError(f"the recording's body {name[:12]} is damaged")
        return body

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}.gz"
