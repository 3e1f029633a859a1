"""Sources: due when their interval is over, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from schemas.errors import PermanentError
from store import articles, sources, work
from store.database import Database
from store.sweep import sweep
from tests.integration.store.rows import (
    HOUR,
    OVER,
    add_articles,
    await_lock,
    claim,
    make_draft,
    read,
    states,
)


def add(database: Database, location: str, **options: object) -> int:
    with database.begin() as session:
        return sources.upsert(session, kind="feed", location=location, **options)  # type: ignore[arg-type]


def remove(database: Database, source_id: int) -> None:
    with database.begin() as session:
        sources.remove(session, [source_id])


def enqueue_due(database: Database) -> list[int]:
    with database.begin() as session:
        return sources.enqueue_due(session)


def test_same_source_again_is_one_row_with_the_new_settings(database: Database) -> None:
    first = add(database, "https://a.example/feed", name="A", settings={"x": 1})
    again = add(database, "https://a.example/feed", name="B", settings={"x": 2})
    with database.begin() as session:
        stored = sources.load(session, first)
    assert (again, stored.name, stored.settings) == (first, "B", {"x": 2})


def test_settings_that_are_not_named_again_stay(database: Database) -> None:
    source_id = add(database, "https://a.example/feed", settings={"stories": False, "x": 1})
    add(database, "https://a.example/feed")
    add(database, "https://a.example/feed", settings={"x": 2})
    with database.begin() as session:
        assert sources.load(session, source_id).settings == {"stories": False, "x": 2}


def test_source_with_an_interval_is_polled_at_once_and_then_when_due(database: Database) -> None:
    source_id = add(database, "https://a.example/feed", interval=HOUR)
    assert enqueue_due(database) == [source_id]
    assert enqueue_due(database) == []
    assert states(database) == [(source_id, "waiting", 0)]
    waits = "SELECT next_due_at - now() > interval '59 minutes' FROM source"
    assert read(database, waits) == [(True,)]


def test_interval_that_a_person_has_fixed_stays_until_another_is_fixed(
    database: Database,
) -> None:
    fixed = {"adapted": False}
    source_id = add(database, "https://a.example/feed", interval=2 * HOUR, settings=fixed)
    add(database, "https://a.example/feed", interval=HOUR)
    with database.begin() as session:
        assert sources.load(session, source_id).interval == 2 * HOUR
    add(database, "https://a.example/feed", interval=HOUR, settings=fixed)
    with database.begin() as session:
        assert sources.load(session, source_id).interval == HOUR


def test_source_without_an_interval_is_never_due(database: Database) -> None:
    add(database, "/corpus.jsonl")
    assert enqueue_due(database) == []


def test_poll_that_was_given_up_gets_its_next_chance_when_the_source_is_due(
    database: Database,
) -> None:
    source_id = add(database, "https://a.example/feed", interval=timedelta(0))
    enqueue_due(database)
    with database.begin() as session:
        claims = claim(database, "ingest")
        work.fail(session, claims, retry_in=None, error="timed out", traceback="Traceback …")
    enqueue_due(database)
    assert states(database) == [(source_id, "waiting", 0)]


def test_poll_that_killed_its_workers_stays_dead(database: Database) -> None:
    source_id = add(database, "https://a.example/feed", interval=timedelta(0))
    enqueue_due(database)
    claim(database, "ingest", lease=OVER)
    with database.begin() as session:
        sweep(session, [], max_attempts=1, resend_after=HOUR)
    enqueue_due(database)
    assert states(database) == [(source_id, "dead", 1)]


def test_poll_that_failed_before_its_worker_died_gets_its_next_chance(database: Database) -> None:
    source_id = add(database, "https://a.example/feed", interval=timedelta(0))
    enqueue_due(database)
    with database.begin() as session:
        claims = work.claim(session, "ingest", limit=1, lease=HOUR)
        work.fail(session, claims, retry_in=OVER, error="timed out", traceback="Traceback …")
    claim(database, "ingest", lease=OVER)
    with database.begin() as session:
        sweep(session, [], max_attempts=2, resend_after=HOUR)
    assert states(database) == [(source_id, "dead", 2)]
    enqueue_due(database)
    assert states(database) == [(source_id, "waiting", 0)]


def test_poll_that_takes_longer_than_its_interval_is_not_begun_again(database: Database) -> None:
    source_id = add(database, "https://a.example/feed", interval=timedelta(0))
    enqueue_due(database)
    claim(database, "ingest")
    enqueue_due(database)
    assert states(database) == [(source_id, "claimed", 1)]


def test_four_ticks_at_once_poll_each_source_once(database: Database) -> None:
    added = [add(database, f"https://a.example/{n}", interval=HOUR) for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: enqueue_due(database), range(4)))
    assert sorted(source_id for each in found for source_id in each) == added


def test_tick_takes_many_sources_and_begins_with_those_that_were_due_first(
    database: Database,
) -> None:
    added = [add(database, f"https://a.example/{n}", interval=HOUR) for n in range(150)]
    read(
        database,
        "UPDATE source SET next_due_at = now() - (id * 7 % 151) * interval '1 s' RETURNING 1",
    )
    longest_due_first = sorted(added, key=lambda source_id: -(source_id * 7 % 151))
    with database.begin() as session:
        assert sources.enqueue_due(session, limit=20) == longest_due_first[:20]
    assert enqueue_due(database) == longest_due_first[20:]


def test_polls_are_recorded(database: Database) -> None:
    source_id = add(database, "https://a.example/feed")
    with database.begin() as session:
        sources.record_failure(session, source_id, "no route\x00 to host")
        sources.record_failure(session, source_id, "timed out")
        failing = sources.load(session, source_id)
    with database.begin() as session:
        sources.save_cursor(session, source_id, {"etag": "abc"})
        sources.record_success(session, source_id)
    with database.begin() as session:
        mended = sources.load(session, source_id)
    assert (failing.failures, failing.last_error) == (2, "timed out")
    assert (mended.failures, mended.last_error, mended.cursor) == (0, None, {"etag": "abc"})
    assert mended.last_polled_at is not None


def test_source_is_removed_while_its_first_articles_are_stored(database: Database) -> None:
    source_id = add(database, "https://a.example/feed", interval=HOUR)

    with ThreadPoolExecutor(1) as pool:
        with database.begin() as session:
            articles.insert_new(session, source_id, [make_draft(1)])
            removal = pool.submit(remove, database, source_id)
            await_lock(database, removal)
        removal.result()
    assert read(database, "SELECT state FROM source") == [("removed",)]


def test_source_is_removed_while_its_poll_is_noted(database: Database) -> None:
    source_id = add(database, "https://a.example/feed", interval=HOUR)
    enqueue_due(database)
    claims = claim(database, "ingest")
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as session:
            sources.record_success(session, source_id, next_in=HOUR)
            removal = pool.submit(remove, database, source_id)
            await_lock(database, removal)
            work.finish(session, claims)
        removal.result()
    assert read(database, "SELECT count(*) FROM source") == [(0,)]


@pytest.mark.parametrize("end", ["success", "unchanged", "failure", "gone"])
def test_source_that_is_removed_while_it_is_polled_stays_removed(
    database: Database, end: str
) -> None:
    source_id = add(database, "https://a.example/feed", interval=HOUR)
    add_articles(database, source_id, 1)
    with database.begin() as session:
        sources.remove(session, [source_id])
    with database.begin() as session:
        match end:
            case "success":
                sources.record_success(session, source_id, next_in=HOUR)
            case "unchanged":
                sources.record_unchanged(session, [sources.Unchanged(source_id, HOUR, None)])
            case "failure":
                sources.record_failure(session, source_id, "timed out", next_in=HOUR)
            case _:
                sources.retire(session, source_id, "gone")
    rows = read(database, "SELECT state, paused, next_due_at FROM source")
    assert rows == [("removed", True, None)]


def test_source_that_is_gone_is_a_permanent_error(database: Database) -> None:
    with pytest.raises(PermanentError) as caught, database.begin() as session:
        sources.load(session, 404)
    assert caught.value.source_id == 404
