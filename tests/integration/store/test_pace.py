"""The load of a stage and its pace, as they are stored."""

from __future__ import annotations

from datetime import timedelta

from schemas.effort import Effort, Pace, Window
from store import pace as paces, work
from store.database import Database
from tests.integration.store.rows import HOUR, claim, enqueue, read


def test_load_is_what_waits_and_is_due_without_back_fill(database: Database) -> None:
    enqueue(database, "inference", [(number, "a") for number in range(1, 6)])
    enqueue(database, "inference", [(6, "a")], priority=-10)
    enqueue(database, "reconstruct", [1])
    read(
        database,
        "UPDATE work SET enqueued_at = now() - subject_id * interval '1 hour' RETURNING 1",
    )
    (delayed,) = claim(database, "inference", subject_ids=[5])
    assert claim(database, "inference", subject_ids=[4])
    with database.begin() as session:
        work.fail(session, [delayed], retry_in=HOUR, error="timeout")
    with database.begin() as session:
        load = paces.read_load(session, "inference")
    assert load.waiting == 3
    assert 3 * HOUR <= load.oldest < 4 * HOUR


def test_nothing_that_waits_is_no_load(database: Database) -> None:
    with database.begin() as session:
        load = paces.read_load(session, "inference")
    assert (load.waiting, load.oldest) == (0, timedelta(0))


def test_pace_comes_back_as_it_was_and_there_is_one_a_stage(database: Database) -> None:
    with database.begin() as session:
        assert paces.find(session, "inference") is None
        at = paces.read_load(session, "inference").at
    first = Pace(since=at, window=Window(began=at, waiting=1, waiting_last=1))
    second = first.model_copy(
        update={
            "effort": Effort.GATE,
            "reason": "9 wait\x00",
            "rates": {Effort.FULL: 12.5},
            "build": "starter",
        }
    )
    for pace in (first, second):
        with database.begin() as session:
            paces.save(session, "inference", pace)
    with database.begin() as session:
        assert paces.find(session, "inference", lock=True) == second.model_copy(
            update={"reason": "9 wait"}
        )
    assert read(database, "SELECT count(*) FROM pace") == [(1,)]
