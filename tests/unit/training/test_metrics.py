"""Measures with known answers."""

from __future__ import annotations

import pytest

from training.metrics import accuracy, macro_f1, mean_distance, measure, rank_correlation


def test_accuracy_counts_what_agrees() -> None:
    assert accuracy(["a", "b", "b", "c"], ["a", "b", "c", "c"]) == 0.75


def test_macro_f1_of_a_constant_answer_is_low() -> None:
    assert macro_f1(["a", "a", "a", "b"], ["a"] * 4) == pytest.approx((6 / 7 + 0) / 2)


def test_distance_is_the_mean_of_differences() -> None:
    assert mean_distance([1, 5, 9], [2, 5, 6]) == pytest.approx(4 / 3)


def test_rank_correlation_is_blind_to_scale() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 400]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)


def test_rank_correlation_shares_ties_and_gives_nothing_for_a_constant() -> None:
    assert rank_correlation([1, 1, 2, 2], [5, 5, 7, 7]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3], [4, 4, 4]) == 0.0


def test_baseline_is_the_best_constant_answer() -> None:
    gold = ["a"] * 6 + ["b"] * 4
    assert measure(accuracy, gold, gold).baseline == 0.6
    assert measure(mean_distance, [1, 2, 9], [1, 2, 9]).baseline == pytest.approx(8 / 3)


def test_interval_holds_the_value() -> None:
    gold = ["a", "b"] * 50
    measured = measure(accuracy, gold, ["a"] * 100)
    assert measured.low < measured.value == 0.5 < measured.high
