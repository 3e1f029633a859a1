"""Thresholds of a gate: what they stop, what they miss, and how sure one may be of that."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from training.thresholds import FLOOR, bound_rate, choose, least_wanted, list_candidates

# Upper bounds, one-sided, 95 %: 1 - 0.05 ** (1 / n) without a miss, else from tables.
BOUNDS = [
    (0, 1, 0.95),
    (0, 10, 0.2589),
    (0, 59, 0.0495),
    (1, 10, 0.3942),
    (2, 20, 0.2826),
    (5, 100, 0.1023),
    (20, 5000, 0.0058),
    (7, 7, 1.0),
    (0, 0, 1.0),
]


@pytest.mark.parametrize(("misses", "wanted", "bound"), BOUNDS)
def test_bound_is_that_of_clopper_and_pearson(misses: int, wanted: int, bound: float) -> None:
    assert bound_rate(misses, wanted) == pytest.approx(bound, abs=5e-5)


@pytest.mark.parametrize("accepted", [0.01, 0.05, 0.2])
def test_fewest_wanted_articles_are_just_enough(accepted: float) -> None:
    enough = least_wanted(accepted)
    assert bound_rate(0, enough) <= accepted < bound_rate(0, enough - 1)


def test_threshold_lies_just_above_the_wanted_article_that_goes_on() -> None:
    found = list_candidates([0.9, 0.7, 0.6, 0.2], [0.95, 0.8, 0.7, 0.1])
    assert [(each.misses, each.caught) for each in found] == [(0, 1), (1, 2), (2, 3), (3, 3)]
    assert [each.threshold for each in found] == pytest.approx([0.9, 0.7, 0.6, FLOOR], abs=2e-6)
    assert found[0].threshold > 0.9
    assert (found[1].stop_rate, found[1].expected_miss_rate) == (3 / 8, 2 / 5)


def test_articles_of_the_same_probability_stop_together() -> None:
    found = list_candidates([0.8, 0.8, 0.8], [0.8])
    assert [(each.misses, each.caught) for each in found] == [(0, 0), (3, 1)]


def test_strictest_threshold_is_chosen_only_where_no_other_is_bounded() -> None:
    wanted = [number / 100 for number in range(100)]
    candidates = list_candidates(wanted, [0.99] * 10)
    chosen = choose(candidates, 0.05)
    assert chosen is not None
    assert chosen.misses == 1
    assert choose(candidates, 0.02) is None
    assert choose(list_candidates([], []), 0.5) is None


@given(
    wanted=st.lists(st.floats(0, 1), max_size=30),
    unwanted=st.lists(st.floats(0, 1), max_size=30),
)
def test_lower_thresholds_stop_more(wanted: list[float], unwanted: list[float]) -> None:
    found = list_candidates(wanted, unwanted)
    assert found
    for upper, lower in pairwise(found):
        assert upper.threshold > lower.threshold >= FLOOR
        assert (upper.misses, upper.caught) <= (lower.misses, lower.caught)
        assert upper.bound <= lower.bound


def test_stated_bound_holds_for_articles_that_were_not_there() -> None:
    generator = np.random.default_rng(4)
    broken, trials = 0, 400
    for _ in range(trials):
        chosen = choose(list_candidates(generator.uniform(0.4, 1, 200).tolist(), []), 0.05)
        assert chosen is not None
        true_rate = (1 - chosen.threshold) / 0.6
        broken += true_rate > chosen.bound
    # 5 % of calibrations may be unlucky; here that is 20, give or take 4.4.
    assert 0 < broken <= 35
