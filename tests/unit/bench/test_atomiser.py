"""The atomiser's benchmark: what it counts, and its goal on the golden pairs."""

from __future__ import annotations

from bench.atomiser import FOLDER, measure_quality, tally


def test_items_are_counted_once_each() -> None:
    wanted = [("a", {"title": "one"}), ("a", {"title": "two"})]
    found = [("a", {"title": "one"}), ("a", {"title": "one"}), ("b", {"title": "two"})]
    counted = tally(found, wanted, "title")
    assert (counted.hits, counted.precision, counted.recall) == (1, 1 / 3, 1 / 2)


def test_goal_is_met_on_the_golden_pairs() -> None:
    measures = {measure.name: measure for measure in measure_quality(sorted(FOLDER.glob("*.eml")))}
    assert measures["sponsored, recall"].verdict.startswith("met")
    assert measures["letters and essays left whole"].value == 1
