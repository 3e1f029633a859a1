"""The benchmark's corpus: made up, but read like any other, and the same every time."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.corpus import make_articles, write_corpus
from ingest.corpora import read_corpus
from schemas.articles import ArticleDraft

SENTENCES = ["Parliament passed the budget."]


def test_same_seed_makes_the_same_articles() -> None:
    first = list(make_articles(5, SENTENCES, seed=3))
    assert first == list(make_articles(5, SENTENCES, seed=3))
    assert first != list(make_articles(5, SENTENCES, seed=4))


def test_more_articles_begin_with_the_same_ones() -> None:
    assert list(islice(make_articles(50, SENTENCES, 0), 5)) == list(make_articles(5, SENTENCES, 0))


def test_every_line_becomes_a_different_article(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    write_corpus(path, 200, SENTENCES)
    with path.open("rb") as stream:
        drafts = [item.outcome for item in read_corpus(stream, 0, datetime.now(UTC))]
    assert all(isinstance(draft, ArticleDraft) and not draft.notes for draft in drafts)
    assert len({draft.content_key for draft in drafts if isinstance(draft, ArticleDraft)}) == 200


def test_about_half_of_the_articles_hold_what_a_rule_looks_for() -> None:
    told = [SENTENCES[0] in article["content"] for article in make_articles(400, SENTENCES, 0)]
    assert 150 < sum(told) < 250
