"""Held-out rows, and what a build reads in them: each row is read once, however many ask for it.

Knows rows and readings; knows no measures.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.analyst import Analyst, Request
from schemas.completions import FieldReading
from schemas.fields.base import ParseContext
from schemas.lens import Lens
from training.corpora import LabelledArticle

LIMIT = 1200
"""Rows of one question; more would not narrow the intervals by much."""

_INSHORTS: Mapping[str, str] = {
    "entertainment": "Entertainment",
    "world": "World",
    "sports": "Sports",
    "technology": "Technology",
    "politics": "Politics",
    "science": "Science",
}

Take = Callable[[Mapping[str, Any]], Any]
"""Takes what is asked about out of a row's values; None: the row does not know it."""


def value_of(name: str) -> Take:
    """Take a field as it is."""
    return lambda values: values.get(name)


def choose_rows(
    rows: Iterable[LabelledArticle], corpora: Sequence[str], lens: str, take: Take
) -> list[LabelledArticle]:
    """Draw the rows that know an answer; the same rows whenever the same question is asked."""
    suited = [
        row
        for row in rows
        if row.corpus in corpora and row.lens == lens and take(row.values) is not None
    ]
    return random.Random(0).sample(suited, min(LIMIT, len(suited)))


class RowReader:
    """Lets a build read rows, and remembers what it read."""

    def __init__(self, analyst: Analyst, lenses: Mapping[str, Lens]) -> None:
        self.lenses = lenses
        self._analyst = analyst
        self._found: dict[tuple[str, str, str], Mapping[str, FieldReading]] = {}

    def read(self, rows: Sequence[LabelledArticle]) -> list[Mapping[str, FieldReading]]:
        """Give the readings of each row, in the rows' order."""
        new = {_key(row): row for row in rows if _key(row) not in self._found}
        requests = (
            Request(key, row.title, row.text, self.lenses[row.lens]) for key, row in new.items()
        )
        for request, completion in self._analyst.analyse(requests):
            assert isinstance(request.key, tuple)
            self._found[request.key] = completion.readings
        return [self._found[_key(row)] for row in rows]

    def values(self, rows: Sequence[LabelledArticle]) -> list[dict[str, Any]]:
        """Give the values that the build read in each row."""
        context = ParseContext()
        return [
            {
                name: self.lenses[row.lens].contract.field(name).parse(reading.text, context).value
                for name, reading in readings.items()
            }
            for row, readings in zip(rows, self.read(rows), strict=True)
        ]


def read_inshorts(data: Path) -> Iterable[LabelledArticle]:
    """Give 60-word news with one topic that a category means too. Never trained on."""
    path = data / "topics" / "inshorts.jsonl.gz"
    if not path.exists():
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            category = _INSHORTS.get(row["label"])
            if category:
                yield LabelledArticle(
                    corpus="inshorts",
                    key=row["id"],
                    title=row["title"],
                    text=row["text"],
                    lens="editorial",
                    values={"category": category},
                    group=row["id"],
                )


def _key(row: LabelledArticle) -> tuple[str, str, str]:
    return row.corpus, row.lens, row.key
