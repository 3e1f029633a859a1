"""Pages to be read: what a tick asks of them each time is cheap, however many wait."""

from __future__ import annotations

from sqlalchemy import text

from store import pages, work
from store.database import Database
from tests.integration.store.rows import claim, enqueue, read


def test_look_for_pages_that_were_given_up_reads_none_that_wait(database: Database) -> None:
    enqueue(database, "page", list(range(1, 5001)))
    with database.begin() as session:
        session.execute(text("ANALYZE work"))
    plan = read(database, f"EXPLAIN {pages._HAS_DEAD}")
    assert any("ix_work_failed_at" in line for (line,) in plan), plan


def test_page_that_was_given_up_is_seen_until_its_article_has_gone_on(database: Database) -> None:
    enqueue(database, "page", [1, 2])
    claims = claim(database, "page", subject_ids=[1])
    with database.begin() as session:
        assert not pages.has_dead(session)
        work.fail(session, claims, retry_in=None, error="gone")
        assert pages.has_dead(session)
        pages.pass_on_dead(session)
        assert not pages.has_dead(session)
