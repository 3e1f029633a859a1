"""Calibrations are found where labels allow it, and what they bring is measured honestly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from statistics import fmean
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, strategies as st

from inference.analyst import Analyst
from inference.builds import Build
from inference.calibration import Monotone, Temperature
from schemas.completions import FieldReading
from schemas.fields import FlagField, NamesField, ScaleField
from schemas.lens import Lens
from schemas.settings import InferenceSettings
from tests.unit.training.conftest import article
from training.calibrating import (
    MIN_MAP_ROWS,
    MIN_ROWS,
    Judged,
    apply,
    fit,
    fit_temperature,
    is_fitted_on,
    judge,
    pool_violators,
)
from training.heldout import RowReader
from training.plots import chance_bounds, draw_reliability
from training.reliability import (
    Bin,
    Certainty,
    Reliability,
    calibration_error,
    compare,
    error_by_chance,
)
from training.subjects import Subject, calibrate_subjects

OPTIONS = ("low", "medium", "high")


def draw_scored(rows: int, temperature: float, seed: int = 0) -> list[Judged]:
    """Draw labels from shares, then make the shares as a build of this temperature shows them."""
    chance = np.random.default_rng(seed)
    scores = chance.normal(0, 1.5, (rows, len(OPTIONS)))
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    shown = np.exp(scores * temperature)
    shown /= shown.sum(axis=1, keepdims=True)
    judged = []
    for row in range(rows):
        shares = dict(zip(OPTIONS, map(float, shown[row]), strict=True))
        best = max(shares, key=lambda option: shares[option])
        right = str(chance.choice(OPTIONS, p=true[row]))
        reading = FieldReading(text=best, confidence=shares[best], probabilities=shares)
        judged.append(Judged(reading, right, float(best == right)))
    return judged


def draw_listed(rows: int, seed: int = 0) -> list[Judged]:
    """Draw lists that agree with their labels by the square of their confidence."""
    confidences = np.random.default_rng(seed).random(rows)
    return [
        Judged(FieldReading(text="Acme", confidence=float(sure)), None, float(sure**2))
        for sure in confidences
    ]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_temperature_that_the_shares_were_made_with_is_found(temperature: float) -> None:
    found = fit(draw_scored(4000, temperature))
    assert isinstance(found, Temperature)
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.rows == 4000


def test_build_that_is_always_right_gets_the_coldest_temperature_and_no_error() -> None:
    shares = np.array([[0.9, 0.1]] * 30)
    assert fit_temperature(shares, np.zeros(30, dtype=np.intp)) == pytest.approx(0.05, rel=1e-3)


def test_option_without_any_share_that_is_right_is_survived() -> None:
    shares = np.array([[1.0, 0.0]] * 30)
    assert np.isfinite(fit_temperature(shares, np.ones(30, dtype=np.intp)))


@pytest.mark.parametrize(
    "judged", [draw_scored(MIN_ROWS - 1, 2.0), draw_listed(MIN_MAP_ROWS - 1), []]
)
def test_field_with_too_few_labels_stays_raw(judged: list[Judged]) -> None:
    assert fit(judged) is None


def test_map_of_a_list_follows_the_agreement_that_was_found() -> None:
    found = fit(draw_listed(400))
    assert isinstance(found, Monotone)
    calibrated = [one.reading.confidence or 0.0 for one in apply(draw_listed(100, seed=1), found)]
    agreements = [one.agreement for one in draw_listed(100, seed=1)]
    assert np.abs(np.array(calibrated) - np.array(agreements)).max() < 0.06


def test_lists_of_one_confidence_get_one_point() -> None:
    reading = FieldReading(text="Acme", confidence=0.7)
    found = fit([Judged(reading, None, float(place % 2)) for place in range(120)])
    assert found == Monotone(points=((0.7, 0.5),), rows=120)


places = st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(1, 50))


@given(given=st.lists(places, min_size=1, max_size=30))
def test_pooled_points_rise_and_stay_among_the_given_ones(
    given: list[tuple[float, float, int]],
) -> None:
    given = sorted(given)
    weights = [weight for _, _, weight in given]
    points = [(x, y) for x, y, _ in given]
    pooled = pool_violators(points, weights)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pooled))
    values = [y for _, y in pooled]
    assert min(y for _, y in points) - 1e-9 <= values[0]
    assert values[-1] <= max(y for _, y in points) + 1e-9


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_pools_are_levels_of_the_nearest_rising_sequence(values: list[float]) -> None:
    pooled = pool_violators(
        [(float(place), y) for place, y in enumerate(values)], [1] * len(values)
    )
    levels = np.array([minimax(values, place) for place in range(len(values))])
    assert max(np.abs(levels - y).min() for _, y in pooled) < 1e-9


def minimax(values: list[float], place: int) -> float:
    """Give the level of isotonic regression at a place by its closed formula."""
    ends = range(place + 1, len(values) + 1)
    return max(min(fmean(values[begin:end]) for end in ends) for begin in range(place + 1))


def test_rows_of_one_group_fall_into_one_half() -> None:
    halves = [is_fitted_on(article(str(key), group=f"g{key % 100}")) for key in range(400)]
    assert halves[:100] * 4 == halves
    assert 30 < sum(halves[:100]) < 70


def test_reading_is_judged_by_the_option_or_by_the_fields_own_measure() -> None:
    scale = judge(ScaleField(name="tone", low=1, high=5), FieldReading(text="4", confidence=0.6), 5)
    assert scale is not None
    assert (scale.right, scale.agreement) == ("5", 0.0), "near is not right"
    flag = judge(FlagField(name="biased"), FieldReading(text="yes", confidence=0.6), True)
    assert flag is not None
    assert (flag.right, flag.agreement) == ("yes", 1.0)
    names = judge(
        NamesField(name="makers"), FieldReading(text="Acme; Brix", confidence=0.6), ["Acme"]
    )
    assert names is not None
    assert names.right is None
    assert names.agreement == pytest.approx(2 / 3)
    assert judge(FlagField(name="biased"), FieldReading(text="", note="left out"), True) is None


def test_calibration_error_is_the_gap_between_confidence_and_being_right() -> None:
    sure = np.full((1, 100), 0.9)
    right = np.tile([1.0, 0.0], 50)[None]
    assert calibration_error(sure, right)[0] == pytest.approx(0.4)
    assert calibration_error(sure, sure)[0] == pytest.approx(0.0)


def test_exact_confidence_shows_an_error_by_chance_that_shrinks_with_rows() -> None:
    chance = np.random.default_rng(1)
    few, many = (error_by_chance(chance.random(rows)) for rows in (100, 5000))
    assert many < few / 3
    assert few > 0.05


def test_calibration_lessens_error_and_surprise_on_rows_it_was_not_fitted_on() -> None:
    calibration = fit(draw_scored(800, 3.0))
    assert calibration is not None
    found = compare("press.tone", draw_scored(800, 3.0, seed=1), calibration).as_dict()
    for measure in ("ece", "brier", "nll"):
        before, after = found["before"][measure], found["after"][measure]
        assert after["value"] < before["value"]
        assert after["ci95"][0] <= after["ci95"][1]
    assert found["after"]["ece"]["value"] < 2 * found["ece_by_chance"]
    assert (found["rows"], found["fitted_on"]) == (800, 800)


def test_lists_are_reported_by_cross_entropy() -> None:
    found = compare(
        "press.makers", draw_listed(60, seed=1), Monotone(points=((0, 0), (1, 1)), rows=40)
    )
    assert found.before.surprise == pytest.approx(found.after.surprise)
    assert np.isfinite(found.before.surprise).all()


def test_bins_hold_all_rows_in_equal_parts() -> None:
    bins = compare(
        "press.tone", draw_scored(203, 1.0), Temperature(temperature=1, rows=30)
    ).before.bins()
    assert len(bins) == 10
    assert sum(one.rows for one in bins) == 203
    assert {one.rows for one in bins} == {20, 21}
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)


@given(agreement=st.floats(0, 1), rows=st.integers(1, 500))
def test_bounds_of_chance_hold_the_share_and_stay_within_0_and_1(
    agreement: float, rows: int
) -> None:
    low, high = chance_bounds(Bin(0.5, agreement, rows))
    assert 0 <= low <= agreement + 1e-9
    assert agreement - 1e-9 <= high <= 1


def test_plot_has_a_panel_for_each_field_and_is_the_same_each_time() -> None:
    scored = compare("press.tone", draw_scored(200, 3.0), Temperature(temperature=3, rows=200))
    listed = compare("press.makers", draw_listed(40), Monotone(points=((0, 0), (1, 1)), rows=40))
    one_sure = np.array([1.0])
    alone = Certainty(one_sure, one_sure, np.array([0.0]))
    least = Reliability("press.a<b", Temperature(temperature=1, rows=30), True, alone, alone)
    found = [scored, listed, least]
    drawn = draw_reliability(found)
    assert drawn == draw_reliability(found)
    texts = {text.strip() for text in ElementTree.fromstring(drawn).itertext()}
    assert {"press", "tone", "makers", "a<b", "agreement", "right", "confidence"} <= texts
    assert sum(text.startswith("error") for text in texts) == len(found)
    assert any(text.endswith("on 200 rows") for text in texts)


def test_fields_of_a_real_build_are_fitted_on_one_half_and_reported_on_the_other(
    starter_build: Build, lenses: Mapping[str, Lens]
) -> None:
    rows = [
        article(
            f"r{number}",
            title="",
            text=f"The {('shameless', 'new')[number % 2]} plan number {number} was voted on.",
            values={"biased": number % 2 == 0},
        )
        for number in range(70)
    ]
    subjects = (Subject("editorial", "biased", ("babe",)), Subject("editorial", "category", ("x",)))
    with Analyst(starter_build, InferenceSettings(sequences=8)) as analyst:
        reader = RowReader(analyst, lenses)
        [found] = calibrate_subjects(subjects, rows, reader)
        assert found.name == "editorial.biased"
        assert found.calibration.rows + found.after.rows == 70
        assert found.calibration.rows == sum(map(is_fitted_on, rows))
        again = reader.read([replace(row, values={}) for row in rows])
    assert [values["biased"].text for values in again]
