"""JSONL corpora to drafts: one JSON object a line, plain or gzipped, streamed.

The shape: `id`, `title`, `content` (or `text`), `description`, `published_date`, `source`, `url`;
also `author`, `language`, `tags`. All may be missing but some words. A bad line becomes a reason.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO, NamedTuple

from ingest.batches import Item, Refused
from ingest.dates import read_date
from ingest.drafting import RawItem, make_draft
from ingest.markup import read_either
from schemas.articles import ArticleDraft

MAX_LINE_BYTES = 10_000_000
"""Longer lines are passed over piece by piece, never held whole."""
CHUNK_BYTES = 1 << 20

TEXT_NAMES = ("content", "text", "body", "description")
DATE_NAMES = ("published_date", "published_at", "published", "date")


class _Line(NamedTuple):
    content: bytes | None
    """None: longer than the limit."""
    end: int
    """Byte position after the line."""
    is_ended: bool
    """False for a last line without line end: it may still be being written."""


def read_corpus(stream: BinaryIO, position: int, now: datetime) -> Iterator[Item]:
    """Give an item for each line from a byte position (of the unzipped stream) on.

    A last line that is not ended and cannot be read is refused with the position left before it,
    so that a file that grows is read on correctly.
    """
    number, end = 0, position
    try:
        number = _skip_to(stream, position)
        for line in _lines(stream, position):
            number += 1
            if line.content is not None and not line.content.strip():
                continue
            outcome = read_record(line.content, number, now)
            if line.is_ended or not isinstance(outcome, Refused):
                end = line.end
            yield Item(outcome, end)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        yield Item(Refused(f"line {number + 1}", f"the file is damaged: {error}"), end)


def read_record(line: bytes | None, number: int, now: datetime) -> ArticleDraft | Refused:
    """Make a draft of one line; None stands for a line over the limit."""
    where = f"line {number}"
    if line is None:
        return Refused(where, f"the line is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        return Refused(where, f"not JSON: {error.msg} at column {error.colno}")
    except (ValueError, RecursionError) as error:
        return Refused(where, f"not JSON: {error}"[:200])
    if not isinstance(record, dict):
        return Refused(where, "not a JSON object")
    return read_fields(record, where, now)


def read_fields(record: dict[str, Any], where: str, now: datetime) -> ArticleDraft | Refused:
    """Make a draft of a record's named fields, whatever it was written in."""
    return make_draft(_raw_item(record, where), now)


def _raw_item(record: dict[str, Any], where: str) -> RawItem:
    text = _first_text(record, TEXT_NAMES)
    description = _text(record, "description")
    date = next((record[name] for name in DATE_NAMES if record.get(name)), None)
    published_at = read_date(date)
    url = _text(record, "url") or _text(record, "link")
    return RawItem(
        where=where,
        body=read_either(text, url),
        external_id=_text(record, "id"),
        title=read_either(_text(record, "title")).text,
        url=url or None,
        published_at=published_at,
        author=_text(record, "author"),
        language=_text(record, "language"),
        metadata={
            "source": _text(record, "source"),
            "description": "" if description == text else description,
            "tags": record.get("tags"),
        },
        notes=(f"the date {str(date)[:40]!r} cannot be read",) if date and not published_at else (),
    )


def _first_text(record: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _text(record, name))), "")


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _skip_to(stream: BinaryIO, position: int) -> int:
    """Read up to a position and count the lines on the way, so that reasons can name them."""
    lines = 0
    while position > 0 and (chunk := stream.read(min(position, CHUNK_BYTES))):
        lines += chunk.count(b"\n")
        position -= len(chunk)
    return lines


def _lines(stream: BinaryIO, end: int) -> Iterator[_Line]:
    while content := stream.readline(MAX_LINE_BYTES + 1):
        end += len(content)
        is_long = len(content) > MAX_LINE_BYTES
        rest = content
        while is_long and not rest.endswith(b"\n") and (rest := stream.readline(CHUNK_BYTES)):
            end += len(rest)
        yield _Line(None if is_long else content, end, rest.endswith(b"\n"))
