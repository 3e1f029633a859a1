"""Adapters: one per public corpus, from its file to rows of title, text and known field values.

Only corpora whose licence allows a shipped build are read here (MIT, Apache-2.0, EUPL; BABE for the
bias fields, stated in the model card). Knows each corpus's columns; knows nothing about splits,
tokens or prompts. The folder's layout is that of the corpora's archive: `articles/`, `bias/`, ….
"""

import gzip
import json
import lzma
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from training.categories import category_of_topic


@dataclass(frozen=True)
class LabelledArticle:
    """One article as a corpus gives it, with the values that it knows for one lens."""

    corpus: str
    key: str
    title: str
    text: str
    lens: str
    values: Mapping[str, Any]
    group: str
    """Rows of one group (story, issue, source article) never lie on both sides of a split."""
    published: date | None = None
    official_test: bool = field(default=False)


def read_allsides(folder: Path) -> Iterator[LabelledArticle]:
    """News articles; the topic gives `editorial.category` where the mapping table knows it."""
    for row in _read_rows(folder / "articles" / "allsides.jsonl.xz"):
        category = category_of_topic(row["topic"])
        yield LabelledArticle(
            corpus="allsides",
            key=row["id"],
            title=row["title"],
            text=row["text"],
            lens="editorial",
            values={} if category is None else {"category": category},
            group=row["url"].split("?")[0],
            published=_read_date(row["date"]),
        )


def _read_rows(path: Path) -> Iterator[dict[str, Any]]:
    opener: Callable[..., Any] = lzma.open if path.suffix == ".xz" else gzip.open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _read_date(text: str) -> date | None:
    for layout in ("%Y-%m-%d", "%m/%d/%y"):
        try:
            return datetime.strptime(text, layout).date()
        except ValueError:
            continue
    return None
