"""Teasers: the page is read before the prefilter sees the article; whatever it is, it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from ingest import pages
from schemas.settings import Settings
from store import hosts, pages as stored_pages, sources, work
from store.database import Database
from tests.integration.workers.corpus import count
from tests.nasty_web import ADDRESS, TEASER, asked, serve_nastily
from workers.ingest import poll_source
from workers.mill import Mill
from workers.page import read_page
from workers.queues import INGEST, PAGE, PREFILTER
from workers.tick import sweep


@pytest.fixture
def settings(settings: Settings) -> Settings:
    update = {"allowed_hosts": (ADDRESS,), "full_text": True}
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update=update)})


@pytest.fixture
def web() -> Iterator[str]:
    with serve_nastily() as base_url:
        yield base_url


def poll(database: Database, location: str, **options: Any) -> list[int]:
    """Poll a feed; returns the articles that wait for their page."""
    with database.begin() as session:
        source_id = sources.upsert(session, kind="feed", location=location, **options)
        work.enqueue(session, INGEST, [source_id])
    poll_source.run(source_id)
    with database.begin() as session:
        query = text("SELECT subject_id FROM work WHERE stage = 'page' ORDER BY subject_id")
        return list(session.execute(query).scalars())


def test_better_of_feed_and_page_is_kept_and_every_article_goes_on(
    mill: Mill, database: Database, web: str
) -> None:
    for article_id in poll(database, f"{web}/teasers"):
        read_page.run(article_id)
    with database.begin() as session:
        query = "SELECT title, metadata->>'body_from', text, notes->>-1 FROM article"
        found = {row[0]: tuple(row[1:]) for row in session.execute(text(query))}
    assert found["Ferry story"][0] == "page"
    assert found["Ferry story"][1].startswith(TEASER)
    assert "Pier number 39" in found["Ferry story"][1]
    assert found["Ferry wall"][0::2] == ("feed", "its link leads to a paywall")
    assert found["Ferry vanished"][0::2] == (
        "feed",
        "its page could not be fetched: the server answered 404 (Not Found)",
    )
    assert found["Ferry other"][0::2] == ("feed", "its page does not hold what the feed says")
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'prefilter'") == 4
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'page'") == 0


def test_second_poll_asks_for_no_page_again(mill: Mill, database: Database, web: str) -> None:
    for article_id in poll(database, f"{web}/teasers"):
        read_page.run(article_id)
    assert poll(database, f"{web}/teasers") == []
    assert asked.count("story") == 1


def test_source_may_ask_for_no_pages(mill: Mill, database: Database, web: str) -> None:
    assert poll(database, f"{web}/teasers", settings={"full_text": False}) == []
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'prefilter'") == 4


def test_article_is_compared_by_what_its_page_said(
    mill: Mill, database: Database, web: str
) -> None:
    query = text("SELECT title, hashes FROM signature JOIN article ON id = article_id")
    article_ids = poll(database, f"{web}/teasers")
    with database.begin() as session:
        before = {title: bytes(hashes) for title, hashes in session.execute(query)}
    for article_id in article_ids:
        read_page.run(article_id)
    with database.begin() as session:
        after = {title: bytes(hashes) for title, hashes in session.execute(query)}
    assert len(after) == 4
    assert {title for title in after if after[title] != before[title]} == {"Ferry story"}


def test_article_of_a_source_without_stories_is_not_compared_by_its_page_either(
    mill: Mill, database: Database, web: str
) -> None:
    for article_id in poll(database, f"{web}/teasers", settings={"stories": False}):
        read_page.run(article_id)
    assert count(database, "SELECT count(*) FROM signature") == 0


def test_page_of_a_host_in_use_comes_later(mill: Mill, database: Database, web: str) -> None:
    article_id = poll(database, f"{web}/teasers")[0]
    with database.begin() as session:
        hosts.free(session, [ADDRESS], pause=timedelta(hours=1))
    read_page.run(article_id)
    delayed = "SELECT count(*) FROM work WHERE stage = 'page' AND due_at > now() AND attempts = 0"
    assert count(database, delayed) == 1


def find_delays(database: Database) -> dict[str, float]:
    """Give the seconds for which each article still waits for its page, by its title."""
    query = (
        "SELECT title, extract(epoch FROM due_at - failed_at)::float AS wait_s FROM work "
        "JOIN article ON id = subject_id WHERE stage = 'page' ORDER BY subject_id"
    )
    with database.begin() as session:
        return {row.title: row.wait_s for row in session.execute(text(query))}


def read_due_pages(database: Database) -> None:
    """Let all pages be due, and read them."""
    with database.begin() as session:
        session.execute(text("UPDATE work SET due_at = now() WHERE stage = 'page'"))
        query = "SELECT subject_id FROM work WHERE stage = 'page' AND state = 'waiting'"
        article_ids = list(session.execute(text(query)).scalars())
    for article_id in article_ids:
        read_page.run(article_id)


def test_page_of_a_server_that_is_away_is_tried_again_and_the_article_goes_on_in_the_end(
    mill: Mill, database: Database, web: str
) -> None:
    poll(database, f"{web}/unlucky")
    screened = "SELECT count(*) FROM work WHERE stage = 'prefilter'"
    delays = []
    for left in (2, 2, 1, 0):
        read_due_pages(database)
        delays.append(find_delays(database))
        assert len(delays[-1]) == left
        assert count(database, screened) == 3 - left
    # It grows, and a server that names a time within reason gets it.
    assert 60 <= delays[0]["Ferry broken"] <= 66
    assert 120 <= delays[1]["Ferry broken"] <= 132
    assert 240 <= delays[2]["Ferry broken"] <= 264
    assert 60 <= delays[0]["Ferry tired"] <= 66
    assert 300 <= delays[1]["Ferry tired"] <= 330
    with database.begin() as session:
        query = "SELECT title, metadata->>'body_from', notes->>-1 FROM article"
        found = {row[0]: tuple(row[1:]) for row in session.execute(text(query))}
    failed = "its page could not be fetched"
    assert found == {
        "Ferry broken": (
            "feed",
            f"{failed} in 4 attempts: the server answered 500 (Internal Server Error)",
        ),
        "Ferry busy": (
            "feed",
            f"{failed} at the first attempt: the server answered 429 (Too Many Requests)",
        ),
        "Ferry tired": ("page", None),
    }
    assert [asked.count(name) for name in ("broken", "busy", "tired")] == [4, 1, 3]


def test_reason_why_an_article_waits_for_its_page_is_kept_with_the_work(
    mill: Mill, database: Database, web: str
) -> None:
    for article_id in poll(database, f"{web}/unlucky"):
        read_page.run(article_id)
    with database.begin() as session:
        query = "SELECT error FROM work WHERE stage = 'page' ORDER BY error"
        errors = list(session.execute(text(query)).scalars())
    assert errors == [
        f"{web}/broken: the server answered 500 (Internal Server Error) (attempt 1 of 4 failed)",
        f"{web}/tired: the server answered 503 (Service Unavailable) (attempt 1 of 4 failed)",
    ]


def test_article_whose_page_kills_its_worker_goes_on_with_what_the_feed_says(
    mill: Mill, database: Database, web: str
) -> None:
    article_ids = poll(database, f"{web}/teasers")
    with database.begin() as session:
        work.claim(session, PAGE, limit=9, lease=timedelta(0))
        session.execute(text("UPDATE work SET attempts = 3 WHERE stage = 'page'"))
    for _ in range(2):
        sweep.run()
    noted = (
        "SELECT count(*) FROM article WHERE notes = "
        """'["its page could not be read: attempt 3: its worker died or its lease ran out"]'"""
    )
    assert count(database, noted) == len(article_ids) == 4
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'prefilter'") == 4
    assert count(database, "SELECT count(*) FROM work WHERE state = 'dead'") == 4


def test_edit_that_comes_while_the_page_is_read_is_kept_and_the_page_read_once_more(
    mill: Mill, database: Database, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    article_id = poll(database, f"{web}/teasers")[-1]

    def edit_first(*arguments: Any) -> Any:
        monkeypatch.setattr("workers.page.fetch_page", pages.read_page)
        with database.begin() as session:
            edit = "UPDATE article SET text = :text, revision = revision + 1 WHERE id = :id"
            session.execute(text(edit), {"text": "It was denied.", "id": article_id})
        return pages.read_page(*arguments)

    monkeypatch.setattr("workers.page.fetch_page", edit_first)
    said = text("SELECT text FROM article WHERE id = :id")
    waits = f"""
        SELECT count(*) FROM work WHERE stage = 'page' AND subject_id = {article_id}
        AND state = 'waiting' AND due_at <= now() AND attempts = 0
    """
    read_page.run(article_id)
    with database.begin() as session:
        assert session.execute(said, {"id": article_id}).scalar_one() == "It was denied."
    assert count(database, waits) == 1
    read_page.run(article_id)
    assert count(database, waits) == 0
    screened = f"SELECT count(*) FROM work WHERE stage = 'prefilter' AND subject_id = {article_id}"
    assert count(database, screened) == 1


def test_edited_article_that_waits_for_its_page_is_screened_once_and_with_it(
    mill: Mill, database: Database, web: str
) -> None:
    article_id = poll(database, f"{web}/teasers")[-1]
    screened = f"SELECT count(*) FROM work WHERE stage = 'prefilter' AND subject_id = {article_id}"
    with database.begin() as session:
        work.enqueue(session, PREFILTER, [article_id], again=True)
        assert stored_pages.hold(session, [], [article_id], []) == [article_id]
    assert count(database, screened) == 0
    read_page.run(article_id)
    assert count(database, screened) == 1


def test_edited_article_whose_page_was_given_up_waits_for_it_no_more(
    mill: Mill, database: Database, web: str
) -> None:
    article_id = poll(database, f"{web}/teasers")[-1]
    with database.begin() as session:
        session.execute(text("UPDATE work SET state = 'dead' WHERE stage = 'page'"))
        work.enqueue(session, PREFILTER, [article_id], again=True)
        assert stored_pages.hold(session, [], [article_id], []) == []
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'prefilter'") == 1


def test_page_that_takes_too_long_costs_only_its_text(
    mill: Mill, database: Database, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mill.helper, "ask", lambda *_, **__: None)
    article_id = poll(database, f"{web}/teasers")[-1]
    read_page.run(article_id)
    noted = "SELECT count(*) FROM article WHERE notes->>-1 LIKE '%too much to be read in time'"
    assert count(database, noted) == 1
