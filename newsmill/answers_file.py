"""The output of `newsmill analyse`: JSON lines, one per article and lens, that can be gone on with.

A run that was cut off leaves whole lines and perhaps a piece of one. Opening the file again drops
the piece and tells which answers are there. Knows nothing about what the lines mean but their ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from schemas.errors import ConfigError

Key = tuple[str, str]
"""An article's id and the name of a lens."""


class AnswersFile:
    """Appends answers; each line reaches the disk's cache before the next article is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.done: set[Key] = set()
        """Answers that were in the file when it was opened."""

    def add(self, answer: Mapping[str, Any]) -> None:
        """Append one answer."""
        assert self._file is not None
        line = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        self._file.write(line.encode("utf-8", errors="replace") + b"\n")
        self._file.flush()

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("a+b")
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written: {error.strerror}") from None
        try:
            self.done = self._read_done(file)
        except BaseException:
            file.close()
            raise
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _read_done(self, file: IO[bytes]) -> set[Key]:
        """Read the answers' keys, and cut off a last line that was not finished."""
        file.seek(0)
        done = set()
        end = 0
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                file.truncate(end)
                break
            end += len(line)
            done.add(self._read_key(line, number))
        file.seek(0, 2)
        return done

    def _read_key(self, line: bytes, number: int) -> Key:
        try:
            record = json.loads(line)
            return str(record["id"]), str(record["lens"])
        except (ValueError, KeyError, TypeError):
            raise ConfigError(
                f"{self._path}:{number}: is no answer of this command; give another output file"
            ) from None
