"""Each task called as a function, on the real Postgres, Redis and model."""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import text
from structlog.testing import capture_logs

from newsmill.services.launcher import Services
from schemas.errors import PermanentError
from schemas.settings import Settings
from store import articles, dead, sources, work
from store.database import Database
from tests.integration.workers.corpus import (
    add_source,
    assert_whole,
    count,
    fail,
    ids,
    write_corpus,
)
from tests.integration.workers.crew import Crew
from workers import attempts, slices, stretch
from workers.inference import analyse
from workers.ingest import poll_source
from workers.mill import Mill
from workers.prefilter import screen
from workers.queues import INFERENCE, PREFILTER, STAGES
from workers.reconstruct import rebuild
from workers.sending import FULL, send
from workers.shutdown import StopSign
from workers.tick import sweep

ARTICLES = 25


def read_messages(settings: Settings, queue: str) -> list[Any]:
    """Read the first argument of every message that lies in a queue, the oldest first."""
    assert settings.redis_url is not None
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        messages = [json.loads(each) for each in client.lrange(queue, 0, -1)]
    bodies = [json.loads(b64decode(each["body"])) for each in reversed(messages)]
    return [arguments[0] for arguments, _, _ in bodies]


@pytest.fixture
def corpus(database: Database, tmp_path: Path) -> int:
    return add_source(database, write_corpus(tmp_path / "corpus.jsonl", ARTICLES))


def test_an_article_passes_all_four_stages(mill: Mill, database: Database, corpus: int) -> None:
    poll_source.run(corpus)
    screen.run(ids(database, PREFILTER))
    analyse.run([])
    rebuild.run(ids(database, "reconstruct"))
    assert_whole(database, ARTICLES)


def test_each_stage_tells_the_next_which_ids_wait(
    mill: Mill, database: Database, corpus: int, settings: Settings
) -> None:
    poll_source.run(corpus)
    told = read_messages(settings, PREFILTER)
    assert [len(portion) for portion in told] == [20, 5]
    assert sorted(chain(*told)) == ids(database, PREFILTER)
    screen.run(told[1])
    assert sorted(chain(*read_messages(settings, INFERENCE))) == sorted(chain(*told))


@pytest.mark.parametrize("stage", [PREFILTER, "reconstruct"])
def test_backlog_without_messages_needs_one_message_and_takes_turns(
    mill: Mill,
    database: Database,
    corpus: int,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    poll_source.run(corpus)
    if stage == "reconstruct":
        screen.run([])
        analyse.run([])
    task = {PREFILTER: screen, "reconstruct": rebuild}[stage]
    assert settings.redis_url is not None
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.delete(*STAGES)
    monkeypatch.setattr(slices.Slice, "is_over", True)
    task.run([7])
    assert len(ids(database, stage)) == ARTICLES
    assert read_messages(settings, stage) == [[7]]
    monkeypatch.undo()
    task.run([7])
    assert ids(database, stage) == []


def test_every_task_may_be_called_twice(mill: Mill, database: Database, corpus: int) -> None:
    for _ in range(2):
        poll_source.run(corpus)
        screen.run(ids(database, PREFILTER))
        analyse.run([])
        rebuild.run(ids(database, "reconstruct"))
    assert_whole(database, ARTICLES)


def test_a_message_about_nothing_is_harmless(mill: Mill) -> None:
    poll_source.run(999)
    screen.run([999])
    analyse.run([999])
    rebuild.run([999])


def test_source_that_cannot_be_read_is_a_dead_letter_and_remembers_why(
    mill: Mill, database: Database, tmp_path: Path
) -> None:
    source_id = add_source(database, tmp_path / "missing.jsonl")
    poll_source.run(source_id)
    with database.begin() as session:
        (letter,) = dead.list_dead(session)
        source = sources.load(session, source_id)
    assert letter.error.startswith("PermanentError")
    assert source.failures == 1
    assert source.last_error is not None
    assert "missing.jsonl" in source.last_error


def test_long_source_is_read_in_turns_at_no_cost_of_attempts(
    settings: Settings, mill: Mill, database: Database, corpus: int
) -> None:
    queue = settings.queue.model_copy(update={"task_time_limit": timedelta(0)})
    mill.settings = settings.model_copy(update={"queue": queue})
    poll_source.run(corpus)
    assert count(database, "SELECT count(*) FROM article") == 20
    assert count(database, "SELECT attempts FROM work WHERE stage = 'ingest'") == 0
    assert read_messages(settings, "ingest") == [corpus]
    mill.settings = settings
    poll_source.run(corpus)
    assert ids(database, "ingest") == []
    assert len(ids(database, PREFILTER)) == ARTICLES


def test_source_that_is_removed_while_it_is_read_is_read_no_further(
    mill: Mill, database: Database, corpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = articles.insert_new

    def insert_then_remove(session: Any, *given: Any) -> list[int]:
        monkeypatch.setattr(articles, "insert_new", insert)
        inserted = insert(session, *given)
        sources.remove(session, [corpus])
        return inserted

    monkeypatch.setattr(articles, "insert_new", insert_then_remove)
    poll_source.run(corpus)
    assert count(database, "SELECT count(*) FROM article") == 20
    assert count(database, "SELECT count(*) FROM source WHERE state = 'removed'") == 1
    assert ids(database, "ingest") == []


def test_redis_that_is_away_costs_no_article(
    settings: Settings,
    mill: Mill,
    database: Database,
    corpus: int,
    crew: Crew,
    services: Services,
) -> None:
    crew.kill_redis()
    assert not send(settings, {PREFILTER: [1]})
    poll_source.run(corpus)
    assert len(ids(database, PREFILTER)) == ARTICLES
    services.ensure()
    assert send(settings, {PREFILTER: [1]})


def test_lens_that_is_not_here_gives_a_dead_letter(
    mill: Mill, database: Database, corpus: int
) -> None:
    poll_source.run(corpus)
    article_id = ids(database, PREFILTER)[0]
    with database.begin() as session:
        work.enqueue(session, INFERENCE, [(article_id, "unheard")])
    analyse.run([])
    with database.begin() as session:
        (letter,) = dead.list_dead(session)
    assert (letter.subject_id, letter.lens) == (article_id, "unheard")
    assert "'unheard' is not here" in letter.error


def test_work_for_an_article_that_was_deleted_meanwhile_is_let_go_in_every_stage(
    mill: Mill, database: Database, corpus: int
) -> None:
    poll_source.run(corpus)
    first, second, third, *_ = ids(database, PREFILTER)
    delete = text("DELETE FROM article WHERE id = :id")
    with database.begin() as session:
        session.execute(delete, {"id": first})
    screen.run([])
    with database.begin() as session:
        session.execute(delete, {"id": second})
    analyse.run([])
    with database.begin() as session:
        session.execute(delete, {"id": third})
    rebuild.run([])
    assert_whole(database, ARTICLES - 3)


def test_work_for_a_lens_that_is_left_out_by_now_is_let_go_and_told_once(
    mill: Mill, database: Database, corpus: int
) -> None:
    poll_source.run(corpus)
    screen.run([])
    with database.begin() as session:
        found = "SELECT article_id FROM screening"
        waiting = [(article_id, "newsletter") for article_id in session.scalars(text(found))]
        work.enqueue(session, INFERENCE, waiting)
    with capture_logs() as logs:
        analyse.run([])
        with database.begin() as session:
            session.execute(text("UPDATE completion SET lens = 'newsletter' WHERE id % 2 = 0"))
        rebuild.run([])
    assert [each["lens"] for each in logs if each["event"] == "lens_left_out"] == ["newsletter"]
    assert count(database, "SELECT count(*) FROM work") == 0
    assert count(database, "SELECT count(*) FROM completion") == ARTICLES
    assert count(database, "SELECT count(*) FROM analysis") in (ARTICLES // 2, ARTICLES // 2 + 1)


def test_article_that_the_rules_drop_after_an_edit_is_not_read_for_what_it_said_before(
    settings: Settings, mill: Mill, database: Database, tmp_path: Path
) -> None:
    prefilter = settings.prefilter.model_copy(update={"audit_rate": 0.0})
    mill.settings = settings.model_copy(update={"prefilter": prefilter})
    marks = [(place, "Parliament agreed.") for place in range(3)]
    poll_source.run(add_source(database, write_corpus(tmp_path / "kept.jsonl", 3, marks=marks)))
    kept_ids = ids(database, PREFILTER)
    screen.run([])
    assert ids(database, INFERENCE) == kept_ids
    with database.begin() as session:
        edit = "UPDATE article SET title = 'Garden', text = 'Roses need water.', revision = 2"
        session.execute(text(f"{edit} WHERE id <> :id"), {"id": kept_ids[0]})
        work.enqueue(session, PREFILTER, kept_ids, again=True)
    # One of them is being read.
    attempts.claim(mill, INFERENCE, [kept_ids[1]], limit=1)
    screen.run([])
    assert ids(database, INFERENCE) == kept_ids[:2]


def test_article_that_failed_before_is_read_without_company(
    mill: Mill, database: Database, corpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_source.run(corpus)
    screen.run(ids(database, PREFILTER))
    first = attempts.claim(mill, INFERENCE, None, limit=1)
    with database.begin() as session:
        work.fail(session, first, retry_in=timedelta(0), error="it failed")
    stretches: list[list[int]] = []
    original = stretch.Stretch._open

    def watched(self: stretch.Stretch, batch: Any) -> Any:
        if not self._in_flight:
            stretches.append([])
        stretches[-1] += [claim.subject_id for claim in batch]
        return original(self, batch)

    monkeypatch.setattr(stretch.Stretch, "_open", watched)
    analyse.run([])
    assert [first[0].subject_id] in stretches
    assert sum(map(len, stretches)) == ARTICLES


def test_when_one_of_several_fails_all_are_tried_again_alone(
    mill: Mill, database: Database, corpus: int
) -> None:
    poll_source.run(corpus)
    claims = attempts.claim(mill, PREFILTER, None, limit=3)
    with attempts.attempt(mill, claims):
        fail(PermanentError("one of them is bad"))
    again = [attempts.claim(mill, PREFILTER, None, limit=3) for _ in range(3)]
    assert [[claim.attempts for claim in each] for each in again] == [[2], [2], [2]]


FILL_DISK = """
CREATE FUNCTION fill_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON screening EXECUTE FUNCTION fill_disk()
"""


def test_disk_of_the_database_that_is_full_for_long_buries_nothing_and_is_not_asked_in_a_hurry(
    settings: Settings,
    mill: Mill,
    database: Database,
    corpus: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hour = timedelta(hours=1)
    queue = settings.queue.model_copy(update={"retry_first": hour})
    mill.settings = settings.model_copy(update={"queue": queue})
    pauses: list[timedelta] = []
    monkeypatch.setattr(attempts, "pause", pauses.append)
    poll_source.run(corpus)
    with database.begin() as session:
        session.execute(text(FILL_DISK))
    for night in range(1, queue.max_attempts + 2):
        screen.run([])
        assert pauses == [hour] * 2 * night, "after each batch"
        later = "state = 'waiting' AND attempts = 0 AND NOT alone AND due_at > now()"
        assert count(database, f"SELECT count(*) FROM work WHERE {later}") == ARTICLES
        with database.begin() as session:
            session.execute(text("UPDATE work SET due_at = now()"))
    with database.begin() as session:
        session.execute(text("DROP TRIGGER full_disk ON screening"))
    screen.run([])
    assert count(database, "SELECT count(*) FROM screening") == ARTICLES


def test_interrupted_attempt_is_given_back(mill: Mill, database: Database, corpus: int) -> None:
    poll_source.run(corpus)
    claims = attempts.claim(mill, PREFILTER, None, limit=3)
    with pytest.raises(SystemExit), attempts.attempt(mill, claims):
        sys.exit()
    assert [each.attempts for each in attempts.claim(mill, PREFILTER, None, limit=3)] == [1, 1, 1]


def test_error_of_the_task_itself_is_not_swallowed(mill: Mill) -> None:
    with pytest.raises(ZeroDivisionError), attempts.attempt(mill, []):
        _ = 1 / 0


def test_stopping_worker_claims_nothing_more(
    mill: Mill, database: Database, corpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = StopSign()
    sign.arm()
    sign.raise_()
    monkeypatch.setattr(attempts, "stop_sign", sign)
    monkeypatch.setattr(slices, "stop_sign", sign)
    poll_source.run(corpus)
    analyse.run([])
    assert count(database, "SELECT count(*) FROM article") == 0


def test_tick_sends_what_waits_and_a_second_one_does_not_repeat_it(
    mill: Mill, database: Database, corpus: int, settings: Settings
) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE work SET sent_at = NULL"))
    sweep.run()
    sweep.run()
    assert read_messages(settings, "ingest") == [corpus]


def test_nothing_is_added_to_a_queue_that_nobody_reads(
    mill: Mill, settings: Settings, database: Database, corpus: int
) -> None:
    assert settings.redis_url is not None
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.rpush(PREFILTER, *["unread"] * FULL)
        poll_source.run(corpus)
        assert client.llen(PREFILTER) == FULL
        with database.begin() as session:
            session.execute(text("UPDATE work SET sent_at = NULL"))
        sweep.run()
        assert client.llen(PREFILTER) == FULL
        client.delete(PREFILTER)
        sweep.run()
        assert client.llen(PREFILTER) > 0


def test_tick_polls_a_due_source_once_however_often_it_comes(
    mill: Mill, database: Database, settings: Settings
) -> None:
    with database.begin() as session:
        source_id = sources.upsert(
            session, kind="feed", location="http://127.0.0.1:1/", interval=timedelta(hours=1)
        )
    for _ in range(3):
        sweep.run()
    assert read_messages(settings, "ingest") == [source_id]
    assert ids(database, "ingest") == [source_id]


def test_stages_are_named_alike_in_store_and_queues() -> None:
    assert set(STAGES) == {"ingest", "prefilter", "inference", "reconstruct"}
