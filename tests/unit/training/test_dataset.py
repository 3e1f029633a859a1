"""Splits: temporal, grouped, and without a text on both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from training.categories import category_of_headline
from training.corpora import ADAPTERS, LabelledArticle, Pointers, sentiment_on_scale
from training.dataset import OverlapError, build_dataset, check_overlap, content_hash, split_rows

from .conftest import article

FIRST_DAY = date(2020, 1, 1)


def dated(number: int) -> LabelledArticle:
    return article(
        f"d{number}",
        corpus="allsides",
        text=f"Story number {number} of the town.",
        published=FIRST_DAY + timedelta(days=number),
    )


def test_build_of_all_corpora_shares_no_text_and_no_group(corpora: Path) -> None:
    dataset = build_dataset(corpora, seed=7)
    train = {content_hash(row) for row in dataset.train}
    test = {content_hash(row) for row in dataset.test}
    assert train
    assert test
    assert not train & test
    groups = {(row.corpus, row.group) for row in dataset.train}
    assert not groups & {(row.corpus, row.group) for row in dataset.test}
    assert {row.corpus for row in dataset.train} == set(ADAPTERS)


def test_same_folder_gives_the_same_dataset(corpora: Path) -> None:
    assert build_dataset(corpora, 7).digest == build_dataset(corpora, 7).digest
    assert build_dataset(corpora, 7).digest != build_dataset(corpora, 8).digest


def test_latest_rows_of_a_dated_corpus_are_the_test() -> None:
    dataset = split_rows([dated(number) for number in range(100)], seed=1)
    newest_seen = max(row.published or FIRST_DAY for row in (*dataset.train, *dataset.dev))
    assert newest_seen < min(row.published or FIRST_DAY for row in dataset.test)
    assert len(dataset.test) == 8


def test_group_with_one_late_row_is_held_out_whole() -> None:
    rows = [dated(number) for number in range(100)]
    rows[0] = replace(rows[0], group="story")
    rows[99] = replace(rows[99], group="story")
    assert {row.key for row in split_rows(rows, seed=1).test} >= {"d0", "d99"}


def test_rows_that_the_corpus_holds_out_are_never_trained_on() -> None:
    rows = [article(f"r{n}", text=f"Line {n} of the report.") for n in range(50)]
    rows[7] = replace(rows[7], is_held_out=True)
    assert "r7" in {row.key for row in split_rows(rows, seed=1).test}


def test_training_row_with_the_text_of_a_test_row_is_dropped() -> None:
    held_out = article("late", is_held_out=True)
    copy = article("copy", title=held_out.title.upper(), text=f"  {held_out.text}")
    dataset = split_rows([held_out, copy], seed=1)
    assert [row.key for row in dataset.train] == []


def test_same_text_or_same_group_on_both_sides_is_refused() -> None:
    row = article()
    with pytest.raises(OverlapError, match="share 1 texts"):
        check_overlap([row], [replace(row, group="another")])
    with pytest.raises(OverlapError, match="1 groups"):
        check_overlap([row], [replace(row, text="Quite another text.")])


def test_rows_without_agreement_among_experts_are_left_out(corpora: Path) -> None:
    rows = list(ADAPTERS["babe"](corpora))
    assert len(rows) == 30
    assert rows[0].values == {
        "biased": True,
        "bias_scale": 8,
        "bias_analysis": Pointers((1,)),
    }


def test_companies_that_the_item_does_not_name_are_left_out(corpora: Path) -> None:
    row = next(ADAPTERS["newsletter"](corpora))
    assert row.values == {"relevance_score": 9, "company_names": ["Nordlicht"]}


def test_section_of_the_publisher_outweighs_the_topic(corpora: Path) -> None:
    rows = {row.key: row for row in ADAPTERS["allsides"](corpora)}
    assert rows["a0"].values == {"category": "Politics"}
    assert rows["a1"].values == {"category": "Technology"}
    assert rows["a2"].values == {}


def test_clickbait_gives_no_category_but_entertainment(corpora: Path) -> None:
    rows = list(ADAPTERS["headlines"](corpora))
    assert len(rows) == 30
    assert {row.values["category"] for row in rows} == {"Sports"}
    assert all(row.title.startswith("Rovers") for row in rows)


@pytest.mark.parametrize(
    ("headline", "category"),
    [
        ("United beats City in the cup", "Sports"),
        ("NASA launches a probe", "Science"),
        ("Singer hacked by film studio", None),  # Two subjects.
        ("Parliament votes on the budget", None),
        ("The cupboard is bare", None),  # No whole word.
    ],
)
def test_headline_with_words_of_one_subject_has_a_category(
    headline: str, category: str | None
) -> None:
    assert category_of_headline(headline) == category


@pytest.mark.parametrize(("polarity", "value"), [(-1.0, 2), (0.0, 5), (1.0, 9), (-0.5, 4)])
def test_polarity_lands_on_the_scale(polarity: float, value: int) -> None:
    assert sentiment_on_scale(polarity) == value
