"""Articles: new ones once, whatever comes with them and whoever inserts at the same time."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from sqlalchemy import text

from schemas.articles import ArticleDraft, Link
from schemas.errors import TransientError
from store import articles
from store.database import Database
from tests.integration.store.rows import add_articles, make_draft, read, states


def insert(database: Database, source_id: int, drafts: list[ArticleDraft]) -> list[int]:
    with database.begin() as session:
        return articles.insert_new(session, source_id, drafts)


def test_new_articles_wait_for_the_prefilter(database: Database, source_id: int) -> None:
    new = insert(database, source_id, [make_draft(n) for n in range(3)])
    assert sorted(new) == sorted(row[0] for row in states(database))
    assert {row[1] for row in states(database)} == {"waiting"}
    assert read(database, "SELECT DISTINCT stage, lens FROM work") == [("prefilter", "")]


def test_same_batch_again_adds_nothing(database: Database, source_id: int) -> None:
    drafts = [make_draft(n) for n in range(20)]
    assert len(insert(database, source_id, drafts)) == 20
    assert insert(database, source_id, drafts) == []
    assert len(states(database)) == 20


def test_article_is_known_by_its_content_or_by_its_address(
    database: Database, source_id: int
) -> None:
    insert(database, source_id, [make_draft(1)])
    same_content = make_draft(1, url="https://example.org/elsewhere")
    same_address = make_draft(2, url="https://example.org/1")
    assert insert(database, source_id, [same_content, same_address]) == []


def test_double_within_a_batch_is_stored_once(database: Database, source_id: int) -> None:
    drafts = [make_draft(1), make_draft(1), make_draft(2, url="https://example.org/1")]
    assert len(insert(database, source_id, drafts)) == 1


def test_articles_without_address_do_not_collide(database: Database, source_id: int) -> None:
    drafts = [make_draft(n, url=None) for n in range(3)]
    assert len(insert(database, source_id, drafts)) == 3


def test_newest_article_gets_the_greatest_id(database: Database, source_id: int) -> None:
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (3, 9, 1)]
    drafts = [make_draft(n, published_at=day) for n, day in enumerate(days)]
    insert(database, source_id, [make_draft(7), make_draft(8), *drafts])
    titles = [row[0] for row in read(database, "SELECT title FROM article ORDER BY id DESC")]
    assert titles == ["Title 1", "Title 0", "Title 2", "Title 7", "Title 8"]


def test_characters_that_postgres_cannot_hold_do_not_break_the_batch(
    database: Database, source_id: int
) -> None:
    hostile = make_draft(
        1,
        external_id="a\x00",
        title="half \ud83d pair",
        text="nul\x00 and \udc00",
        author="\x00",
        language="e\x00n",
        url="https://example.org/\x00",
        links=(Link(url="https://a.example/\x00", text="\udfff"),),
        metadata={"k\x00": float("nan"), "deep": [{"x": "\ud800"}], "when": date(2026, 1, 1)},
        notes=("\x00",),
    )
    first, second = insert(database, source_id, [hostile, make_draft(2)])
    with database.begin() as session:
        stored = {each.article_id: each for each in articles.load(session, [first, second])}
    assert stored[first].title == "half \ufffd pair"
    assert stored[first].text == "nul and \ufffd"
    assert stored[first].links == (Link(url="https://a.example/", text="\ufffd"),)
    assert read(database, "SELECT metadata FROM article WHERE id = :id", id=first) == [
        ({"k": None, "deep": [{"x": "\ufffd"}], "when": "2026-01-01"},)
    ]


def test_address_too_long_for_an_index_is_left_out(database: Database, source_id: int) -> None:
    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9_000))
    insert(database, source_id, [make_draft(1, url=f"https://example.org/{noise}")])
    assert read(database, "SELECT url FROM article") == [(None,)]


def test_overlapping_batches_at_once_store_each_article_once(
    database: Database, source_id: int
) -> None:
    # Half of the drafts share an address with another one, in the opposite order of their keys:
    # without turns, these batches end in deadlocks.
    drafts = [make_draft(n, url=f"https://example.org/{(n * 37) % 150}") for n in range(300)]
    start = Barrier(8)

    def insert_some(seed: int) -> list[int]:
        chance = random.Random(seed)
        start.wait()
        new: list[int] = []
        for _ in range(10):
            new += insert(database, source_id, chance.sample(drafts, 120))
        return new

    with ThreadPoolExecutor(8) as pool:
        shares = list(pool.map(insert_some, range(8)))
    new = sorted(article_id for share in shares for article_id in share)
    assert new == [row[0] for row in states(database)]
    assert len(new) == len(set(new)) == 150


def test_articles_are_loaded_whole_or_by_their_opening(database: Database, source_id: int) -> None:
    ids = add_articles(database, source_id, 3)
    with database.begin() as session:
        whole = articles.load(session, [ids[2], ids[0], 999_999])
        (opening,) = articles.load(session, [ids[1]], opening=4)
    assert [each.article_id for each in whole] == [ids[0], ids[2]]
    assert whole[0].text.startswith("Text of article")
    assert opening.text == "Text"


def test_no_drafts_are_no_work(database: Database, source_id: int) -> None:
    assert insert(database, source_id, []) == []


def test_two_batches_in_one_transaction_are_told_apart(database: Database, source_id: int) -> None:
    with database.begin() as session:
        first = articles.insert_new(session, source_id, [make_draft(1), make_draft(2)])
        second = articles.insert_new(session, source_id, [make_draft(2), make_draft(3)])
    assert (len(first), len(second)) == (2, 1)
    assert len(states(database)) == 3


def test_text_that_looks_like_the_wire_format_is_stored_as_it_is(
    database: Database, source_id: int
) -> None:
    odd = "\\N and \\. and a\ttab\\t\nline \\\\ end"
    (article_id,) = insert(database, source_id, [make_draft(1, title="\\N", text=odd)])
    with database.begin() as session:
        (stored,) = articles.load(session, [article_id])
    assert (stored.title, stored.text) == ("\\N", odd)


def test_turn_of_a_machine_that_vanished_ends(
    database: Database, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(articles, "LONGEST_SILENCE_MS", 200)
    with pytest.raises(TransientError):
        _fall_silent(database, source_id)
    assert len(states(database)) == 1


def _fall_silent(database: Database, source_id: int) -> None:
    """Take the turn, and let somebody else go on meanwhile."""
    with database.begin() as session:
        articles.lock_inserts(session)
        insert(database, source_id, [make_draft(1)])
        session.execute(text("SELECT 1"))
