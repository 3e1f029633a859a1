"""Mailboxes on disk: mbox, Maildir, a folder of .eml files; gives each mail with a position.

Splits and lists only; what a mail says is read by `ingest/mail.py`. Nothing is ever changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ingest.batches import Item, Refused, place_items
from ingest.mail import MAX_MAIL_BYTES, read_mail
from ingest.sources import is_maildir
from schemas.articles import ArticleDraft
from schemas.errors import PermanentError

MAX_LINE_BYTES = 1 << 20
"""Longer lines are read in pieces: the mbox rule looks only at how a line begins."""


def read_mbox(
    stream: BinaryIO, position: int, now: datetime, *, split_newsletters: bool = True
) -> Iterator[Item]:
    """Give the items of each mail of an mbox, from a byte position on."""
    stream.seek(position)
    for raw, end in _split_mbox(stream, position):
        where = f"mail at byte {position}"
        if raw.strip():
            outcomes = read_mail(raw, where, now, split_newsletters=split_newsletters)
            yield from place_items(outcomes, position, end)
        position = end


def read_mail_folder(
    folder: Path, position: int, now: datetime, *, split_newsletters: bool = True
) -> Iterator[Item]:
    """Give the items of each mail of a Maildir or a folder of .eml files, oldest change first.

    The position is a file's ctime in ns. Unlike names and modification times it grows with every
    file that arrives, however it came. Files of one tick are read again: better than missed.
    """
    for changed_at, path in list_new_mails(folder, position):
        outcomes = read_mail_file(path, now, split_newsletters=split_newsletters)
        yield from place_items(outcomes, changed_at, changed_at)


def list_new_mails(folder: Path, position: int) -> list[tuple[int, Path]]:
    """List the mails from a position on, with the position of each, in the order of reading."""
    return sorted(found for found in _list_mails(folder) if found[0] >= position)


def read_mail_file(
    path: Path, now: datetime, *, split_newsletters: bool = True
) -> list[ArticleDraft | Refused]:
    """Read one .eml file; one that has gone or cannot be opened becomes a reason."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_MAIL_BYTES + 1)
    except OSError as error:
        return [Refused(path.name, f"the file cannot be read: {error.strerror}")]
    return read_mail(raw, path.name, now, split_newsletters=split_newsletters)


def _list_mails(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in _list_paths(folder):
        try:
            if path.is_file() and not path.name.startswith("."):
                yield path.stat().st_ctime_ns, path
        except FileNotFoundError:  # a mail program renamed it in this moment; it comes again
            continue


def _list_paths(folder: Path) -> list[Path]:
    try:
        if is_maildir(folder):
            return [path for name in ("new", "cur") for path in (folder / name).iterdir()]
        return list(folder.glob("*.eml"))
    except OSError as error:
        raise PermanentError(f"{folder}: {error.strerror}", path=str(folder)) from error


def _split_mbox(stream: BinaryIO, position: int) -> Iterator[tuple[bytes, int]]:
    """Give each mail's bytes and end; mails begin at a "From " line after a blank one."""
    mail = bytearray()
    may_begin = True
    while line := stream.readline(MAX_LINE_BYTES):
        if may_begin and line.startswith(b"From "):
            yield bytes(mail), position
            mail.clear()
        elif len(mail) <= MAX_MAIL_BYTES:  # what goes on is read past; `read_mail` refuses it
            mail += line[1:] if line.startswith(b">From ") else line
        may_begin = not line.strip()
        position += len(line)
    yield bytes(mail), position
