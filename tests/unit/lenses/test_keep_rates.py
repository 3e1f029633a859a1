"""Keep-rates of the shipped lenses on public data, which is not in the repository.

The bounds leave room for an honest rule change; the READMEs of the lenses have the figures,
and `bench/keep_rates.py` makes them.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from ingest.corpora import read_record
from ingest.screening import Screener
from schemas.articles import ArticleDraft
from schemas.lens import load_lenses
from tests.paths import ROOT, SHARED

ROWS = 250
NOW = datetime(2026, 6, 30, tzinfo=UTC)

Record = dict[str, Any]
Chosen = Callable[[Record], bool]


def labelled(label: str) -> Chosen:
    return lambda record: record["label"] == label


def scored(least: int) -> Chosen:
    return lambda record: record["relevance_score"] >= least


def sponsored(record: Record) -> bool:
    return bool(record["is_sponsored"])


def everything(_: Record) -> bool:
    return True


FALSE_POSITIVES = "seece/sustainability_false_positive_titles"
BOUNDS: list[tuple[str, str, Chosen, float, float]] = [
    ("newsletter", "newsletter/train", scored(7), 0.90, 1.0),
    ("newsletter", "newsletter/train", sponsored, 0.0, 0.1),
    ("newsletter", "topics/clickbait", labelled("clickbait"), 0.0, 0.05),
    ("newsletter", "topics/inshorts", labelled("politics"), 0.0, 0.08),
    ("ai_industry", "newsletter/train", scored(9), 0.75, 1.0),
    ("ai_industry", "newsletter/train", sponsored, 0.0, 0.1),
    ("ai_industry", "topics/inshorts", everything, 0.0, 0.05),
    ("editorial", "topics/inshorts", labelled("world"), 0.88, 1.0),
    ("editorial", "topics/inshorts", labelled("politics"), 0.88, 1.0),
    ("editorial", "topics/inshorts", labelled("sports"), 0.0, 0.15),
    ("editorial", "topics/clickbait", labelled("clickbait"), 0.0, 0.06),
    ("sustainability_tech", FALSE_POSITIVES, everything, 0.0, 0.05),
    ("sustainability_tech", "topics/inshorts", everything, 0.0, 0.04),
]


@cache
def screener(lens_name: str) -> Screener:
    return Screener([load_lenses(ROOT / "lenses")[lens_name]])


def read_rows(name: str, chosen: Chosen) -> Iterator[ArticleDraft]:
    path = SHARED / "data" / f"{name}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    with gzip.open(path) as lines:
        chosen_lines = (line for line in lines if chosen(json.loads(line)))
        for number, line in enumerate(itertools.islice(chosen_lines, ROWS)):
            draft = read_record(line, number, NOW)
            assert isinstance(draft, ArticleDraft)
            yield draft


@pytest.mark.parametrize(("lens_name", "data", "chosen", "least", "most"), BOUNDS)
def test_keep_rate_on_public_data_is_within_its_bounds(
    lens_name: str, data: str, chosen: Chosen, least: float, most: float
) -> None:
    decisions = [screener(lens_name).screen(row)[0].decision for row in read_rows(data, chosen)]
    rate = decisions.count("keep") / len(decisions)
    assert least <= rate <= most, f"{lens_name} keeps {rate:.1%} of {data}"
