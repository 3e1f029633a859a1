"""Does the inference worker grow or lose anything? Its memory and its rows over 2,000 articles.

A private Postgres and Redis, the starter (or `--model`), and the tasks of inference and
reconstruction themselves, called message after message in this process: claims, batches,
completions, analyses. Articles are made up, or come from a corpus.

    python -m bench.memory [--articles 2000] [--model NAME] [--corpus FILE.jsonl[.gz]]
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.long_articles import make_long_articles
from bench.reports import Measure, report
from inference.cpu import resident_bytes
from ingest.corpora import read_corpus
from ingest.files import open_source
from newsmill.workplace import Workplace, open_workplace
from schemas.articles import ArticleDraft
from schemas.settings import InferenceSettings, Settings, load_settings
from store import articles, counts, sources, work
from store.counts import Totals
from workers.app import configure
from workers.inference import analyse
from workers.mill import Mill, use_mill
from workers.queues import INFERENCE
from workers.reconstruct import rebuild

PORTION = 50
"""Articles between two looks at the memory."""

WARM_UP = 200
"""Articles until caches and llama.cpp's buffers have their size."""

LENS = "editorial"

GOAL_MB_PER_1000 = 5.0
"""Growth below it is the allocator's; a leak of an article's text would be 5 MB."""


def main() -> None:
    """Read the articles and report."""
    parser = argparse.ArgumentParser(description="Memory of inference over many articles.")
    parser.add_argument("--articles", type=int, default=2000)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--corpus", type=Path, help="a JSONL file to read instead")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="newsmill-", dir="/tmp"))
        )
        folder.chmod(0o711)  # The servers run as another user when we are root.
        settings = plan_settings(folder, given.model)
        place = stack.enter_context(open_workplace(settings))
        stack.enter_context(run_mill(place.settings))
        start_mb = resident_mb()
        drafts = take_corpus(given.corpus) if given.corpus else make_drafts(given.articles)
        samples = list(read(place, islice(drafts, given.articles)))
        with place.database.begin() as session:
            totals = counts.count_totals(session)
            dead = sum(queue.dead for queue in counts.count_queues(session))
    tell(start_mb, samples, totals, dead, {"model": given.model, "corpus": str(given.corpus)})


def plan_settings(home: Path, model: str) -> Settings:
    """Take the user's settings, but for the servers: none of theirs is filled."""
    inference = InferenceSettings(build=model)
    changes = {"home": home, "database_url": None, "redis_url": None, "inference": inference}
    return load_settings().model_copy(update=changes)


@contextmanager
def run_mill(settings: Settings) -> Iterator[Mill]:
    """Let the task of this process work with these settings."""
    configure(settings)
    mill = Mill(settings)
    use_mill(mill)
    try:
        yield mill
    finally:
        mill.close()


def make_drafts(number: int) -> Iterator[ArticleDraft]:
    """Make articles up."""
    for place, (title, text) in enumerate(make_long_articles(number)):
        key = f"{place:032x}"
        yield ArticleDraft(external_id=str(place), title=title, text=text, content_key=key)


def take_corpus(corpus: Path) -> Iterator[ArticleDraft]:
    """Give the articles of a corpus; lines that hold none are left out."""
    with open_source(corpus) as stream:
        for item in read_corpus(stream, 0, datetime.now(UTC)):
            if isinstance(item.outcome, ArticleDraft):
                yield item.outcome


def read(place: Workplace, drafts: Iterator[ArticleDraft]) -> Iterator[tuple[int, float]]:
    """Let portion after portion be read; give the articles so far and the memory in MB."""
    console = Console(stderr=True)
    with place.database.begin() as session:
        source_id = sources.upsert(session, kind="jsonl", location="/made-up.jsonl", name="bench")
    end = 0
    while portion := list(islice(drafts, PORTION)):
        # Put before the inference worker as the prefilter does it.
        with place.database.begin() as session:
            saved = articles.insert_new(session, source_id, portion)
            work.enqueue(session, INFERENCE, [(article_id, LENS) for article_id in saved])
        analyse.run([])
        rebuild.run([])
        gc.collect()
        end += len(portion)
        yield end, resident_mb()
        if end % (10 * PORTION) == 0:
            console.print(f"{end} articles, {resident_mb():.1f} MB")


def tell(
    start_mb: float,
    samples: Sequence[tuple[int, float]],
    totals: Totals,
    dead: int,
    setting: Mapping[str, str],
) -> None:
    """Print and write the figures; the slope is that of a straight line after the warm-up."""
    warm = [sample for sample in samples if sample[0] >= WARM_UP] or list(samples)
    counts, sizes = (np.array(column, dtype=np.float64) for column in zip(*warm, strict=True))
    slope = float(np.polyfit(counts, sizes, 1)[0]) * 1000 if len(warm) > 1 else 0.0
    report(
        "memory",
        [
            Measure("before the model is open", start_mb, "MB"),
            Measure(f"after {warm[0][0]} articles", warm[0][1], "MB"),
            Measure(f"after {warm[-1][0]} articles", warm[-1][1], "MB"),
            Measure("at most", max(size for _, size in samples), "MB"),
            Measure("growth", slope, "MB per 1,000 articles", at_most=GOAL_MB_PER_1000),
            Measure("new articles", totals.articles, ""),
            Measure("analyses", totals.analyses, "", at_least=totals.articles),
            Measure("rejected analyses", totals.rejected, "", at_most=0),
            Measure("dead letters", dead, "", at_most=0),
        ],
        {**setting, "lens": LENS, "pid": os.getpid(), "samples": samples},
    )


def resident_mb() -> float:
    """Give this process's resident memory in MB."""
    return resident_bytes() / 1e6


if __name__ == "__main__":
    main()
