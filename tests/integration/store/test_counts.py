"""Counts for people."""

from __future__ import annotations

from datetime import timedelta

from store import analyses, completions, counts, screenings, work
from store.counts import Rates, RuleCount, StageQueue, Totals
from store.database import Database
from tests.integration.store.rows import (
    HOUR,
    Decision,
    add_articles,
    claim,
    enqueue,
    make_completion,
    make_rebuilt,
    read,
)

BY_DEFAULT = Decision(decision="drop", rule_id=None, span=None, matched_text=None)
AUDITED = Decision(decision="drop", rule_id="shopping", audit=True)


def fill(database: Database, source_id: int) -> None:
    """Four articles: one kept by a rule, one dropped by default, one audited, one unseen."""
    kept, dropped, audited, _ = add_articles(database, source_id, 4)
    other = Decision(lens="newsletter", decision="drop", rule_id="shopping")
    with database.begin() as session:
        screenings.save(
            session,
            [(kept, Decision()), (kept, other), (dropped, BY_DEFAULT), (audited, AUDITED)],
        )
        (completion_id,) = completions.save(session, [(kept, make_completion())])
        analyses.save(session, [make_rebuilt(kept, completion_id, status="rejected")])


def test_totals_follow_articles_through_the_stages(database: Database, source_id: int) -> None:
    fill(database, source_id)
    with database.begin() as session:
        assert counts.count_totals(session) == Totals(
            sources=1,
            articles=4,
            screened=3,
            kept=1,
            audited=1,
            completions=1,
            analyses=1,
            rejected=1,
        )


def test_rules_are_counted_for_each_lens(database: Database, source_id: int) -> None:
    fill(database, source_id)
    with database.begin() as session:
        assert counts.count_rules(session) == [
            RuleCount("editorial", 1, "politics", "keep", 1, 0),
            RuleCount("editorial", 1, "shopping", "drop", 1, 1),
            RuleCount("editorial", 1, None, "drop", 1, 0),
            RuleCount("newsletter", 1, "shopping", "drop", 1, 0),
        ]


def test_rates_count_what_lies_within_the_window(database: Database, source_id: int) -> None:
    fill(database, source_id)
    read(database, "UPDATE article SET created_at = now() - interval '1 hour' RETURNING 1")
    window = timedelta(minutes=5)
    with database.begin() as session:
        assert counts.count_rates(session) == Rates(window, 0, 3, 1, 1)


def test_queue_shows_its_states_and_its_oldest(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2, 3, 4, 5])
    read(database, "UPDATE work SET enqueued_at = now() - interval '1 hour' RETURNING 1")
    gone, later, held = (claim(database, subject_ids=[n]) for n in (1, 2, 3))
    assert held
    with database.begin() as session:
        work.fail(session, gone, retry_in=None, error="x")
        work.fail(session, later, retry_in=HOUR, error="y")
    with database.begin() as session:
        (queue,) = counts.count_queues(session)
    assert queue.oldest_waiting is not None
    assert queue.oldest_waiting >= HOUR
    assert queue == StageQueue("prefilter", 2, 1, 1, 1, queue.oldest_waiting)


def test_back_fill_is_counted_and_makes_no_queue_old(database: Database) -> None:
    enqueue(database, "inference", [(1, "a"), (2, "a")], priority=-10)
    enqueue(database, "inference", [(3, "a")])
    read(
        database,
        "UPDATE work SET enqueued_at = now() - interval '1 day' WHERE priority < 0 RETURNING 1",
    )
    with database.begin() as session:
        (queue,) = counts.count_queues(session)
    assert (queue.waiting, queue.back_fill) == (3, 2)
    assert queue.oldest_waiting is not None
    assert queue.oldest_waiting < HOUR


def test_errors_of_unfinished_work_are_listed_last_first(database: Database) -> None:
    for number, retry_in in ((1, None), (2, HOUR)):
        enqueue(database, "prefilter", [number])
        with database.begin() as session:
            claims = claim(database, subject_ids=[number])
            work.fail(session, claims, retry_in=retry_in, error=f"error {number}")
    with database.begin() as session:
        errors = counts.list_errors(session)
    assert [(each.subject_id, each.state, each.error) for each in errors] == [
        (2, "waiting", "error 2"),
        (1, "dead", "error 1"),
    ]


def test_empty_database_counts_nothing(database: Database) -> None:
    with database.begin() as session:
        assert counts.count_totals(session) == Totals(0, 0, 0, 0, 0, 0, 0, 0)
        assert counts.count_queues(session) == []
        assert counts.count_rules(session) == []
        assert counts.list_errors(session) == []
