"""How well and how fast newsletters are split: precision and recall on the golden pairs.

The pairs in `tests/data/newsletters` are of our own writing, and the atomiser was made with them
in view: the figures say what works, not how often real issues are read well. Items are matched by
title; a link counts where its item has that very link.

    python -m bench.atomiser [--folder FOLDER] [--repeats 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.reports import Measure, report
from ingest.mail import read_mail
from schemas.articles import ArticleDraft

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "data" / "newsletters"
NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
SPONSORED_RECALL = 0.9
"""The goal."""


@dataclass(frozen=True)
class Tally:
    """What was found of what should have been."""

    hits: int
    found: int
    wanted: int

    @property
    def precision(self) -> float:
        return self.hits / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.hits / self.wanted if self.wanted else 1.0

    @property
    def f1(self) -> float:
        both = self.found + self.wanted
        return 2 * self.hits / both if both else 1.0


Key = tuple[Any, ...]


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description="Precision and recall of the atomiser.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="golden pairs: .eml, .json")
    parser.add_argument("--repeats", type=int, default=5, help="readings of each issue")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob("*.eml"))
    measures = [*measure_quality(paths), *measure_time(paths, arguments.repeats)]
    setting = {"issues": len(paths), "repeats": arguments.repeats, "folder": arguments.folder.name}
    report("atomiser", measures, setting)


def measure_quality(paths: list[Path]) -> list[Measure]:
    """Compare what each issue gives with what it should give."""
    found = [(path.stem, item) for path in paths for item in read_items(path)]
    wanted = [(path.stem, item) for path in paths for item in read_wanted(path)]
    titles = tally(found, wanted, "title")
    links = tally(found, wanted, "title", "link")
    texts = tally(found, wanted, "title", "text")
    sections = tally(found, wanted, "title", "section")
    paid_found = [pair for pair in found if pair[1]["sponsored"]]
    paid_wanted = [pair for pair in wanted if pair[1]["sponsored"]]
    paid = tally(paid_found, paid_wanted, "title")
    single = [path for path in paths if not read_wanted(path)]
    whole = sum(not read_items(path) for path in single)
    return [
        Measure("items, precision", titles.precision, "share"),
        Measure("items, recall", titles.recall, "share"),
        Measure("items, F1", titles.f1, "share"),
        Measure("items with the right link, F1", links.f1, "share"),
        Measure("items with the right text, F1", texts.f1, "share"),
        Measure("items with the right section, F1", sections.f1, "share"),
        Measure("sponsored, precision", paid.precision, "share"),
        Measure("sponsored, recall", paid.recall, "share", at_least=SPONSORED_RECALL),
        Measure("letters and essays left whole", whole / len(single) if single else 1.0, "share"),
        Measure("items wanted", len(wanted), "items"),
        Measure("sponsored items wanted", len(paid_wanted), "items"),
    ]


def measure_time(paths: list[Path], repeats: int) -> list[Measure]:
    """Time the reading of each mail, from its bytes to its drafts."""
    mails = [path.read_bytes() for path in paths]
    best: list[float] = []
    for raw in mails:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            read_mail(raw, "bench.eml", NOW)
            times.append(time.perf_counter() - start)
        best.append(min(times) * 1_000)
    return [
        Measure("time for an issue, median", statistics.median(best), "ms"),
        Measure("time for an issue, longest", max(best), "ms"),
    ]


def read_items(path: Path) -> list[dict[str, Any]]:
    """Give the items that an issue is split into; none where it stays one article."""
    drafts = [
        draft
        for draft in read_mail(path.read_bytes(), path.name, NOW)
        if isinstance(draft, ArticleDraft) and "order" in draft.metadata
    ]
    return [
        {
            "section": draft.metadata.get("section", ""),
            "title": draft.title,
            "text": draft.text,
            "link": draft.metadata.get("link"),
            "sponsored": draft.metadata["sponsored"],
        }
        for draft in drafts
    ]


def read_wanted(path: Path) -> list[dict[str, Any]]:
    """Give the items that an issue has."""
    items: list[dict[str, Any]] = json.loads(path.with_suffix(".json").read_text("utf-8"))["items"]
    return items


def tally(
    found: list[tuple[str, dict[str, Any]]], wanted: list[tuple[str, dict[str, Any]]], *names: str
) -> Tally:
    """Count the items that are equal in the named parts, each once."""
    have = Counter(_key(pair, names) for pair in found)
    want = Counter(_key(pair, names) for pair in wanted)
    return Tally((have & want).total(), have.total(), want.total())


def _key(pair: tuple[str, dict[str, Any]], names: tuple[str, ...]) -> Key:
    issue, item = pair
    return issue, *(item[name] for name in names)


if __name__ == "__main__":
    main()
