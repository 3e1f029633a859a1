"""What differs between two outcomes is told in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from newsmill.replay.differences import compare, tell
from newsmill.replay.rows import Row, read_rows, spell
from schemas.errors import ConfigError


def make_article(key: str, **changes: Any) -> Row:
    return {"row": "article", "key": key, "title": f"Title {key}", "text": "Text.", **changes}


def make_screening(article: str, decision: str, rule_id: str | None) -> Row:
    told = {"decision": decision, "rule_id": rule_id, "audit": False, "lens": "editorial"}
    return {"row": "screening", "key": f"{article} editorial 1", "article": article, **told}


def test_equal_outcomes_do_not_differ() -> None:
    rows = [make_article("a"), make_article("b"), make_screening("a", "keep", "war")]
    comparison = compare(rows, list(rows))
    assert comparison.is_same
    assert list(tell(comparison)) == ["article: 2 the same", "screening: 1 the same"]


def test_rows_of_one_side_and_changed_columns_are_told_with_titles() -> None:
    before = [make_article("a"), make_article("b"), make_article("c")]
    now = [make_article("b", text="Other.", language="nl"), make_article("c"), make_article("d")]
    comparison = compare(before, now)
    assert not comparison.is_same
    assert list(tell(comparison)) == [
        "article: 1 the same, 1 only before, 1 only now, 1 changed",
        "  1 × language",
        "      Title b",
        "  1 × text",
        "      Title b",
    ]


def test_decisions_are_told_with_the_rules_that_made_them() -> None:
    articles = [make_article("a"), make_article("b")]
    before = [*articles, make_screening("a", "keep", "war"), make_screening("b", "drop", None)]
    now = [*articles, make_screening("a", "drop", "sport"), make_screening("b", "drop", None)]
    assert list(tell(compare(before, now)))[1:] == [
        "screening: 1 the same, 1 changed",
        "  1 × editorial: keep by war, now drop by sport",
        "      Title a",
    ]


def test_one_empty_outcome_is_all_of_the_other() -> None:
    assert list(tell(compare([], [make_article("a")]))) == ["article: 0 the same, 1 only now"]
    assert list(tell(compare([make_article("a")], []))) == ["article: 0 the same, 1 only before"]


def test_rows_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows, path = [make_article("ü"), make_article("z")], tmp_path / "rows.jsonl"
    path.write_text("".join(spell(row) + "\n" for row in rows), encoding="utf-8")
    assert list(read_rows(path)) == rows


@pytest.mark.parametrize("text", ["no JSON", '["a list"]', '{"row": "article"}'])
def test_file_of_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is no file of rows"):
        list(read_rows(path))
