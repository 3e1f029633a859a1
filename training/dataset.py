"""Rows → train, dev and test: temporal and grouped splits that never share a group or a text.

A corpus with dates keeps its latest rows for the test, the others keep whole groups chosen by hash.
Building fails when a text or a group lies on both sides. Knows rows; knows no tokens or prompts.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from schemas.errors import PermanentError
from training.corpora import ADAPTERS, LabelledArticle

# Share of a corpus's days that are the latest and are kept for the test.
_TEMPORAL_TEST = {"allsides": 0.08, "newsletter": 0.2}
_TEST_PERCENT = 12
_DEV_PERCENT = 4
_MIN_TEXT_CHARS = 20


class OverlapError(PermanentError):
    """Train and test share a row: the scores would be worth nothing."""


@dataclass(frozen=True)
class Dataset:
    train: tuple[LabelledArticle, ...]
    dev: tuple[LabelledArticle, ...]
    """For watching a run; the model's language was learned on these texts too."""
    test: tuple[LabelledArticle, ...]
    """Seen by nothing before the final scores."""
    digest: str
    """16 hex digits over all rows and their places."""


def build_dataset(folder: Path, seed: int) -> Dataset:
    """Read every corpus of a data folder and split it; the same folder gives the same dataset."""
    rows = [row for read in ADAPTERS.values() for row in read(folder)]
    return split_rows(
        (row for row in rows if len(row.text) + len(row.title) >= _MIN_TEXT_CHARS), seed
    )


def split_rows(rows: Iterable[LabelledArticle], seed: int) -> Dataset:
    """Put every row on one side, drop training rows whose text the test holds, check the rest."""
    by_corpus: dict[str, list[LabelledArticle]] = defaultdict(list)
    for row in rows:
        by_corpus[row.corpus].append(row)
    sides: dict[str, list[LabelledArticle]] = {"train": [], "dev": [], "test": []}
    for corpus, members in by_corpus.items():
        side_of = _decide_sides(corpus, members, seed)
        for row in members:
            sides[side_of(row)].append(row)
    sides["train"] = _without(sides["train"], [*sides["test"], *sides["dev"]])
    sides["dev"] = _without(sides["dev"], sides["test"])
    check_overlap(sides["train"], sides["test"])
    train, dev, test = (tuple(sides[name]) for name in ("train", "dev", "test"))
    return Dataset(train, dev, test, _digest(sides))


def content_hash(row: LabelledArticle) -> str:
    """Hash what a reader would see, blind to case and white space."""
    text = " ".join(f"{row.title} {row.text}".casefold().split())
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()


def check_overlap(train: Sequence[LabelledArticle], test: Sequence[LabelledArticle]) -> None:
    """Raise OverlapError when both hold a text, or a group of one corpus."""
    shared_texts = {content_hash(row) for row in train} & {content_hash(row) for row in test}
    shared_groups = {(row.corpus, row.group) for row in train} & {
        (row.corpus, row.group) for row in test
    }
    if shared_texts or shared_groups:
        raise OverlapError(
            f"train and test share {len(shared_texts)} texts and {len(shared_groups)} groups"
        )


def _decide_sides(
    corpus: str, rows: Sequence[LabelledArticle], seed: int
) -> Callable[[LabelledArticle], str]:
    """Give the function that puts a row of this corpus on its side."""
    held_out = {row.group for row in rows if row.is_held_out}
    if corpus in _TEMPORAL_TEST:
        first_test_day = _day_at(rows, 1 - _TEMPORAL_TEST[corpus])
        held_out |= {row.group for row in rows if (row.published or date.min) >= first_test_day}
        test_percent = 0
    else:
        test_percent = _TEST_PERCENT

    def side_of(row: LabelledArticle) -> str:
        bucket = _bucket(f"{seed}:{corpus}:{row.group}")
        if row.group in held_out or bucket < test_percent:
            return "test"
        return "dev" if bucket < test_percent + _DEV_PERCENT else "train"

    return side_of


def _day_at(rows: Sequence[LabelledArticle], share: float) -> date:
    days = sorted(row.published for row in rows if row.published)
    return days[int(len(days) * share)]


def _bucket(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 100


def _without(
    rows: Iterable[LabelledArticle], others: Iterable[LabelledArticle]
) -> list[LabelledArticle]:
    hidden = {content_hash(row) for row in others}
    return [row for row in rows if content_hash(row) not in hidden]


def _digest(sides: dict[str, list[LabelledArticle]]) -> str:
    lines = sorted(
        f"{name}\t{row.corpus}\t{row.key}\t{content_hash(row)}\t{sorted(row.values.items())}"
        for name, rows in sides.items()
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
