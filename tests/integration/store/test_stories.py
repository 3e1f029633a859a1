"""Signatures and stories in Postgres: found once, counted right, whoever comes at the same time."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from ingest.identity import content_key
from schemas.articles import ArticleDraft
from store import articles, signatures, sources, stories
from store.database import Database
from store.statements import execute
from tests.integration.store.rows import make_draft, read
from workers.clustering import place_in_stories, sign_drafts

DAY = timedelta(days=1)
WINDOW = 3 * DAY
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

LEAD = "The council of Veldmark voted on Monday to close the old ferry line across the bay. "
BODY = LEAD + (
    "Members of both parties praised the plan, which saves two million a year, while shop owners "
    "near the quay fear for their trade. The last boat is to leave in March, the mayor said. "
)


def tell(
    number: int, text: str = BODY, title: str = "Veldmark closes its ferry", **changes: object
) -> ArticleDraft:
    given = {"title": title, "text": text, "content_key": content_key(f"{title} {number}", text)}
    return make_draft(number, **{**given, **changes})


def take_in(
    database: Database, source_id: int, drafts: list[ArticleDraft], window: timedelta = WINDOW
) -> list[int]:
    signed = sign_drafts(drafts)
    with database.begin() as session:
        article_ids = articles.insert_new(session, source_id, drafts)
        place_in_stories(session, article_ids, signed, window)
    return sorted(article_ids)


def groups(database: Database) -> list[list[int]]:
    rows = read(
        database,
        "SELECT array_agg(id ORDER BY id) FROM article WHERE story_id IS NOT NULL "
        "GROUP BY story_id ORDER BY 1",
    )
    return [row[0] for row in rows]


def test_second_telling_starts_a_story_and_the_third_joins_it(
    database: Database, source_id: int
) -> None:
    (first,) = take_in(database, source_id, [tell(1, published_at=NOON)])
    assert groups(database) == []
    (second,) = take_in(
        database, source_id, [tell(2, BODY + "It rained.", published_at=NOON + DAY)]
    )
    earlier = tell(3, "By our staff. " + BODY, published_at=NOON - DAY)
    (third,) = take_in(database, source_id, [earlier])
    take_in(database, source_id, [make_draft(9)])
    assert groups(database) == [[first, second, third]]
    with database.begin() as session:
        (story,) = stories.list_latest(session)
        told = stories.list_articles(session, story.story_id)
    assert (story.articles, story.sources, story.first_article_id) == (3, 1, third)
    assert [each.article_id for each in told] == [third, first, second]
    assert all(each.similarity and each.similarity > 0.5 for each in told)


def test_who_had_it_first_is_who_was_seen_first_where_nothing_is_published(
    database: Database, source_id: int
) -> None:
    (first,) = take_in(database, source_id, [tell(1)])
    take_in(database, source_id, [tell(2)])
    with database.begin() as session:
        (story,) = stories.list_latest(session)
    assert story.first_article_id == first


def test_telling_outside_the_window_is_another_story(database: Database, source_id: int) -> None:
    take_in(database, source_id, [tell(1, published_at=NOON)])
    take_in(database, source_id, [tell(2, published_at=NOON + 4 * DAY)])
    assert groups(database) == []


def test_same_report_about_another_firm_is_another_story(
    database: Database, source_id: int
) -> None:
    other = BODY.replace("Veldmark", "Norrhamn")
    take_in(database, source_id, [tell(1), tell(2, other, title="Norrhamn closes its ferry")])
    assert groups(database) == []


def test_any_order_and_any_batches_make_the_same_stories(
    database: Database, source_id: int
) -> None:
    sentences = [f"Sentence {n} is about {n * 7} boats and {n + 3} captains." for n in range(9)]
    # Each is alike to its neighbours in the row, and hardly to those further away.
    texts = [" ".join(sentences[at : at + 6]) for at in range(4)]
    drafts = [tell(n, text, title="Boats") for n, text in enumerate(texts)]
    random.Random(5).shuffle(drafts)
    take_in(database, source_id, drafts[:1])
    take_in(database, source_id, drafts[1:3])
    take_in(database, source_id, drafts[3:])
    assert [len(group) for group in groups(database)] == [4]
    with database.begin() as session:
        assert [story.articles for story in stories.list_latest(session)] == [4]


def test_placing_twice_changes_nothing(database: Database, source_id: int) -> None:
    drafts = [tell(1), tell(2)]
    article_ids = take_in(database, source_id, drafts)
    before = read(database, "SELECT * FROM story")
    with database.begin() as session:
        place_in_stories(session, article_ids, sign_drafts(drafts), WINDOW)
    assert read(database, "SELECT * FROM story") == before


def test_two_workers_at_once_make_one_story_of_a_pair(database: Database, source_id: int) -> None:
    with database.begin() as session:
        other_id = sources.upsert(session, kind="jsonl", location="/other.jsonl", name="other")
    start = Barrier(2)

    def work_through(place: int) -> None:
        start.wait()
        for number in range(12):
            text = BODY.replace("ferry", f"ferry{number}").replace("council", f"board{number}")
            text = " ".join(f"{word}{number}" for word in text.split())
            draft = tell(2 * number + place, text, title=f"Veldmark{number}")
            take_in(database, (source_id, other_id)[place], [draft])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work_through, (0, 1)))
    assert [len(group) for group in groups(database)] == [2] * 12
    assert read(database, "SELECT count(*), sum(articles) FROM story") == [(12, 24)]


def test_old_signatures_are_thinned_with_their_bands(database: Database, source_id: int) -> None:
    first, second = take_in(database, source_id, [tell(1), make_draft(2, text=BODY[::-1])])
    read(
        database,
        "UPDATE signature SET created_at = now() - interval '4 days' WHERE article_id = :id "
        "RETURNING 1",
        id=first,
    )
    with database.begin() as session:
        assert signatures.thin(session, WINDOW) == 1
    with database.begin() as session:
        assert signatures.thin(session, WINDOW) == 0
    assert read(database, "SELECT article_id FROM signature") == [(second,)]
    assert read(database, "SELECT DISTINCT article_id FROM band") == [(second,)]


def test_thinning_reads_no_signature_that_is_to_stay(database: Database, source_id: int) -> None:
    drafts = [make_draft(number, text=BODY[number:]) for number in range(40)]
    old_id, *_ = take_in(database, source_id, drafts)
    ageing = "UPDATE signature SET created_at = now() - interval '9 days' WHERE article_id = :id"
    read(database, f"{ageing} RETURNING 1", id=old_id)
    rows_read = """
        SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
        WHERE relname = 'signature'
    """
    with database.begin() as session:
        # What the planner does by itself once the table is long.
        execute(session, "SET LOCAL enable_seqscan = off")
        assert signatures.thin(session, WINDOW) == 1
        before = execute(session, rows_read).scalar_one()
        assert signatures.thin(session, WINDOW) == 0
        assert execute(session, rows_read).scalar_one() == before


def test_boilerplate_shared_by_many_is_looked_at_a_few_at_a_time(
    database: Database, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "NEIGHBOURS_PER_KEY", 2)
    take_in(database, source_id, [tell(number) for number in range(5)])
    take_in(database, source_id, [tell(number) for number in range(5, 10)])
    assert [len(group) for group in groups(database)] == [10]


def test_edited_article_is_compared_anew_with_older_and_newer_ones(
    database: Database, source_id: int
) -> None:
    texts = [
        BODY,
        "Far too little to tell what this is about, says the teaser.",
        BODY + "It rained.",
    ]
    first, teaser, last = [
        take_in(database, source_id, [tell(number, text)])[0] for number, text in enumerate(texts)
    ]
    assert groups(database) == [[first, last]]
    whole = tell(1, BODY, content_key=tell(1, texts[1]).content_key)
    for _ in range(2):
        with database.begin() as session:
            articles.lock_inserts(session)
            read_text = "UPDATE article SET text = :text WHERE id = :id"
            execute(session, read_text, text=whole.text, id=teaser)
            place_in_stories(session, [], sign_drafts([whole]), WINDOW, edited_ids=[teaser])
        assert groups(database) == [[first, teaser, last]]
    assert read(database, "SELECT count(*), sum(articles) FROM story") == [(1, 3)]
    (bands,) = read(database, "SELECT count(*) FROM band WHERE article_id = :id", id=teaser)[0]
    assert bands <= 12
