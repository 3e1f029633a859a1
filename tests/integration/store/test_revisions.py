"""Revisions: the article says the new text, the old one is kept, nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas.articles import ArticleDraft
from schemas.errors import TransientError
from store import articles, pages, revisions, screenings
from store.database import Database
from store.statements import execute
from tests.integration.store.rows import (
    Decision,
    add_articles,
    await_lock,
    make_draft,
    read,
)


def revise(database: Database, edits: dict[int, ArticleDraft]) -> list[int]:
    with database.begin() as session:
        # What waits for ever is to fail, and not to hold up the tests.
        execute(session, "SET LOCAL statement_timeout = '60 s'")
        return revisions.revise(session, edits)


def test_edited_article_keeps_what_it_said_before(database: Database, source_id: int) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    edit = make_draft(0, title="Corrected", text="21 dead, not 12.", content_key="f" * 32)
    assert revise(database, {article_id: edit}) == [article_id]
    now = read(database, "SELECT title, text, content_key, revision, url FROM article")
    assert now == [("Corrected", "21 dead, not 12.", "f" * 32, 2, "https://example.org/0")]
    before = read(database, "SELECT article_id, number, title, text FROM revision")
    assert before == [(article_id, 1, "Title 0", "Text of article 0.")]


def test_edited_text_is_no_longer_told_to_be_from_the_page(
    database: Database, source_id: int
) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    with database.begin() as session:
        pages.save(session, article_id, 1, chosen="page", text="All.", links=None, note=None)
    revise(database, {article_id: make_draft(0, content_key="f" * 32, metadata={"tags": ["x"]})})
    assert read(database, "SELECT metadata FROM article") == [({"tags": ["x"]},)]


def test_second_edit_is_the_third_version(database: Database, source_id: int) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    for key in "ab":
        revise(database, {article_id: make_draft(0, content_key=key * 32)})
    assert read(database, "SELECT revision FROM article") == [(3,)]
    assert read(database, "SELECT number FROM revision ORDER BY 1") == [(1,), (2,)]


def test_edits_and_screenings_of_the_same_articles_do_not_wait_for_each_other(
    database: Database, source_id: int
) -> None:
    first, second = add_articles(database, source_id, 2)
    edits = {
        second: make_draft(1, content_key="1" * 32),
        first: make_draft(0, content_key="2" * 32),
    }
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as session:
            screenings.save(session, [(first, Decision())])
            edit = pool.submit(revise, database, edits)
            await_lock(database, edit)
            screenings.save(session, [(second, Decision())])
        assert edit.result() == [second, first]


def test_edit_of_an_article_that_a_vanished_machine_holds_fails_and_gives_up_its_turn(
    database: Database, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    monkeypatch.setattr(articles, "LONGEST_WAIT_MS", 100)
    edit = {article_id: make_draft(0, content_key="f" * 32)}
    with database.begin() as vanished:
        screenings.save(vanished, [(article_id, Decision())])
        with pytest.raises(TransientError, match="lock timeout"):
            revise(database, edit)
        with database.begin() as session:
            assert len(articles.insert_new(session, source_id, [make_draft(1)])) == 1
    assert revise(database, edit) == [article_id]


def test_turn_is_waited_for_however_long_it_takes(
    database: Database, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(articles, "LONGEST_WAIT_MS", 1)
    with ThreadPoolExecutor(1) as pool:
        with database.begin() as session:
            articles.lock_inserts(session)
            added = pool.submit(add_articles, database, source_id, 1)
            await_lock(database, added)
        assert len(added.result()) == 1


def test_edit_that_makes_two_articles_the_same_is_passed_over(
    database: Database, source_id: int
) -> None:
    first, second = add_articles(database, source_id, 2)
    same = make_draft(1)
    assert revise(database, {first: same}) == []
    both = make_draft(9)
    assert revise(database, {first: both, second: both}) in ([first], [second])


def test_versions_are_found_by_id_and_by_address_within_the_source(
    database: Database, source_id: int
) -> None:
    first, second = add_articles(database, source_id, 2)
    other_form = {"url": "http://m.example.org/1", "address_key": "https://example.org/1"}
    drafts = [
        make_draft(0, url=None),
        make_draft(1, external_id="other", **other_form),
        make_draft(7),
    ]
    with database.begin() as session:
        found = revisions.find_versions(session, source_id, drafts)
        elsewhere = revisions.find_versions(session, source_id + 1, drafts)
    assert {version.article_id for version in found} == {first, second}
    assert elsewhere == []


def test_deleted_article_takes_its_revisions_along(database: Database, source_id: int) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    revise(database, {article_id: make_draft(0, content_key="f" * 32)})
    read(database, "DELETE FROM article RETURNING 1")
    assert read(database, "SELECT * FROM revision") == []


def test_inserting_knows_the_articles_new_key(database: Database, source_id: int) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    edit = make_draft(0, content_key="f" * 32)
    revise(database, {article_id: edit})
    with database.begin() as session:
        assert articles.insert_new(session, source_id, [edit]) == []
