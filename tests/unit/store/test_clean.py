"""Whatever comes in, Postgres can hold what comes out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from store.clean import clean_json, clean_text, to_json

ANY_TEXT = st.text(st.characters(codec=None))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner) | st.tuples(inner),
)


@given(ANY_TEXT)
def test_any_text_becomes_utf8_without_nul(text: str) -> None:
    cleaned = clean_text(text)
    assert "\x00" not in cleaned
    assert cleaned.encode().decode() == cleaned


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_good_text_stays_the_same_object(text: str) -> None:
    assert clean_text(text) is text


def test_halves_of_a_pair_are_joined_and_lone_ones_marked() -> None:
    assert clean_text("\ud83d\ude00 \ud83d!") == "😀 �!"


@given(ANY_JSON)
def test_any_value_becomes_strict_json_without_nul(value: Any) -> None:
    written = to_json(value)
    written.encode()
    assert "\\u0000" not in written.replace("\\\\", "")
    json.loads(written, parse_constant=lambda name: int("not JSON: " + name))


def test_what_json_does_not_know_becomes_text() -> None:
    assert clean_json({1: {2}, "path": ValueError("x")}) == {"1": [2], "path": "x"}
