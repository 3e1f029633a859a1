"""Whether a `.env` file can be read at all; what its variables mean is `schemas/settings.py`'s."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from schemas.errors import ConfigError


def check_env_file(path: Path) -> None:
    """Raise ConfigError with the line of what is no `NAME=value`; a file that is not there is fine.

    The reader of pydantic-settings itself passes over such a line, and with it over a setting.
    """
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            written = binding.original.string
            line = binding.original.line + len(written) - len(written.lstrip("\n"))
            raise ConfigError(f"{path}:{line}: neither NAME=value nor a comment that begins with #")
