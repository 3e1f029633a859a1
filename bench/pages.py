"""How well the article is found in real pages: token F1 beside trafilatura's own settings.

The pages are those of the public data folder, each with a body text made by hand. F1 is taken over
the bag of words of the two texts, page by page, and averaged; an interval comes from resampling
the pages.

    python -m bench.pages --data FOLDER
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import trafilatura

from bench.reports import Measure, report
from ingest.extraction import decode_page
from ingest.markup import read_html

RESAMPLES = 1_000
WORD = re.compile(r"\w+")

Extract = Callable[[str], str]

WAYS: dict[str, Extract] = {
    "ours": lambda markup: read_html(markup).text,
    "trafilatura, its defaults": lambda markup: trafilatura.extract(markup) or "",
    "trafilatura, favor_precision": lambda markup: (
        trafilatura.extract(markup, favor_precision=True) or ""
    ),
}


@dataclass(frozen=True)
class Page:
    """A page and the text that a person has found in it."""

    suite: str
    markup: str
    text: str


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description="Token F1 of article extraction.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of public data")
    parser.add_argument("--every", type=int, default=1, help="take only each n-th page")
    arguments = parser.parse_args()
    pages = list(read_pages(arguments.data / "pages"))[:: arguments.every]
    measures = []
    for name, extract in WAYS.items():
        measures += measure_way(name, extract, pages)
    report("pages", measures, {"pages": len(pages)})


def read_pages(folder: Path) -> Iterator[Page]:
    """Give the pages that have a text by hand."""
    wanted = {}
    for index in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(index, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                wanted[row["file"]] = (index.name.partition(".")[0], row["text"])
    with tarfile.open(folder / "pages.tar.xz") as archive:
        for member in archive:
            if member.name in wanted and (stream := archive.extractfile(member)):
                suite, text = wanted[member.name]
                yield Page(suite, decode_page(gzip.decompress(stream.read()), None), text)


def measure_way(name: str, extract: Extract, pages: Sequence[Page]) -> list[Measure]:
    """Score one way of extracting on all pages."""
    began = time.process_time()
    found = [extract(page.markup) for page in pages]
    cpu_ms = (time.process_time() - began) / len(pages) * 1_000
    scores = [score_f1(page.text, text) for page, text in zip(pages, found, strict=True)]
    low, high = find_interval(scores)
    measures = [
        Measure(f"F1 of {name}", _mean(scores), ""),
        Measure(f"  95 % interval of {name}, from", low, ""),
        Measure(f"  95 % interval of {name}, to", high, ""),
        Measure(f"  CPU of {name}", cpu_ms, "ms/page"),
    ]
    for suite in sorted({page.suite for page in pages}):
        part = [score for page, score in zip(pages, scores, strict=True) if page.suite == suite]
        measures.append(Measure(f"  F1 of {name} on {suite}", _mean(part), ""))
    return measures


def score_f1(expected: str, found: str) -> float:
    """Give the harmonic mean of precision and recall over the bags of words."""
    wanted, given = Counter(_words(expected)), Counter(_words(found))
    common = sum((wanted & given).values())
    return 2 * common / (wanted.total() + given.total()) if wanted or given else 1.0


def find_interval(scores: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Give the 95 % interval of the mean over resampled pages."""
    chance = random.Random(seed)
    means = sorted(_mean(chance.choices(scores, k=len(scores))) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
