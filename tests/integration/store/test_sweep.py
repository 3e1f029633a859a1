"""Finding what workers left behind, and what nobody was told of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from store import work
from store.database import Database
from store.sweep import Sweep, sweep
from tests.integration.store.rows import HOUR, OVER, claim, enqueue, read, states

STAGES = ("ingest", "prefilter", "inference", "reconstruct")


def run_sweep(database: Database, **options: Any) -> Sweep:
    with database.begin() as session:
        return sweep(session, STAGES, **{"max_attempts": 3, "resend_after": HOUR, **options})


def test_work_whose_message_was_just_sent_is_left_alone(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2])
    assert run_sweep(database) == Sweep()


def test_work_whose_message_may_be_lost_is_sent_once(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2])
    enqueue(database, "inference", [(1, "a"), (1, "b")])
    read(database, "UPDATE work SET sent_at = now() - interval '2 hours' RETURNING 1")
    assert run_sweep(database).to_send == {"prefilter": [2, 1], "inference": [1]}
    assert run_sweep(database).to_send == {}


def test_retry_is_sent_when_it_is_due_and_not_before(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2])
    later, now = claim(database)
    with database.begin() as session:
        work.fail(session, [later], retry_in=HOUR, error="x")
        work.fail(session, [now], retry_in=timedelta(0), error="x")
    assert run_sweep(database).to_send == {"prefilter": [now.subject_id]}


def test_expired_lease_puts_work_back_to_be_claimed_by_itself(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2, 3])
    claim(database, subject_ids=[1, 2], lease=OVER)
    found = run_sweep(database)
    assert (found.rescued, found.buried, found.to_send) == (2, 0, {"prefilter": [2, 1]})
    assert states(database) == [(1, "waiting", 1), (2, "waiting", 1), (3, "waiting", 0)]
    assert [each.subject_id for each in claim(database, subject_ids=[1, 2])] == [2]


def test_lease_that_runs_is_not_touched(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    claim(database)
    assert run_sweep(database) == Sweep()


def test_work_that_killed_three_workers_is_buried_with_a_reason(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    for _ in range(2):
        claim(database, lease=OVER)
        assert run_sweep(database).rescued == 1
    claim(database, lease=OVER)
    assert run_sweep(database).buried == 1
    assert read(database, "SELECT state, attempts, error FROM work") == [
        ("dead", 3, "attempt 3: its worker died or its lease ran out")
    ]
    assert run_sweep(database) == Sweep()


def test_work_that_failed_before_its_worker_died_keeps_its_traceback(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    with database.begin() as session:
        claims = work.claim(session, "prefilter", limit=1, lease=HOUR)
        work.fail(session, claims, retry_in=OVER, error="a gap", traceback="line 7")
    claim(database, lease=OVER)
    assert run_sweep(database).rescued == 1
    told = "attempt 2: its worker died or its lease ran out; the traceback is of an earlier one"
    assert read(database, "SELECT error, traceback FROM work") == [(told, "line 7")]


def test_poison_article_does_not_bury_the_others_of_its_batch(database: Database) -> None:
    enqueue(database, "prefilter", list(range(20)))
    for _ in range(60):
        claims = claim(database, lease=OVER)
        if not claims:
            break
        if all(each.subject_id != 7 for each in claims):
            with database.begin() as session:
                work.finish(session, claims)
        run_sweep(database)
    assert states(database) == [(7, "dead", 3)]


def test_one_sweep_sends_no_more_than_its_limit_of_each_stage(database: Database) -> None:
    enqueue(database, "prefilter", list(range(30)))
    enqueue(database, "reconstruct", list(range(5)))
    read(database, "UPDATE work SET sent_at = NULL RETURNING 1")
    sizes = [
        {stage: len(ids) for stage, ids in run_sweep(database, limit=20).to_send.items()}
        for _ in range(3)
    ]
    assert sizes == [{"prefilter": 20, "reconstruct": 5}, {"prefilter": 10}, {}]


def test_articles_are_sent_newest_first_and_sources_in_turn(database: Database) -> None:
    for stage in ("prefilter", "ingest"):
        enqueue(database, stage, [1, 2, 3, 4])
    for place, subject_id in enumerate([3, 1, 4, 2]):
        read(
            database,
            "UPDATE work SET sent_at = NULL, enqueued_at = now() + :place * interval '1 s' "
            "WHERE subject_id = :subject_id RETURNING 1",
            place=place,
            subject_id=subject_id,
        )
    assert run_sweep(database).to_send == {"prefilter": [4, 3, 2, 1], "ingest": [3, 1, 4, 2]}


def test_two_sweeps_at_once_share_what_there_is(database: Database) -> None:
    enqueue(database, "prefilter", list(range(200)))
    read(database, "UPDATE work SET sent_at = NULL RETURNING 1")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: run_sweep(database, limit=60), range(4)))
    sent = [subject_id for each in found for subject_id in each.to_send.get("prefilter", [])]
    assert sorted(sent) == list(range(200))
