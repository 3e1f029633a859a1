"""Articles per second from a JSONL corpus through ingest, prefilter and store.

The real thing: embedded Postgres and Valkey in a home of their own, the ingest and the prefilter
worker as Celery processes, started before the clock; then one message, and the time until every
article is screened for every lens and those kept wait for inference. No model is loaded.

    python -m bench.pipeline [--articles 20000] [--corpus FILE.jsonl]
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import psutil

from bench.corpus import write_corpus
from bench.reports import Measure, report
from ingest.corpora import read_corpus
from ingest.files import open_source
from ingest.screening import Screener
from ingest.sources import recognise_source
from newsmill.processes import plan_workers, to_environment
from newsmill.supervisor import Supervisor
from newsmill.workplace import Workplace, open_workplace
from schemas.articles import ArticleDraft
from schemas.errors import TransientError
from schemas.lens import Lens
from schemas.settings import load_settings
from store import counts, sources, work
from workers.app import configure
from workers.mill import load_lenses_in_use
from workers.queues import INGEST, PREFILTER
from workers.sending import send

GOAL_ARTICLES_PER_S = 1_000
GOAL_RULES_US = 100
WARM_UP_ARTICLES = 200
"""Enough for both workers to import, connect and compile their rules."""
RULES_SAMPLE = 2_000
POLL_S = 0.1
TIMEOUT_S = 900


@dataclass(frozen=True)
class Passage:
    """How a corpus went through."""

    articles: int
    kept: int
    seconds: float
    cpu_s: dict[str, float]
    """CPU seconds of each worker and of the servers; a busy machine bears little on them."""


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description="Articles per second up to inference.")
    parser.add_argument("--articles", type=int, default=20_000, help="made-up articles")
    parser.add_argument("--corpus", type=Path, help="a JSONL file to use instead of them")
    arguments = parser.parse_args()
    settings = load_settings()
    lenses = list(load_lenses_in_use(settings).values())
    with temporary_home() as home:
        corpus = arguments.corpus or make_corpus(home, arguments.articles, lenses, seed=1)
        warm_up = make_corpus(home, WARM_UP_ARTICLES, lenses, seed=2)
        rules_us = time_rules(lenses, corpus)
        own = {"home": home, "database_url": None, "redis_url": None}
        with open_workplace(settings.model_copy(update=own)) as place, workers_of(place) as crew:
            measure_passage(place, crew, warm_up)
            passage = measure_passage(place, crew, corpus)
    setting = {
        "corpus": "given" if arguments.corpus else f"{arguments.articles} made-up articles",
        "rules": sum(len(lens.prefilter.rules) for lens in lenses),
        "lenses": [lens.name for lens in lenses],
    }
    report("pipeline", list_measures(passage, rules_us), setting)


def list_measures(passage: Passage, rules_us: float) -> list[Measure]:
    """Give the numbers that count, with the goals of those that have one."""
    per_s = passage.articles / passage.seconds
    cpu_us = {name: spent / passage.articles * 1e6 for name, spent in passage.cpu_s.items()}
    return [
        Measure("ingest + prefilter + store", per_s, "articles/s", at_least=GOAL_ARTICLES_PER_S),
        *(Measure(f"CPU of {name}", spent, "µs/article") for name, spent in cpu_us.items()),
        Measure("new articles", passage.articles, ""),
        Measure("kept by a lens, or audited", passage.kept, ""),
        Measure("rules alone", rules_us, "µs/article", at_most=GOAL_RULES_US),
    ]


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Make a home that goes with the benchmark, and that the servers' user can enter."""
    home = Path(tempfile.mkdtemp(prefix="newsmill-bench-"))
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        yield home
    finally:
        shutil.rmtree(home)


def make_corpus(home: Path, count: int, lenses: Sequence[Lens], *, seed: int) -> Path:
    """Write made-up articles, in which rules of every lens find something."""
    path = home / f"corpus-{seed}.jsonl"
    examples = [rule.example for lens in lenses for rule in lens.prefilter.rules]
    write_corpus(path, count, examples, seed)
    return path


def time_rules(lenses: Sequence[Lens], corpus: Path) -> float:
    """Microseconds of CPU to screen one article for all lenses, once RE2 is warm.

    RE2 builds its automaton as it reads: the first half of the articles is for that.
    """
    drafts = read_drafts(corpus, 2 * RULES_SAMPLE)
    middle = len(drafts) // 2
    screener = Screener(lenses)
    for draft in drafts[:middle]:
        screener.screen(draft)
    began = time.process_time()
    for draft in drafts[middle:]:
        screener.screen(draft)
    return (time.process_time() - began) / len(drafts[middle:]) * 1e6


def read_drafts(corpus: Path, limit: int) -> list[ArticleDraft]:
    """Read the first articles of a corpus."""
    with open_source(corpus) as stream:
        items = islice(read_corpus(stream, 0, datetime.now(UTC)), limit)
        return [item.outcome for item in items if isinstance(item.outcome, ArticleDraft)]


@contextmanager
def workers_of(place: Workplace) -> Iterator[Supervisor]:
    """Run the two workers as `newsmill up` would."""
    plan = [spec for spec in plan_workers(place.settings) if spec.name in (INGEST, PREFILTER)]
    supervisor = Supervisor(plan, to_environment(place.settings), place.settings.home / "logs")
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def measure_passage(place: Workplace, crew: Supervisor, corpus: Path) -> Passage:
    """Ask for a corpus to be read, and wait until both stages are through with it."""
    spec = recognise_source(str(corpus))
    configure(place.settings)
    with place.database.begin() as session:
        before = counts.count_totals(session)
        source_id = sources.upsert(session, kind=spec.kind, location=spec.location)
        work.enqueue(session, INGEST, [source_id])
    cpu_before, began = read_cpu_s(crew), time.monotonic()
    send(place.settings, {INGEST: [source_id]})
    wait_until_through(place)
    seconds, cpu_after = time.monotonic() - began, read_cpu_s(crew)
    with place.database.begin() as session:
        after = counts.count_totals(session)
    articles = after.screened - before.screened
    kept = after.kept + after.audited - before.kept - before.audited
    cpu_s = {name: cpu_after[name] - cpu_before[name] for name in cpu_after}
    return Passage(articles, kept, seconds, cpu_s)


def wait_until_through(place: Workplace) -> None:
    """Wait until neither stage has any work."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with place.database.begin() as session:
            queues = counts.count_queues(session)
            errors = counts.list_errors(session, limit=1)
        left = [queue for queue in queues if queue.stage in (INGEST, PREFILTER)]
        if not left:
            return
        if any(queue.dead for queue in left) or time.monotonic() > deadline:
            raise TransientError(f"the workers do not get through: {left}, {errors}")
        time.sleep(POLL_S)


def read_cpu_s(crew: Supervisor) -> dict[str, float]:
    """CPU seconds so far of each worker with its child, and of Postgres and Valkey together."""
    states = crew.states()
    spent = {state.name: _tree_cpu_s(psutil.Process(state.pid)) for state in states}
    return {**spent, "servers": _tree_cpu_s(psutil.Process()) - sum(spent.values()) - _own_cpu_s()}


def _tree_cpu_s(root: psutil.Process) -> float:
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _own_cpu_s() -> float:
    return sum(psutil.Process().cpu_times())


if __name__ == "__main__":
    main()
