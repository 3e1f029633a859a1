"""The output of `newsmill analyse`: JSON lines, one per article and lens, that can be gone on with.

A run that was cut off leaves whole lines and perhaps a piece of one. Opening the file again drops
the piece and tells which answers are there. Knows nothing about what the lines mean but their ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from newsmill.output_files import writing_to
from schemas.closing import Closing
from schemas.errors import ConfigError, TransientError

Key = tuple[str, str]
"""An article's id and the name of a lens."""

BEGINNING = b'{"id":"'
"""Of every answer."""


class AnswersFile(Closing):
    """Appends answers; each line reaches the disk's cache before the next article is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.done: set[Key] = set()
        """Answers that were in the file when it was opened."""

    def add(self, answer: Mapping[str, Any]) -> None:
        """Append one answer; TransientError when the disk is full: what is whole is kept."""
        assert self._file is not None
        line = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        whole = line.encode("utf-8", errors="replace") + b"\n"
        try:
            written = self._file.write(whole)
        except OSError as error:
            raise self._full(error.strerror) from None
        if written != len(whole):
            raise self._full("the disk is full")

    def __enter__(self) -> Self:
        with writing_to(self._path):
            if not self._is_device():
                with self._path.open("a+b") as file:
                    self.done = self._read_done(file)
            # Unbuffered: what cannot be written must not be tried again when the file is closed.
            self._file = self._path.open("ab", buffering=0)
        return self

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _read_done(self, file: IO[bytes]) -> set[Key]:
        """Read the answers' keys, and cut off a last line that was not finished."""
        file.seek(0)
        done = set()
        end = 0
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                self._check_piece(line, number)
                file.truncate(end)
                break
            end += len(line)
            done.add(self._read_key(line, number))
        return done

    def _read_key(self, line: bytes, number: int) -> Key:
        try:
            record = json.loads(line)
            return str(record["id"]), str(record["lens"])
        except (ValueError, KeyError, TypeError):
            raise self._refuse(number) from None

    def _check_piece(self, piece: bytes, number: int) -> None:
        """Refuse to cut off what is no beginning of an answer, or is a whole other record."""
        if not piece.startswith(BEGINNING[: len(piece)]):
            raise self._refuse(number)
        with suppress(ValueError):
            json.loads(piece)
            self._read_key(piece, number)

    def _full(self, reason: str | None) -> TransientError:
        return TransientError(f"{self._path}: cannot be written: {reason}; run it again to go on")

    def _refuse(self, number: int) -> ConfigError:
        return ConfigError(
            f"{self._path}:{number}: is no answer of this command; give another output file"
        )

    def _is_device(self) -> bool:
        """Tell whether nothing can be read back: a pipe, /dev/null."""
        return self._path.exists() and not self._path.is_file() and not self._path.is_dir()
