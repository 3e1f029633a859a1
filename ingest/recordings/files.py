"""Sources on disk: their files are kept before they are read, and laid out anew for a replay."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ingest.mailboxes import list_new_mails
from ingest.recordings.visits import RecordedFile, Visit
from schemas.errors import NewsmillError, PermanentError

MOST_BYTES = 64_000_000
"""Larger files, such as corpora, are at hand anyway, and would fill the recording."""
TICK_S = 0.001
MAIL_SUFFIXES = (".eml", ".mbox")


def hear_files(
    source: Path, position: int, keep: Callable[[bytes], str | None]
) -> tuple[RecordedFile, ...]:
    """Keep the files that a poll is about to read; those that are not there are left out.

    position: how far a folder of mails has been read before.
    """
    try:
        if source.is_dir():
            paths = [path for _, path in list_new_mails(source, position)]
            names = [path.relative_to(source).as_posix() for path in paths]
        else:
            paths, names = [source], [source.name]
    except (OSError, NewsmillError):
        return ()
    return tuple(_hear(path, name, keep) for path, name in zip(paths, names, strict=True))


def lay_out(visit: Visit, folder: Path, load: Callable[[str], bytes]) -> Path:
    """Write the files of a visit below a folder; returns where its source lies there.

    PermanentError when the recording does not hold one of them.
    """
    assert visit.source is not None
    if any(file.name.startswith(("new/", "cur/")) for file in visit.files):
        for name in ("new", "cur"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    before_ns = 0
    for file in visit.files:
        if file.body is None:
            raise PermanentError(f"the recording does not hold {file.name}: {file.lack}")
        before_ns = _write(_find_path(folder, file.name), load(file.body), before_ns)
    name = PurePosixPath(visit.source.location).name
    return folder if is_folder(visit) else folder / name


def is_folder(visit: Visit) -> bool:
    """Whether a source was a folder of mails."""
    assert visit.source is not None
    path = PurePosixPath(visit.source.location)
    if visit.files:
        return visit.files[0].name != path.name
    return visit.source.kind == "mail" and path.suffix not in MAIL_SUFFIXES


def _hear(path: Path, name: str, keep: Callable[[bytes], str | None]) -> RecordedFile:
    try:
        if path.stat().st_size > MOST_BYTES:
            return RecordedFile(name=name, lack="it was too large")
        return RecordedFile(name=name, body=keep(path.read_bytes()))
    except OSError as error:
        return RecordedFile(name=name, lack=f"it could not be read: {error.strerror}")


def _find_path(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise PermanentError(f"the recording names a file outside of its source: {name}")
    return path


def _write(path: Path, body: bytes, before_ns: int) -> int:
    """Write a file that has changed after another one: folders are read in that order."""
    path.write_bytes(body)
    while (changed_ns := path.stat().st_ctime_ns) <= before_ns:
        time.sleep(TICK_S)
        os.utime(path)
    return changed_ns
