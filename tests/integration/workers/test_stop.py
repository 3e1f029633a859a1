"""Workers that are told to stop: they finish what is quick, and give back what is not."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import redis

from schemas.settings import Settings
from store.database import Database
from tests.integration.workers.corpus import add_source, count, write_corpus
from tests.integration.workers.crew import Crew
from workers.ingest import poll_source
from workers.mill import Mill
from workers.prefilter import screen
from workers.queues import INFERENCE, RECONSTRUCT
from workers.shutdown import LEAVE_S

ARTICLES = 60
SOFT_S = 4.0

LEAVING_S = 8.0
"""What Celery takes beyond its soft timeout, generously: 2 to 3 s on an idle machine."""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Leases that outlast the test: only giving back makes a claim free."""
    given = {"lease": timedelta(minutes=10), "soft_shutdown": timedelta(seconds=SOFT_S)}
    return settings.model_copy(update={"queue": settings.queue.model_copy(update=given)})


@pytest.fixture
def stages() -> tuple[str, ...]:
    return (INFERENCE, RECONSTRUCT)


@pytest.fixture
def working(crew: Crew, mill: Mill, database: Database, tmp_path: Path) -> Crew:
    """A mill in the middle of inference."""
    poll_source.run(add_source(database, write_corpus(tmp_path / "corpus.jsonl", ARTICLES)))
    screen.run([])
    crew.be_faulty(slow_s={INFERENCE: 0.2})
    crew.start()
    crew.run_until(lambda: count(database, "SELECT count(*) FROM completion") > 0)
    return crew


def stop(main: psutil.Process) -> float:
    """Ask a worker to stop; return the seconds until it is gone."""
    began = time.monotonic()
    main.terminate()
    main.wait(SOFT_S + LEAVING_S)
    return time.monotonic() - began


def test_worker_that_is_told_to_stop_finishes_its_batch_and_claims_no_more(
    working: Crew, database: Database
) -> None:
    stop(working.find(INFERENCE))
    assert "given_back" not in working.read_log(INFERENCE)
    queue = working.queue(INFERENCE)
    assert queue.claimed == 0
    assert queue.waiting > 0, "it did not go on with all that waited"
    assert count(database, "SELECT count(*) FROM work WHERE attempts > 0") == 0
    done = count(database, "SELECT count(*) FROM completion")
    assert done + queue.waiting == ARTICLES


def test_worker_that_cannot_finish_in_time_gives_its_batch_back_with_the_attempts(
    working: Crew, database: Database
) -> None:
    working.be_faulty(slow_s={INFERENCE: 60.0})
    working.run_until(lambda: is_stuck(database))
    assert stop(working.find(INFERENCE)) >= SOFT_S
    assert working.queue(INFERENCE).claimed == 0
    assert count(database, "SELECT count(*) FROM work WHERE attempts > 0") == 0

    working.be_sound()
    working.run_until(
        lambda: (
            count(database, "SELECT count(*) FROM analysis") == ARTICLES and working.is_through()
        )
    )


def test_worker_whose_redis_says_nothing_any_more_leaves_all_the_same(
    crew: Crew, redis_url: str
) -> None:
    crew.start()
    crew.run_until(lambda: "ready" in crew.read_log(RECONSTRUCT))
    with redis.Redis.from_url(redis_url) as client:
        server = psutil.Process(client.info("server")["process_id"])
    server.suspend()
    try:
        worker = crew.find(RECONSTRUCT)
        children = worker.children()
        worker.terminate()
        worker.wait(SOFT_S + LEAVE_S + LEAVING_S)
        _, left = psutil.wait_procs(children, LEAVING_S)
        assert not left
    finally:
        server.resume()


def is_stuck(database: Database) -> bool:
    """Whether nothing more has been completed for a while: the worker sleeps over an article."""
    before = count(database, "SELECT count(*) FROM completion")
    time.sleep(1)
    return before == count(database, "SELECT count(*) FROM completion")
