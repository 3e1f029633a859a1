"""Articles that end their worker, or its attempt: they are given up, and all else goes on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from schemas.settings import Settings
from store import builds, dead
from store.database import Database
from store.dead import DeadLetter
from tests.integration.workers.corpus import add_source, assert_whole, count, write_corpus
from tests.integration.workers.crew import Crew
from workers.ingest import poll_source
from workers.mill import Mill
from workers.prefilter import screen
from workers.queues import INFERENCE, PREFILTER, RECONSTRUCT

ARTICLES = 40
ATTEMPTS = 3
STAGES = (PREFILTER, INFERENCE, RECONSTRUCT)
MARKS = [(7, "arsenic"), (34, "belladonna"), (22, "cyanide")]
"""In an order in which none waits for the end of another: the last two are screened apart from the
first, and the third is read before the second."""
POISONS = dict(zip(STAGES, [word for _, word in MARKS], strict=True))

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Leases that end soon, since each attempt costs one.

    Three attempts: a neighbour of a poison loses one with it, and another where the machine stalls.
    """
    given = {"lease": timedelta(seconds=4), "max_attempts": ATTEMPTS}
    queue = settings.queue.model_copy(update=given)
    return settings.model_copy(update={"queue": queue})


@pytest.fixture
def poisoned(crew: Crew, database: Database, tmp_path: Path) -> Crew:
    """A mill whose source has a poison for each of the later stages."""
    add_source(database, write_corpus(tmp_path / "corpus.jsonl", ARTICLES, marks=MARKS))
    return crew


def read_dead(database: Database) -> dict[str, DeadLetter]:
    with database.begin() as session:
        return {letter.stage: letter for letter in dead.list_dead(session)}


def is_settled(crew: Crew, database: Database) -> bool:
    return len(read_dead(database)) == len(STAGES) and crew.is_through()


def test_article_that_kills_its_worker_ends_as_a_dead_letter_and_can_be_sent_again(
    poisoned: Crew, database: Database
) -> None:
    poisoned.be_faulty(deadly=POISONS)
    poisoned.start()
    poisoned.run_until(lambda: is_settled(poisoned, database), timeout_s=120)

    for letter in read_dead(database).values():
        assert letter.attempts == ATTEMPTS
        assert letter.error.startswith(f"attempt {ATTEMPTS}: its worker died or its lease ran out")
    assert count(database, "SELECT count(*) FROM analysis") == ARTICLES - len(STAGES)

    poisoned.be_sound()
    with database.begin() as session:
        assert dead.resend(session) == len(STAGES)
    poisoned.run_until(poisoned.is_through)
    assert_whole(database, ARTICLES)


def test_article_at_which_code_fails_is_given_up_without_its_neighbours(
    poisoned: Crew, database: Database
) -> None:
    poisoned.be_faulty(faulty=POISONS)
    poisoned.start()
    poisoned.run_until(lambda: is_settled(poisoned, database))

    for stage, letter in read_dead(database).items():
        # Code that fails fails again: it gets a second attempt, and a third after a shared one.
        assert letter.attempts in (2, ATTEMPTS)
        assert letter.error.startswith(f"KeyError: '{POISONS[stage]}'")
        assert letter.traceback is not None
        assert "meet_faults" in letter.traceback
    assert count(database, "SELECT count(*) FROM analysis") == ARTICLES - len(STAGES)


@pytest.mark.parametrize("stages", [(INFERENCE, RECONSTRUCT)], ids=["readers"])
def test_build_that_kills_its_workers_is_left_alone_and_costs_no_article_an_attempt(
    crew: Crew, mill: Mill, database: Database, tmp_path: Path
) -> None:
    with database.begin() as session:
        builds.register(session, "starter", "00", {})
    poll_source.run(add_source(database, write_corpus(tmp_path / "corpus.jsonl", ARTICLES)))
    screen.run([])
    crew.be_faulty(deadly={"opening": "starter"})
    crew.start()
    crew.run_until(lambda: "is left alone" in crew.read_log(INFERENCE))
    assert crew.read_log(INFERENCE).count("exited with 'exitcode 9'") == builds.MOST_OPENINGS
    with database.begin() as session:
        assert builds.count_openings(session, "starter") == builds.MOST_OPENINGS
    assert count(database, "SELECT count(*) FROM work WHERE attempts > 0") == 0
