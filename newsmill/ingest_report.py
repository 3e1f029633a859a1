"""What a person sees of a poll at the terminal: how far it is, and what it refuses.

Progress is read from the rows that are stored, so it shows what would survive an interruption.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import typer

from newsmill.output_files import writing_to
from schemas.closing import Closing
from schemas.errors import TransientError

if TYPE_CHECKING:
    from ingest.batches import Refused
    from ingest.sources import SourceSpec
    from store.database import Database

SHOWN = 5
"""Refused items of a source that are told at the terminal; `--refused FILE` has them all."""
LOOK_EVERY_S = 0.5


class RefusedItems(Closing):
    """Keeps the first refused items of each source for the terminal, and writes all to a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._fault: OSError | None = None
        """Why not all could be written."""
        self._first: dict[int, list[Refused]] = {}
        self._numbers: Counter[int] = Counter()

    def __enter__(self) -> Self:
        if self._path is not None:
            with writing_to(self._path):
                # Unbuffered: what cannot be written must not be tried again at the end.
                self._file = self._path.open("wb", buffering=0)
        return self

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def note(self, source_id: int, refused: Sequence[Refused]) -> None:
        """Keep and write some refused items of a source."""
        first = self._first.setdefault(source_id, [])
        first += refused[: SHOWN - len(first)]
        self._numbers[source_id] += len(refused)
        if self._file is not None and self._fault is None:
            lines = b"".join(_spell(source_id, item) for item in refused)
            try:
                if self._file.write(lines) != len(lines):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:  # No fault of the source, which is being polled.
                self._fault = error

    def tell(self, specs: Sequence[SourceSpec], source_ids: Sequence[int]) -> None:
        """Tell the first refused items of each source on stderr, and how many there are more."""
        for spec, source_id in zip(specs, source_ids, strict=True):
            for item in self._first.get(source_id, ()):
                typer.echo(f"{spec.location}: {item.where}: {item.reason}", err=True)
            more = self._numbers[source_id] - len(self._first.get(source_id, ()))
            if more:
                where = f"in {self._path}" if self._path else "shown by --refused FILE"
                typer.echo(f"{spec.location}: {more} more refused, all {where}", err=True)
        if self._fault is not None:
            raise TransientError(
                f"{self._path}: not all that was refused could be written: {self._fault.strerror}"
            )


def _spell(source_id: int, item: Refused) -> bytes:
    line = {"source_id": source_id, "where": item.where, "reason": item.reason}
    return json.dumps(line, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n"


@contextmanager
def show_progress(database: Database, specs: Mapping[int, SourceSpec]) -> Iterator[None]:
    """Show a bar for each source while the body polls them; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[articles]} articles"),
        TimeElapsedColumn(),
    )
    over = threading.Event()
    with Progress(*columns, console=console) as progress:
        tasks = {
            source_id: progress.add_task(
                Path(spec.location).name, total=measure_length(spec), articles=0
            )
            for source_id, spec in specs.items()
        }

        def look() -> None:
            while not over.wait(LOOK_EVERY_S):
                for source_id, (position, articles) in read_progress(database, list(tasks)).items():
                    progress.update(tasks[source_id], completed=position, articles=articles)

        watcher = threading.Thread(target=look, name="progress")
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            for source_id, (position, articles) in read_progress(database, list(tasks)).items():
                progress.update(tasks[source_id], completed=position, articles=articles)


def measure_length(spec: SourceSpec) -> int | None:
    """Give what a source's position reaches at its end; None where only reading it would tell."""
    path = Path(spec.location)
    is_counted_in_bytes = spec.kind in {"jsonl", "csv"} or path.suffix == ".mbox"
    if spec.is_remote or path.suffix == ".gz" or not is_counted_in_bytes or not path.is_file():
        return None
    return path.stat().st_size


def read_progress(database: Database, source_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Read how far each source is: its position, and its articles."""
    from store import sources

    with database.begin() as session:
        return sources.read_progress(session, source_ids)
