"""Reading a recording: visits in the order of their time, one at a time.

Whatever is damaged is passed over and told; nothing before it is lost.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ingest.recordings.bodies import GZIP, Bodies
from ingest.recordings.visits import RecordingHead, Visit, join_lines
from ingest.recordings.writing import BODIES, HEAD, VISITS
from schemas.errors import ConfigError

CHUNK_BYTES = 1 << 18


@dataclass
class Recording:
    """A recording on disk. Made by `open_recording`."""

    folder: Path
    head: RecordingHead
    bodies: Bodies
    faults: list[str] = field(default_factory=list)
    """What could not be read, one sentence each; complete once the visits have been read."""

    def read(self) -> Iterator[Visit]:
        """Give the visits, the earliest first."""
        files = sorted((self.folder / VISITS).glob("*.jsonl.gz"))
        streams = [self._join(self._read_file(path)) for path in files]
        yield from heapq.merge(*streams, key=lambda visit: visit.at)

    def count(self) -> int:
        """Count the visits, and find what is damaged."""
        number = sum(1 for _ in self.read())
        self.faults = list(dict.fromkeys(self.faults))
        return number

    def _join(self, lines: Iterator[Visit]) -> Iterator[Visit]:
        """Make one visit of the lines of a mailbox's poll; its end may be missing."""
        begun: list[Visit] = []
        for line in lines:
            if begun and not begun[-1].is_followed_by(line):
                yield join_lines(begun)
                begun = []
            begun.append(line)
        if begun:
            yield join_lines(begun)

    def _read_file(self, path: Path) -> Iterator[Visit]:
        for number, line in enumerate(self._read_lines(path), start=1):
            try:
                yield Visit.model_validate_json(line)
            except ValidationError:
                self.faults.append(f"{path.name}: line {number} cannot be read; it was passed over")

    def _read_lines(self, path: Path) -> Iterator[bytes]:
        """Unpack member after member; one that is damaged ends the file."""
        unpacker, line, is_begun = zlib.decompressobj(wbits=GZIP), b"", False
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                while chunk:
                    is_begun = True
                    try:
                        line += unpacker.decompress(chunk)
                    except zlib.error as error:
                        self.faults.append(f"{path.name} is damaged ({error}): its rest is lost")
                        return
                    chunk = unpacker.unused_data
                    if unpacker.eof:
                        yield line
                        unpacker, line, is_begun = zlib.decompressobj(wbits=GZIP), b"", False
        if is_begun:
            self.faults.append(f"{path.name}: its last line is torn; it was passed over")


def open_recording(folder: Path) -> Recording:
    """Open a recording; ConfigError when this is none, or one of a later version."""
    try:
        head = RecordingHead.model_validate_json((folder / HEAD).read_bytes())
    except OSError as error:
        raise ConfigError(f"{folder} is no recording: {HEAD}: {error.strerror}") from error
    except ValidationError:
        raise ConfigError(f"{folder / HEAD} is not that of a recording of this version") from None
    return Recording(folder, head, Bodies(folder / BODIES))
