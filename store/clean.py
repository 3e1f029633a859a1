"""Making text and JSON fit for Postgres, which stores neither NUL nor half a surrogate pair.

Ingest cleans its text as well; this is the last line, so that one odd character from a source
or a model cannot fail a whole batch of rows. Knows nothing about what the text says.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def clean_text(text: str) -> str:
    """Drop NULs and replace lone surrogates; the same string where there are none."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        # UTF-16 joins the halves that belong together and marks those that stand alone.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean_optional(text: str | None) -> str | None:
    """Clean a text that may be missing."""
    return None if text is None else clean_text(text)


def to_json(value: Any) -> str:
    """Write a value as JSON text that a `jsonb` column accepts."""
    return json.dumps(clean_json(value), ensure_ascii=False, allow_nan=False)


def clean_json(value: Any) -> Any:
    """Make a value fit for a `jsonb` column.

    Strings are cleaned, infinite and undefined numbers become null, and what JSON does not
    know (a date, a path) becomes its text.
    """
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean_text(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean_json(item) for item in value]
    return clean_text(str(value))
