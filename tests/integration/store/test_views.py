"""Typed views: the contract's fields as columns, whatever lies in the JSON."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import ConfigError
from schemas.lens import Lens, load_lenses
from schemas.settings import ROOT
from store import analyses, revisions, views
from store.database import Database
from tests.integration.store.rows import (
    add_articles,
    make_draft,
    make_lens,
    make_rebuilt,
    read,
)

FIELDS: list[dict[str, Any]] = [
    {"name": "category", "kind": "choice", "options": ["Politics", "Sports"]},
    {"name": "sentiment", "kind": "scale", "low": 1, "high": 10},
    {"name": "biased", "kind": "flag"},
    {"name": "companies", "kind": "names"},
    {"name": "links", "kind": "links"},
]
GOOD = {
    "category": "Politics",
    "sentiment": 4,
    "biased": True,
    "companies": ["Acme", "Ümlaut"],
    "links": ["https://a.example"],
}
WRONG: list[Any] = [None, "text", 12, 6.5, 1e300, True, [1, None], {"a": 1}, "1", ""]


def make(database: Database, lens: Lens) -> None:
    with database.begin() as session:
        views.create_view(session, lens)


def add_analysis(database: Database, source_id: int, values: dict[str, Any]) -> int:
    article_id = add_articles(database, source_id, 1)[0]
    rebuilt = make_rebuilt(article_id, lens="tried", values=values, score=7.5, tier="top")
    with database.begin() as session:
        analyses.save(session, [rebuilt])
    return article_id


def columns(database: Database, view: str) -> dict[str, str]:
    statement = """
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = CAST(:view AS regclass) ORDER BY attnum
    """
    return {row[0]: row[1] for row in read(database, statement, view=view)}


def test_fields_are_typed_columns_beside_the_article_s(database: Database, source_id: int) -> None:
    make(database, make_lens(FIELDS))
    article_id = add_analysis(database, source_id, GOOD)
    shown = columns(database, "tried_v1")
    assert list(shown.items())[-5:] == [
        ("category", "text"),
        ("sentiment", "integer"),
        ("biased", "boolean"),
        ("companies", "text[]"),
        ("links", "text[]"),
    ]
    assert read(database, "SELECT * FROM tried_v1") == [
        (
            article_id,
            "Title 0",
            "https://example.org/0",
            None,
            "corpus",
            "top",
            7.5,
            "complete",
            "full",
            False,
            None,
            {},
            "Politics",
            4,
            True,
            ["Acme", "Ümlaut"],
            ["https://a.example"],
        )
    ]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_value_of_a_wrong_type_never_breaks_the_view(
    database: Database, source_id: int, wrong: Any
) -> None:
    make(database, make_lens(FIELDS))
    add_analysis(database, source_id, dict.fromkeys(GOOD, wrong))
    (row,) = read(database, "SELECT category, sentiment, biased, companies FROM tried_v1")
    assert row == (
        wrong if isinstance(wrong, str) else None,
        wrong if wrong == 12 else None,
        wrong if wrong is True else None,
        ["1", None] if isinstance(wrong, list) else None,
    )


def test_analysis_of_a_text_that_was_edited_since_is_outdated(
    database: Database, source_id: int
) -> None:
    make(database, make_lens(FIELDS))
    article_id = add_analysis(database, source_id, GOOD)
    with database.begin() as session:
        edit = make_draft(0, text="21 dead, not 12.", content_key="f" * 32)
        revisions.revise(session, {article_id: edit})
    assert read(database, "SELECT outdated FROM tried_v1") == [(True,)]
    with database.begin() as session:
        analyses.save(session, [make_rebuilt(article_id, lens="tried", values=GOOD)])
    assert read(database, "SELECT outdated FROM tried_v1") == [(False,)]


def test_missing_field_is_null(database: Database, source_id: int) -> None:
    make(database, make_lens(FIELDS))
    add_analysis(database, source_id, {})
    assert read(database, "SELECT category, sentiment, biased, companies FROM tried_v1") == [
        (None, None, None, None)
    ]


def test_right_view_is_not_touched(database: Database) -> None:
    made = "SELECT oid, xmin FROM pg_class WHERE relname = 'tried_v1'"
    make(database, make_lens(FIELDS))
    before = read(database, made)
    make(database, make_lens(FIELDS))
    assert read(database, made) == before


def test_view_follows_its_contract(database: Database) -> None:
    for fields in (FIELDS[:2], FIELDS, FIELDS[1:3], list(reversed(FIELDS))):
        make(database, make_lens(fields))
        names = [field["name"] for field in fields]
        assert list(columns(database, "tried_v1"))[12:] == names


def test_every_shipped_lens_has_a_view_with_all_its_fields(database: Database) -> None:
    for lens in load_lenses(ROOT / "lenses").values():
        make(database, lens)
        fields = {field.name: field.sql_type for field in lens.contract.fields}
        assert fields.items() <= columns(database, lens.view_name).items()


def test_field_that_is_called_like_a_fixed_column_keeps_its_name(database: Database) -> None:
    make(
        database,
        make_lens([{"name": "status", "kind": "flag"}, {"name": "select", "kind": "flag"}]),
    )
    shown = columns(database, "tried_v1")
    assert (shown["status"], shown["row_status"], shown["select"]) == ("boolean", "text", "boolean")


def test_view_that_another_stands_on_is_not_changed_under_it(database: Database) -> None:
    make(database, make_lens(FIELDS))
    with database.begin() as session:
        session.connection().exec_driver_sql("CREATE VIEW mine AS SELECT sentiment FROM tried_v1")
    make(database, make_lens([*FIELDS, {"name": "extra", "kind": "flag"}]))
    with pytest.raises(ConfigError, match="another view stands on it"):
        make(database, make_lens(FIELDS[:1]))


def test_only_our_views_are_dropped(database: Database) -> None:
    make(database, make_lens(FIELDS))
    make(database, make_lens(FIELDS, version=2))
    with database.begin() as session:
        session.connection().exec_driver_sql("CREATE VIEW mine AS SELECT 1")
    with database.begin() as session:
        assert views.drop_views(session) == ["tried_v1", "tried_v2"]
    assert read(database, "SELECT 1 FROM mine") == [(1,)]
