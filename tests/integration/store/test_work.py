"""The queue of record: claims, fences, attempts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from store import work
from store.database import Database
from store.sweep import sweep
from store.work import Claim
from tests.integration.store.rows import HOUR, OVER, claim, enqueue, read, states


def expire(database: Database, max_attempts: int = 3) -> None:
    with database.begin() as session:
        sweep(session, [], max_attempts=max_attempts, resend_after=HOUR)


def test_eight_claimers_share_500_rows_without_taking_one_twice(database: Database) -> None:
    enqueue(database, "prefilter", list(range(500)))
    start = Barrier(8)

    def drain() -> list[Claim]:
        start.wait()
        taken: list[Claim] = []
        while claims := claim(database, limit=7):
            taken += claims
        return taken

    with ThreadPoolExecutor(8) as pool:
        shares = [future.result() for future in [pool.submit(drain) for _ in range(8)]]
    subject_ids = [each.subject_id for share in shares for each in share]
    assert sorted(subject_ids) == list(range(500))
    assert states(database) == [(subject_id, "claimed", 1) for subject_id in range(500)]


def test_most_urgent_goes_first_and_then_the_newest(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2, 3])
    enqueue(database, "prefilter", [4, 5], priority=-1)
    enqueue(database, "prefilter", [0], priority=9)
    assert [each.subject_id for each in claim(database, limit=4)] == [0, 3, 2, 1]
    assert [each.subject_id for each in claim(database)] == [5, 4]


def test_claim_is_narrowed_by_stage_subjects_and_lenses(database: Database) -> None:
    enqueue(database, "inference", [(1, "editorial"), (1, "newsletter"), (2, "editorial")])
    enqueue(database, "reconstruct", [1])
    claims = claim(database, "inference", subject_ids=[1, 7], lenses=["editorial"])
    assert [(each.subject_id, each.lens) for each in claims] == [(1, "editorial")]
    assert claim(database, "inference", subject_ids=[]) == []


def test_back_fill_is_claimed_last_and_only_if_it_is_wanted(database: Database) -> None:
    enqueue(database, "prefilter", [9], priority=-10)
    enqueue(database, "prefilter", [1, 2])
    claims = claim(database, limit=2, urgent_only=True)
    assert [(each.subject_id, each.priority) for each in claims] == [(2, 0), (1, 0)]
    assert claim(database, urgent_only=True) == []
    assert [(each.subject_id, each.priority) for each in claim(database)] == [(9, -10)]


def test_work_that_is_finished_and_made_anew_in_one_transaction_waits(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    claims = claim(database)
    with database.begin() as session:
        assert work.finish(session, claims) == {1}
        assert work.enqueue(session, "prefilter", [1], priority=-10) == 1
    assert read(database, "SELECT state, attempts, priority FROM work") == [("waiting", 0, -10)]


def test_lenses_of_one_article_are_claimed_side_by_side(database: Database) -> None:
    enqueue(database, "inference", [(1, "b"), (2, "a"), (1, "a"), (2, "b")])
    claims = claim(database, "inference")
    assert [(each.subject_id, each.lens) for each in claims] == [
        (2, "a"),
        (2, "b"),
        (1, "a"),
        (1, "b"),
    ]


def test_enqueueing_twice_keeps_one_row_and_its_state(database: Database) -> None:
    assert enqueue(database, "prefilter", [1, 2, 2]) == 2
    claim(database, subject_ids=[1])
    assert enqueue(database, "prefilter", [1, 2, 3]) == 1
    assert states(database) == [(1, "claimed", 1), (2, "waiting", 0), (3, "waiting", 0)]


def test_enqueueing_again_takes_work_away_from_whoever_has_it(database: Database) -> None:
    enqueue(database, "reconstruct", [1])
    outdated = claim(database, "reconstruct")
    assert enqueue(database, "reconstruct", [1], again=True) == 1
    with database.begin() as session:
        assert work.finish(session, outdated) == set()
    assert states(database) == [(1, "waiting", 0)]


def test_renewed_back_fill_is_urgent_and_new_and_what_is_claimed_stays(database: Database) -> None:
    enqueue(database, "inference", [1, 2, 3], priority=-10)
    read(database, "UPDATE work SET enqueued_at = now() - interval '2 days' RETURNING 1")
    claim(database, "inference", subject_ids=[2])
    with database.begin() as session:
        work.fail(session, claim(database, "inference", subject_ids=[3]), retry_in=None, error="x")
    with database.begin() as session:
        assert work.renew(session, "inference", [1, 2, 3], priority=1) == 2
    is_old = "enqueued_at < now() - interval '1 day'"
    rows = read(
        database, f"SELECT subject_id, state, priority, {is_old} FROM work ORDER BY subject_id"
    )
    assert rows == [(1, "waiting", 1, False), (2, "claimed", -10, True), (3, "waiting", 1, False)]


def test_finished_work_is_gone(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2])
    with database.begin() as session:
        assert work.finish(session, claim(database)) == {1, 2}
    assert states(database) == []


def test_rolled_back_finish_leaves_the_work_claimed(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    claims = claim(database)
    with database.begin() as session:
        work.finish(session, claims)
        session.rollback()
    assert states(database) == [(1, "claimed", 1)]


def test_lost_claim_can_neither_finish_fail_release_nor_extend(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    lost = claim(database, lease=OVER)
    expire(database)
    held = claim(database)
    with database.begin() as session:
        assert work.finish(session, lost) == set()
        assert work.fail(session, lost, retry_in=None, error="late") == 0
        assert work.release(session, lost) == 0
        assert work.extend(session, lost, HOUR) == 0
    assert states(database) == [(1, "claimed", 2)]
    with database.begin() as session:
        assert work.finish(session, held) == {1}


def test_released_work_gets_its_attempt_back_and_is_sent_again(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    with database.begin() as session:
        assert work.release(session, claim(database)) == 1
    assert states(database) == [(1, "waiting", 0)]
    assert read(database, "SELECT sent_at FROM work") == [(None,)]


def test_failed_work_waits_until_it_is_due(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2])
    late, soon = claim(database)
    with database.begin() as session:
        work.fail(session, [late], retry_in=HOUR, error="timeout")
        work.fail(session, [soon], retry_in=timedelta(0), error="timeout")
    assert [each.subject_id for each in claim(database)] == [soon.subject_id]


def test_work_failed_for_good_is_a_dead_letter_that_no_claim_sees(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    with database.begin() as session:
        work.fail(session, claim(database), retry_in=None, error="bad\x00 text", traceback="a\x00b")
    assert read(database, "SELECT state, error, traceback FROM work") == [
        ("dead", "bad text", "ab")
    ]
    assert claim(database) == []


def test_work_that_failed_is_claimed_by_itself(database: Database) -> None:
    enqueue(database, "prefilter", [1, 2, 3, 4])
    with database.begin() as session:
        failed = claim(database, subject_ids=[2, 4])
        work.fail(session, failed, retry_in=timedelta(0), error="one of us")
    batches = []
    while claims := claim(database):
        batches.append([each.subject_id for each in claims])
    assert batches == [[4], [3, 1], [2]]


def test_extended_lease_does_not_run_out(database: Database) -> None:
    enqueue(database, "prefilter", [1])
    claims = claim(database, lease=OVER)
    with database.begin() as session:
        assert work.extend(session, claims, HOUR) == 1
    expire(database)
    assert states(database) == [(1, "claimed", 1)]


def test_nothing_to_do_is_done(database: Database) -> None:
    assert enqueue(database, "prefilter", []) == 0
    with database.begin() as session:
        assert work.finish(session, []) == set()
