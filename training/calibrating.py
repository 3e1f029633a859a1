"""Fits the calibration of one field to raw readings of rows whose answer is known.

A scored field gets the temperature at which the right options were least surprising, a list or a
text a rising map from its confidence to the agreement that was found. Held-out rows are parted in
two: one half is fitted on, the other says what came of it. Knows readings and labels; knows neither
corpora nor builds.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.calibration import COLDEST, HOTTEST, Monotone, Temperature, calibrate
from schemas.completions import FieldReading
from schemas.fields import AnyField, ScoreOptions
from schemas.fields.base import ParseContext
from training.corpora import LabelledArticle

MIN_ROWS = 25
"""From 25 a temperature comes out within a third of the true one in two of three draws (simulated
with 2 to 10 options), enough where builds are two to seven times too sure."""
MIN_MAP_ROWS = 100
"""A map has several points to find: one from 41 rows made the error on 40 others larger."""
BLOCK_ROWS = 20
"""Least rows behind one point of a map."""
LEAST_SHARE = 1e-12
"""A right option with no share at all would make any loss infinite."""

Floats = NDArray[np.float64]
Found = Temperature | Monotone

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Judged:
    """A reading of one field, and what the row's label says of it."""

    reading: FieldReading
    right: str | None
    """The option that the label names; None for a list or a text."""
    agreement: float
    """1 and 0 for a right and a wrong option, else the field's own measure."""


def is_fitted_on(row: LabelledArticle) -> bool:
    """Part held-out rows in two halves, whole groups at a time, always in the same way."""
    digest = hashlib.sha256(f"calibration:{row.corpus}:{row.group}".encode()).digest()
    return digest[0] % 2 == 0


def judge(field: AnyField, reading: FieldReading, label: Any) -> Judged | None:
    """Hold a reading against a label; None where the reading decided nothing."""
    if reading.confidence is None:
        return None
    if isinstance(field.decode_plan(), ScoreOptions):
        right = field.render(label)
        return Judged(reading, right, float(reading.text == right))
    value = field.parse(reading.text, ParseContext()).value
    return Judged(reading, None, 0.0 if value is None else field.agreement(label, value))


def apply(judged: Sequence[Judged], calibration: Found) -> list[Judged]:
    """Calibrate the readings."""
    return [replace(one, reading=calibrate(one.reading, calibration)) for one in judged]


def fit(judged: Sequence[Judged]) -> Found | None:
    """Find the calibration of one field; None where too few rows are labelled."""
    is_listed = bool(judged) and judged[0].right is None
    if len(judged) < (MIN_MAP_ROWS if is_listed else MIN_ROWS):
        return None
    if is_listed:
        confidences = [one.reading.confidence or 0.0 for one in judged]
        points = fit_points(confidences, [one.agreement for one in judged])
        return Monotone(points=points, rows=len(judged))
    shares, right = stack_shares(judged)
    return Temperature(temperature=round(fit_temperature(shares, right), 4), rows=len(judged))


def stack_shares(judged: Sequence[Judged]) -> tuple[Floats, NDArray[np.intp]]:
    """Give the shares, (rows, options) float64, and the place of each row's right option."""
    options = list(judged[0].reading.probabilities or {})
    rows = [one.reading.probabilities or {} for one in judged]
    shares = np.array([[row[option] for option in options] for row in rows])
    return shares, np.array([options.index(str(one.right)) for one in judged])


def fit_temperature(shares: Floats, right: NDArray[np.intp]) -> float:
    """Find the temperature with the least mean negative log-likelihood of the right options."""
    scores = np.log(np.maximum(shares, LEAST_SHARE))

    def surprise(log_temperature: float) -> float:
        tempered = scores / np.exp(log_temperature)
        top = tempered.max(axis=1)
        totals = np.log(np.exp(tempered - top[:, None]).sum(axis=1)) + top
        return float((totals - tempered[np.arange(len(right)), right]).mean())

    # Convex in 1 / temperature, so it has one valley in any rising function of the temperature.
    return float(np.exp(find_valley(surprise, log(COLDEST), log(HOTTEST))))


def find_valley(height: Callable[[float], float], low: float, high: float) -> float:
    """Find the lowest place of a function with one valley, by golden section, to about 1e-8."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = height(left), height(right)
    while high - low > 1e-8:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = height(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = height(right)
    return (low + high) / 2


def fit_points(
    confidences: Sequence[float], agreements: Sequence[float]
) -> tuple[tuple[float, float], ...]:
    """Average blocks of rows of like confidence, and pool those that would not rise."""
    order = np.argsort(confidences, kind="stable")
    blocks = np.array_split(order, max(1, len(order) // BLOCK_ROWS))
    raw, found = np.asarray(confidences), np.asarray(agreements)
    # Rounded first: what has the same confidence here is pooled, so that no two points meet.
    means = [(round(float(raw[rows].mean()), 4), float(found[rows].mean())) for rows in blocks]
    pooled = pool_violators(means, [len(rows) for rows in blocks])
    return tuple((round(x, 4), round(y, 4)) for x, y in pooled)


def pool_violators(
    points: Sequence[tuple[float, float]], weights: Sequence[float]
) -> list[tuple[float, float]]:
    """Pool neighbours that do not rise (Ayer et al. 1955); both values are averaged.

    `points` are sorted by their first value. A pool stands at its middle, so that the map rises
    between pools and keeps the order of confidences.
    """
    pools: list[tuple[float, float, float]] = []
    for (x, y), weight in zip(points, weights, strict=True):
        pool = (x, y, weight)
        while pools and (pools[-1][0] >= pool[0] or pools[-1][1] >= pool[1]):
            pool = _merge(pools.pop(), pool)
        pools.append(pool)
    return [(x, y) for x, y, _ in pools]


def _merge(
    one: tuple[float, float, float], other: tuple[float, float, float]
) -> tuple[float, float, float]:
    weight = one[2] + other[2]
    x, y = ((one[i] * one[2] + other[i] * other[2]) / weight for i in (0, 1))
    return x, y, weight
