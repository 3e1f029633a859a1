"""Silver labels: what the rules find in articles of our own writing."""

from __future__ import annotations

from training.corpora import Pointers
from training.silver import (
    SUMMARY_CHARS,
    find_categories,
    find_names,
    judge_urgency,
    point_at_actions,
    point_at_summary,
)

from .conftest import SENTENCES


def test_summary_points_at_the_sentence_that_covers_the_title() -> None:
    sentences = ["Rain fell all day.", "The harbour road will be widened, the council said.", "Ok."]
    assert 2 in point_at_summary("Harbour road to be widened", sentences).numbers


def test_summary_has_at_most_three_sentences_in_text_order_and_fits_its_field() -> None:
    sentences = [f"{' '.join([f'word{letter}x'] * 20)} end." for letter in "abcdefgh"] * 4
    numbers = point_at_summary("Title", sentences).numbers
    assert len(numbers) <= 3
    assert list(numbers) == sorted(set(numbers))
    assert sum(len(sentences[number - 1]) for number in numbers) <= SUMMARY_CHARS


def test_summary_of_nothing_is_nothing() -> None:
    assert point_at_summary("Title only", []) == Pointers(())


def test_names_are_capitalised_spans_and_not_first_words() -> None:
    names = find_names("", SENTENCES)
    assert "Nordhavn Residents" in names
    assert not {"The", "Work", "Monday", "A"} & set(names)


def test_action_is_a_sentence_that_asks_for_something() -> None:
    sentences = ["Sales rose.", "Sign up by Friday to keep your seat."]
    assert point_at_actions("", sentences) == Pointers((2,))
    assert point_at_actions("", sentences[:1]) == Pointers(())


def test_urgency_rises_with_urgent_words() -> None:
    assert judge_urgency("Quiet week", ["Nothing happened."]) == "low"
    assert judge_urgency("Urgent: outage", ["The service is down."]) == "high"


def test_categories_need_more_than_one_hit() -> None:
    assert find_categories("New chip", ["The GPU maker sells chips."])[0] == "Hardware"
    assert find_categories("A walk", ["Birds sang."]) == []
