"""Hashes of model files, remembered for as long as the file is the same one.

Hashing a gigabyte at each start would take longer than loading it. A file counts as the same when
path, size, time of change and inode are. Knows nothing of builds.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

FOLDER = "hashes"

_CHUNK_BYTES = 1 << 20


class _Known(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int
    mtime_ns: int
    inode: int
    sha256: str


def hash_file(path: Path) -> str:
    """Give the SHA-256 of a file in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def recall_hash(path: Path, home: Path) -> str:
    """Give the SHA-256 of a file, from below the home when it was hashed before.

    Where nothing can be written, or there is no home yet, nothing is remembered.
    """
    path = path.resolve()
    note = home / FOLDER / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.json"
    before = _identify(path)
    if (known := _read(note)) and known == _Known(sha256=known.sha256, **before):
        return known.sha256
    sha256 = hash_file(path)
    if _identify(path) == before:
        _write(note, _Known(sha256=sha256, **before))
    return sha256


def _identify(path: Path) -> dict[str, str | int]:
    found = path.stat()
    return {
        "path": str(path),
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "inode": found.st_ino,
    }


def _read(note: Path) -> _Known | None:
    try:
        return _Known.model_validate_json(note.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(note: Path, known: _Known) -> None:
    partial = note.with_suffix(f".{os.getpid()}")
    try:
        note.parent.mkdir(exist_ok=True)
        partial.write_text(known.model_dump_json(), encoding="utf-8")
        partial.replace(note)
    except OSError:
        with suppress(OSError):
            partial.unlink()
