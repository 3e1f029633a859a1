"""CSV and Parquet corpora to drafts, streamed: a row is an article, its columns named as in JSONL.

A row that gives no article becomes a reason, with its line or row. Reading goes on from any
position that was given with an item.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, BinaryIO

from ingest.batches import Item, Refused
from ingest.corpora import DATE_NAMES, TEXT_NAMES, read_fields
from schemas.errors import PermanentError

DELIMITERS = ",;\t|"
MAX_FIELD_CHARS = 3_000_000
"""As much HTML as is read of an article. An opened quote that is never closed ends here."""
OTHER_NAMES = ("id", "title", "url", "link", "author", "language", "source", "tags")
NAMES = (*TEXT_NAMES, *DATE_NAMES, *OTHER_NAMES)
TELLING_NAMES = frozenset({*TEXT_NAMES, "title", "url", "link"})
PARQUET_ROWS = 500
"""Rows held at a time."""


class _Lines:
    """Lines as text, counted in lines and bytes while a CSV reader takes as many as it needs."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0
        self.end = 0

    def __iter__(self) -> Iterator[str]:
        # What has no line end for so long is cut, and the reader then complains of the field.
        while line := self._stream.readline(4 * MAX_FIELD_CHARS):
            self.number += 1
            self.end += len(line)
            yield _decode(line).replace("\0", " ")


def _decode(line: bytes) -> str:
    """Decode UTF-8 or else, as spreadsheets on Windows write it, code page 1252."""
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def read_csv(stream: BinaryIO, position: int, now: datetime) -> Iterator[Item]:
    """Give an item for each record from a byte position (of the unzipped stream) on.

    The first line names the columns, in any case and order; those of other names are left out.
    """
    csv.field_size_limit(MAX_FIELD_CHARS)
    lines = _Lines(stream)
    header = next(iter(lines), "")
    delimiter = max(DELIMITERS, key=header.count)
    names = [_tidy(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
    if not TELLING_NAMES & set(names):
        yield Item(Refused("line 1", _describe_lack(names)), lines.end)
        return
    rest = iter(lines)
    try:
        while lines.end < position and next(rest, None) is not None:
            pass
        yield from _read_records(lines, rest, names, delimiter, now)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        yield Item(Refused(f"line {lines.number + 1}", f"the file is damaged: {error}"), lines.end)


def _read_records(
    lines: _Lines, rest: Iterator[str], names: Sequence[str], delimiter: str, now: datetime
) -> Iterator[Item]:
    is_over = False
    while not is_over:
        # After an error the reader is in the middle of a field; a new one begins with a new line.
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        try:
            begun = lines.number + 1
            for values in reader:
                if values:
                    yield Item(_read_row(values, names, f"line {begun}", now), lines.end)
                begun = lines.number + 1
            is_over = True
        except csv.Error as error:
            where = f"line {begun}" if begun == lines.number else f"lines {begun} to {lines.number}"
            yield Item(Refused(where, f"not CSV: {error}"[:200]), lines.end)


def _read_row(values: list[str], names: Sequence[str], where: str, now: datetime) -> Any:
    if len(values) != len(names):
        reason = f"it has {len(values)} values, and the first line names {len(names)} columns"
        return Refused(where, reason)
    return read_fields(dict(zip(names, values, strict=True)), where, now)


def read_parquet(stream: BinaryIO, position: int, now: datetime) -> Iterator[Item]:
    """Give an item for each row from a row number on; of a file that is damaged, one reason.

    Raises PermanentError where pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: PLC0415  # 170 MB that only readers of Parquet install.
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise PermanentError(
            "Parquet needs pyarrow: pip install 'newsmill[parquet]', or convert it to JSONL or CSV"
        ) from None
    row = position
    try:
        file = parquet.ParquetFile(stream)
        columns = {name: _tidy(name) for name in file.schema_arrow.names if _tidy(name) in NAMES}
        if not TELLING_NAMES & set(columns.values()):
            yield Item(Refused("file", _describe_lack(file.schema_arrow.names)), row)
            return
        groups, first = _groups_from(file, position)
        skipped = first
        for batch in file.iter_batches(PARQUET_ROWS, row_groups=groups, columns=list(columns)):
            for record in batch.to_pylist():
                skipped += 1
                if skipped <= position:
                    continue
                row = skipped
                fields = {columns[name]: _to_json(value) for name, value in record.items()}
                yield Item(read_fields(fields, f"row {row}", now), row)
    except (pyarrow.ArrowException, OSError) as error:
        yield Item(Refused(f"row {row + 1}", f"the file is damaged: {error}"[:200]), row)


def _groups_from(file: Any, position: int) -> tuple[list[int], int]:
    """Give the row groups that reach beyond a row, and the number of rows before them."""
    before, number = 0, 0
    count = file.metadata.num_row_groups
    while number < count and before + file.metadata.row_group(number).num_rows <= position:
        before += file.metadata.row_group(number).num_rows
        number += 1
    return list(range(number, count)), before


def _to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (datetime, date)) else value


def _tidy(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _describe_lack(names: Sequence[str]) -> str:
    wanted = ", ".join(sorted(TELLING_NAMES))
    if not any(names):
        return f"it names no columns; one of them must be: {wanted}"
    return f"none of its columns ({', '.join(names)[:100]}) is one of: {wanted}"
