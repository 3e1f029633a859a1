"""Workers and Redis are killed in the middle of their work: nothing is lost or doubled."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from schemas.settings import Settings
from store.database import Database
from tests.integration.workers.corpus import add_source, assert_whole, count, write_corpus
from tests.integration.workers.crew import Crew
from workers.queues import INFERENCE, INGEST, PREFILTER, RECONSTRUCT, STAGES

ARTICLES = 240

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Each kill costs what the worker held an attempt, and one row may meet several of them."""
    queue = settings.queue.model_copy(update={"max_attempts": 8, "lease": timedelta(seconds=5)})
    return settings.model_copy(update={"queue": queue})


def test_killing_every_worker_and_redis_loses_no_article_and_doubles_no_row(
    crew: Crew, database: Database, tmp_path: Path
) -> None:
    add_source(database, write_corpus(tmp_path / "corpus.jsonl", ARTICLES))
    slow = {INGEST: 0.4, PREFILTER: 0.02, INFERENCE: 0.02, RECONSTRUCT: 0.05}
    crew.be_faulty(slow_s=slow)
    crew.start()

    crew.run_until(lambda: count(database, "SELECT count(*) FROM article"))
    for stage in STAGES:
        crew.kill_at_work(stage)
    assert count(database, "SELECT count(*) FROM analysis") < ARTICLES, "they were at work"
    crew.kill_redis()
    crew.run_until(crew.empty_redis)
    crew.be_faulty(slow_s={stage: delay / 10 for stage, delay in slow.items()})

    crew.run_until(
        lambda: count(database, "SELECT count(*) FROM article") == ARTICLES and crew.is_through(),
        timeout_s=120,
    )
    assert_whole(database, ARTICLES)
