"""Field kinds: one table of what streams say and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.articles import Link
from schemas.fields import FIELD_KINDS, AnyField, ParseContext

ADAPTER: TypeAdapter[AnyField] = TypeAdapter(AnyField)

ARTICLE = "Acme Corp and Zürich Re agreed.\nJane O'Neil of  Acme\nCorp signed; ТАСС reported."

CHOICE = {"name": "category", "kind": "choice", "options": ["Politics", "World", "Open source"]}
HINDI = {"name": "category", "kind": "choice", "options": ["राज", "राज्य", "देश"]}
SCALE = {"name": "sentiment", "kind": "scale", "low": 1, "high": 10}
FLAG = {"name": "biased", "kind": "flag"}
NAMES = {"name": "companies", "kind": "names", "max_items": 3}
TAGS = {"name": "topics", "kind": "tags", "options": ["AI", "Policy", "Funding"], "max_items": 2}
OPEN_TAGS = {"name": "topics", "kind": "tags", "max_items": 2}
POINTS = {"name": "insights", "kind": "points", "max_items": 2, "max_chars": 20}
TEXT = {"name": "summary", "kind": "text", "min_chars": 5, "max_chars": 40}
LINKS = {"name": "links", "kind": "links", "max_items": 2}
ALL_KINDS: list[dict[str, Any]] = [CHOICE, SCALE, FLAG, NAMES, TAGS, OPEN_TAGS, POINTS, TEXT, LINKS]

CASES: list[tuple[dict[str, Any], str, Any, str | None, str]] = [
    (CHOICE, "Politics", "Politics", None, "as it stands"),
    (CHOICE, "politics.", "Politics", "trimmed", "case and full stop do not matter"),
    (CHOICE, "The answer is: World", "World", "found inside", "one option is mentioned"),
    (CHOICE, "World Politics", None, "none of the 3", "two options are mentioned: unsure"),
    (CHOICE, "Pol", "Politics", "completed", "cut off by a token limit"),
    (CHOICE, "Poltics", "Politics", "misspelt", "a slip of a small model"),
    (CHOICE, "Gardening", None, "none of the 3", "not in the vocabulary"),
    (CHOICE, "", None, "empty", "nothing said"),
    (HINDI, "उत्तर: राज्य", "राज्य", "found inside", "a vowel sign goes on with the word"),
    (HINDI, "उत्तर: विदेश", None, "none of the 3", "the end of a longer word"),
    (SCALE, "7", 7, None, "as it stands"),
    (SCALE, "7/10", 7, "longer answer", "a common way to rate"),
    (SCALE, "sentiment: 7.4", 7, "longer answer", "rounded to the scale"),
    (SCALE, "eight", 8, "from a word", "a number word"),
    (SCALE, "12", None, "outside 1 to 10", "never bent into the range"),
    (SCALE, "-3", None, "outside", "a sign is not a dash"),
    (SCALE, "high", None, "no number", "no number at all"),
    (FLAG, "yes", True, None, "as it stands"),
    (FLAG, "No, it is not", False, "first word", "an explanation follows"),
    (FLAG, "TRUE", True, "first word", "as code says it"),
    (FLAG, "perhaps", None, "neither yes nor no", "unsure"),
    (NAMES, "Acme Corp; Zürich Re", ["Acme Corp", "Zürich Re"], None, "as it stands"),
    (NAMES, "acme corp; ACME CORP", ["acme corp"], None, "case makes no second name"),
    (NAMES, "Acme Corp; Globex", ["Acme Corp"], "1 not in the article", "invented name"),
    (NAMES, "ТАСС", ["ТАСС"], None, "other scripts"),
    (NAMES, "none", [], None, "an empty list"),
    (NAMES, "a; A; b; c; d; e", ["a", "b", "c"], "left out", "more than allowed"),
    (TAGS, "AI; policy", ["AI", "Policy"], None, "case is mended"),
    (TAGS, "AI, Funding", ["AI", "Funding"], None, "commas part items too"),
    (TAGS, "AI; Gardening", ["AI"], "outside the vocabulary", "tag sprawl"),
    (TAGS, "AI; Policy; Funding", ["AI", "Policy"], "left out", "bounded"),
    (OPEN_TAGS, "Jane O'Neil; hacking", ["Jane O'Neil"], "not in the article", "spans only"),
    (POINTS, "One, with comma; two", ["One, with comma", "two"], None, "commas stay"),
    (POINTS, "- one; • two", ["one", "two"], None, "bullets go"),
    (POINTS, "a point that is far too long", ["a point that is far"], "cut to 20", "a word's end"),
    (TEXT, "A short text.", "A short text.", None, "as it stands"),
    (TEXT, "abc", None, "at least 5", "too short to mean anything"),
    (TEXT, "First sentence is here. Then " + "x" * 40, "First sentence is here.", "cut", "cut"),
    (LINKS, "whatever", ["https://a.example/1"], None, "from the HTML, once, http only"),
]

CONTEXT = ParseContext(
    article_text=ARTICLE + " a b c d e",
    links=(
        Link(url="https://a.example/1"),
        Link(url="mailto:x@a.example"),
        Link(url="https://a.example/1", text="again"),
        Link(url="http://["),
    ),
)


@pytest.mark.parametrize(("shape", "text", "value", "note", "reason"), CASES)
def test_part_of_a_stream_becomes_a_value_or_a_note(
    shape: dict[str, Any], text: str, value: Any, note: str | None, reason: str
) -> None:
    parsed = ADAPTER.validate_python(shape).parse(text, CONTEXT)
    assert parsed.value == value, reason
    assert (parsed.note is None) == (note is None), f"{reason}: {parsed.note}"
    assert note is None or note in (parsed.note or "")


@pytest.mark.parametrize("shape", ALL_KINDS, ids=lambda shape: shape["kind"])
@given(text=st.text())
def test_any_text_gives_a_valid_value_or_a_reason(shape: dict[str, Any], text: str) -> None:
    field = ADAPTER.validate_python(shape)
    parsed = field.parse(text, CONTEXT)
    if parsed.value is None:
        assert parsed.note
    else:
        assert field.validate_value(parsed.value) is None


def test_words_that_differ_in_a_vowel_sign_do_not_agree() -> None:
    text = ADAPTER.validate_python(TEXT)
    assert text.agreement("मोदी", "मोदा") == 0
    assert text.agreement("नरेन्द्र मोदी!", "(मोदी)") == pytest.approx(2 / 3)


HEALTH = {**TAGS, "options": ["Health, safety", "Health, food", "AI"]}

VALUES: list[tuple[dict[str, Any], Any]] = [
    (CHOICE, "Open source"),
    (SCALE, 10),
    (FLAG, False),
    (NAMES, ["Acme Corp", "ТАСС"]),
    (NAMES, []),
    (TAGS, ["AI", "Funding"]),
    (HEALTH, ["Health, safety"]),
    (HEALTH, ["Health, food", "AI"]),
    (POINTS, ["One, with comma", "two"]),
    (TEXT, "Exactly what was said."),
]


@pytest.mark.parametrize(("shape", "value"), VALUES)
def test_rendered_value_is_read_back_unchanged(shape: dict[str, Any], value: Any) -> None:
    field = ADAPTER.validate_python(shape)
    assert field.validate_value(value) is None
    parsed = field.parse(field.render(value), CONTEXT)
    assert parsed.value == value
    assert parsed.note is None
    assert field.agreement(value, parsed.value) == 1.0


def test_rendered_text_cannot_break_a_stream() -> None:
    field = ADAPTER.validate_python(TEXT)
    assert "|||" not in field.render("one ||| two\nthree |||| four")
    assert "\n" not in field.render("one\ntwo")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({**CHOICE, "options": ["A", "a"]}, "stands twice"),
        ({**CHOICE, "options": ["A", "B|C"]}, "contains"),
        ({**CHOICE, "options": ["A"]}, "at least 2"),
        ({**SCALE, "low": 10}, "must be below high"),
        ({**TEXT, "min_chars": 50}, "must be below max_chars"),
        ({**FLAG, "name": "Biased?"}, "pattern"),
        ({**FLAG, "colour": "red"}, "not permitted"),
        ({"name": "x", "kind": "colour"}, "does not match any of the expected tags"),
    ],
)
def test_field_that_makes_no_sense_is_refused(shape: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(shape)


def test_kinds_have_a_plan_a_widget_and_a_column_type() -> None:
    for shape in ALL_KINDS:
        field = ADAPTER.validate_python(shape)
        assert (field.decode_plan() is not None) == field.asked
        assert field.widget().kind
        assert field.sql_type in {"text", "boolean", "integer", "text[]"}
    assert {shape["kind"] for shape in ALL_KINDS} == {
        kind.model_fields["kind"].default for kind in FIELD_KINDS
    }
