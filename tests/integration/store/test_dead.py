"""Dead letters: read, sent again, discarded; all of them or those named."""

from __future__ import annotations

from store import dead, pace, work
from store.database import Database
from tests.integration.store.rows import HOUR, claim, enqueue, read, states


def bury(database: Database, stage: str, items: list[work.Item], error: str) -> None:
    enqueue(database, stage, items)
    with database.begin() as session:
        claims = claim(database, stage)
        work.fail(session, claims, retry_in=None, error=error, traceback="Traceback …")


def test_dead_letters_are_listed_with_what_went_wrong(database: Database) -> None:
    bury(database, "prefilter", [1], "first")
    bury(database, "inference", [(2, "editorial")], "second")
    enqueue(database, "prefilter", [9])
    with database.begin() as session:
        letters = dead.list_dead(session)
        (named,) = dead.list_dead(session, stage="prefilter")
    assert [(each.subject_id, each.error) for each in letters] == [(2, "second"), (1, "first")]
    assert (letters[0].lens, letters[0].attempts) == ("editorial", 1)
    assert (named.subject_id, named.traceback) == (1, "Traceback …")


def test_resent_letter_starts_anew_and_others_stay(database: Database) -> None:
    bury(database, "prefilter", [1, 2], "x")
    with database.begin() as session:
        assert dead.resend(session, stage="prefilter", subject_id=1) == 1
    assert states(database) == [(1, "waiting", 0), (2, "dead", 1)]
    assert [(each.attempts, each.alone) for each in claim(database)] == [(1, True)]


def test_resent_letter_has_not_waited_while_it_was_dead(database: Database) -> None:
    bury(database, "inference", [(1, "editorial")], "x")
    read(database, "UPDATE work SET enqueued_at = now() - interval '3 days' RETURNING 1")
    with database.begin() as session:
        dead.resend(session)
    with database.begin() as session:
        assert pace.read_load(session, "inference").oldest < HOUR


def test_discarded_letters_are_gone_and_living_work_is_not(database: Database) -> None:
    bury(database, "inference", [(1, "a"), (1, "b")], "x")
    enqueue(database, "inference", [(2, "a")])
    with database.begin() as session:
        assert dead.discard(session, lens="b") == 1
        assert dead.discard(session) == 1
        assert dead.list_dead(session) == []
    assert states(database) == [(2, "waiting", 0)]
