"""Rows files: outcomes as JSONL, in one order and one spelling, so that two can be compared.

    {"row": "article", "key": "3f…", "title": …}

Equal outcomes give equal bytes. Secrets in addresses are left out, as in a recording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.recordings.masking import mask_text, mask_url
from newsmill.output_files import writing_to
from schemas.errors import ConfigError
from store.database import Database
from store.outcomes import read_outcomes

Row = dict[str, Any]

ANALYSIS, ARTICLE, SOURCE = "analysis", "article", "source"
KEYS = {
    ANALYSIS: ("article", "lens", "lens_version"),
    ARTICLE: ("content_key",),
    "screening": ("article", "lens", "lens_version"),
    SOURCE: ("kind", "location"),
    "story": ("first",),
}
"""By what a row of each kind is the same in two files."""

_SOURCE_ID = re.compile(r", which is source \d+$")
"""The end of the reason why a source that moved was retired; ids differ from run to run."""


def list_rows(database: Database) -> Iterator[Row]:
    """Give all outcomes of a database, in order."""
    sources: list[Row] = []
    with database.begin() as session:
        for kind, found in read_outcomes(session):
            if kind == SOURCE:
                # In the order of what is left of their addresses once the secrets are out.
                sources.append(_make_row(kind, _mask_source(found)))
                continue
            if sources:
                yield from sorted(sources, key=spell)
                sources = []
            yield _make_row(kind, _mask_article(found) if kind == ARTICLE else found)
    yield from sorted(sources, key=spell)


def write_rows(database: Database, path: Path) -> int:
    """Write a rows file; returns the number of rows. ConfigError where it cannot be written."""
    number = 0
    with writing_to(path), path.open("w", encoding="utf-8") as file:
        for row in list_rows(database):
            file.write(spell(row) + "\n")
            number += 1
    return number


def read_rows(path: Path) -> Iterator[Row]:
    """Read a rows file; ConfigError when this is none."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                row = json.loads(line)
                if not isinstance(row, dict) or not {"row", "key"} <= row.keys():
                    raise ValueError(f"line {number} is no row")
                yield row
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no file of rows: {error}") from error


def spell(row: Row) -> str:
    """Spell a row as JSON in the one way."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True)


def _make_row(kind: str, found: Row) -> Row:
    key = " ".join(str(found[name]) for name in KEYS[kind])
    # Moments as a file has them: rows of a database and of a file are compared.
    values = {
        name: str(value) if isinstance(value, datetime) else value for name, value in found.items()
    }
    return {"row": kind, "key": key, **values}


def _mask_article(found: Row) -> Row:
    return {**found, "source": mask_url(found["source"])}


def _mask_source(found: Row) -> Row:
    location, error = found["location"], found["last_error"]
    if error:
        error = _SOURCE_ID.sub("", mask_text(error, location))
    return {**found, "location": mask_url(location), "last_error": error}
