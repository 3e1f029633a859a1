"""What each lens keeps of public news data, set by set.

The figures stand in the lenses' READMEs. The data is not in the repository; `--data` names the
folder that has `topics/`, `seece/` and so on. Says nothing about speed: for that see
`bench/pipeline.py`.

    python -m bench.keep_rates --data FOLDER [--rows 3000]
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ingest.corpora import read_record
from ingest.screening import Screener
from schemas.articles import ArticleDraft
from schemas.lens import load_lenses
from schemas.settings import load_settings

Samples = dict[str, list[ArticleDraft]]

FILES = (
    "topics/ag_train_partial.jsonl.gz",
    "topics/inshorts.jsonl.gz",
    "topics/clickbait.jsonl.gz",
    "topics/reuters21578_train.jsonl.gz",
    "articles/allsides.jsonl.xz",
    "stream/financial_stream.jsonl.gz",
    "stream/prefilter_samples_unlabelled.jsonl.gz",
    "seece/labelled.jsonl.gz",
    "seece/sustainability_false_positive_titles.jsonl.gz",
    "newsletter/train.jsonl.gz",
)
MIXED = "mixed stream"
MIXED_OF = ("ag_train", "inshorts", "clickbait", "allsides", "financial", "prefilter_samples")
MIXED_ROWS = 250
"""Of each of the sets in `MIXED_OF`."""
RELEVANT_SCORE = 7
NOW = datetime(2026, 6, 30, tzinfo=UTC)
"""The sets end before; dates play no part here."""
SEECE_BOUNDS = ((5, "5 and more"), (3, "3 to 5"), (0, "below 3"))


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description="Keep-rates of the lenses on public data.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the public sets")
    parser.add_argument("--rows", type=int, default=3_000, help="rows of a set, drawn at random")
    arguments = parser.parse_args()
    screeners = {
        name: Screener([lens]) for name, lens in load_lenses(load_settings().lenses_dir).items()
    }
    samples = read_samples(arguments.data, arguments.rows)
    rates = {
        group: {name: keep_rate(screener, drafts) for name, screener in screeners.items()}
        for group, drafts in samples.items()
    }
    Console().print(draw_table(rates, samples, list(screeners)))


def read_samples(folder: Path, rows: int) -> Samples:
    """Read every set that is there, parted by label, and the mixed stream."""
    chance = random.Random(7)
    samples: Samples = {}
    mixed: list[ArticleDraft] = []
    for name in FILES:
        if not (folder / name).is_file():
            continue
        groups = _read_groups(folder / name)
        samples |= {group: _draw(chance, drafts, rows) for group, drafts in groups.items()}
        if Path(name).name.startswith(MIXED_OF):
            mixed += _draw(chance, [draft for group in groups.values() for draft in group])
    return samples | {MIXED: mixed} if mixed else samples


def keep_rate(screener: Screener, drafts: Sequence[ArticleDraft]) -> float:
    """Give the share that a screener of one lens keeps, 0 to 1."""
    kept = sum(screener.screen(draft)[0].decision == "keep" for draft in drafts)
    return kept / len(drafts)


def draw_table(rates: dict[str, dict[str, float]], samples: Samples, lenses: list[str]) -> Table:
    """Show a row for each set and a column for each lens."""
    table = Table(title="Kept, percent", title_justify="left")
    for heading in ("set", "articles", *lenses):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "set" else "right")
    for group, row in rates.items():
        shown = [f"{100 * row[lens]:.1f}" for lens in lenses]
        table.add_row(group, f"{len(samples[group]):,}", *shown)
    return table


def _read_groups(path: Path) -> Samples:
    name = f"{path.parent.name}/{path.name.partition('.')[0]}"
    groups: Samples = defaultdict(list)
    opener = lzma.open if path.suffix == ".xz" else gzip.open
    with opener(path, "rb") as lines:
        for number, line in enumerate(lines):
            draft = read_record(line, number, NOW)
            if isinstance(draft, ArticleDraft):
                label = _label(json.loads(line))
                groups[f"{name}: {label}" if label else name].append(draft)
    return groups


def _label(record: dict[str, Any]) -> str:
    if "relevance_score" in record:
        if record["is_sponsored"]:
            return "sponsored"
        return "score 7 and more" if record["relevance_score"] >= RELEVANT_SCORE else "below 7"
    if "dimensions" in record:
        score = record["dimensions"].get("seece_relevance_score") or 0
        return next(name for least, name in SEECE_BOUNDS if score >= least)
    if "importance" in record:
        return ""
    return str(record.get("label") or "").partition("|")[0]


def _draw(
    chance: random.Random, drafts: list[ArticleDraft], rows: int = MIXED_ROWS
) -> list[ArticleDraft]:
    return drafts if len(drafts) <= rows else chance.sample(drafts, rows)


if __name__ == "__main__":
    main()
