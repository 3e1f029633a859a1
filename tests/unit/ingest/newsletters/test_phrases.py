"""Boilerplate and sponsors' marks: each row of the tables against its own examples."""

from __future__ import annotations

import pytest

from ingest.newsletters.boilerplate import PHRASES, Phrase, is_boilerplate, is_phrase
from ingest.newsletters.sponsors import (
    MARKS,
    Mark,
    is_marked_text,
    is_marked_title,
    read_label,
    strip_mark,
)


@pytest.mark.parametrize("row", PHRASES, ids=lambda row: row.example[:40])
def test_phrase_matches_its_example_and_not_its_counter_example(row: Phrase) -> None:
    assert is_phrase(row.example, row.purpose)
    assert not is_phrase(row.counter_example, row.purpose)


def is_marked(place: str, text: str) -> bool:
    if place == "label":
        return read_label(text) is not None
    return is_marked_title(text) if place == "title" else is_marked_text(text)


@pytest.mark.parametrize("row", MARKS, ids=lambda row: row.example[:40])
def test_mark_matches_its_example_and_not_its_counter_example(row: Mark) -> None:
    assert is_marked(row.place, row.example)
    assert not is_marked(row.place, row.counter_example)


def test_long_text_is_never_boilerplate() -> None:
    assert not is_boilerplate("Unsubscribe from this list. " + "And now to something else. " * 20)


def test_label_says_who_pays() -> None:
    label = read_label("— Presented by Acme Cloud —")
    assert label is not None
    assert label.sponsor == "Acme Cloud"


def test_mark_is_taken_out_of_a_title_but_not_all_of_it() -> None:
    assert strip_mark("Ship faster (Sponsor)") == "Ship faster"
    assert strip_mark("Anzeige: Strom vom Dach") == "Strom vom Dach"
    assert strip_mark("(Sponsor)") == "(Sponsor)"
