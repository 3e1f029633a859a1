"""How far confidence can be trusted: calibration error, Brier score and surprise, before and after.

Pure: judged readings in, numbers and bins out. Knows nothing about how a calibration is found, and
nothing about drawing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.calibrating import LEAST_SHARE, Floats, Found, Judged, apply

MAX_BINS = 10
BIN_ROWS = 10
"""Least rows of a bin; where there are fewer than 100 rows, there are fewer than ten bins."""
RESAMPLES = 1000


@dataclass(frozen=True)
class Bin:
    """Rows of like confidence."""

    confidence: float
    """Their mean."""
    agreement: float
    """Share of them that was right, or the mean agreement."""
    rows: int


@dataclass(frozen=True)
class Certainty:
    """How sure the readings of some rows were, and how right; all (rows,) float64."""

    confidence: Floats
    agreement: Floats
    surprise: Floats
    """Negative log-likelihood of the right option, in nats; of a list or text its cross entropy."""

    @property
    def rows(self) -> int:
        return len(self.confidence)

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return float(calibration_error(self.confidence[None], self.agreement[None])[0])

    def bins(self) -> list[Bin]:
        """Part the rows, sorted by confidence, into bins of equal mass."""
        order = np.argsort(self.confidence, kind="stable")
        return [
            Bin(float(self.confidence[rows].mean()), float(self.agreement[rows].mean()), len(rows))
            for rows in np.array_split(order, count_bins(self.rows))
        ]

    def measures(self) -> dict[str, Any]:
        """Give each measure with its 95 % bootstrap interval over rows."""
        brier = (self.confidence - self.agreement) ** 2
        chosen = np.random.default_rng(0).integers(0, self.rows, (RESAMPLES, self.rows))
        draws = calibration_error(self.confidence[chosen], self.agreement[chosen])
        return {
            "ece": _with_interval(self.error, draws),
            "brier": _with_interval(brier.mean(), brier[chosen].mean(axis=1)),
            "nll": _with_interval(self.surprise.mean(), self.surprise[chosen].mean(axis=1)),
        }


@dataclass(frozen=True)
class Reliability:
    """What a calibration does to one field, on rows that it was not fitted on."""

    name: str
    """Lens and field."""
    calibration: Found
    fitted_here: bool
    """False: the rows are news of another kind than those that it was fitted on."""
    before: Certainty
    after: Certainty

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows": self.after.rows,
            "fitted_on": self.calibration.rows if self.fitted_here else 0,
            "before": self.before.measures(),
            "after": self.after.measures(),
            "ece_by_chance": round(error_by_chance(self.after.confidence), 4),
        }


def compare(
    name: str, judged: Sequence[Judged], calibration: Found, *, fitted_here: bool = True
) -> Reliability:
    """Look at raw readings before and after a calibration."""
    before, after = measure_certainty(judged), measure_certainty(apply(judged, calibration))
    return Reliability(name, calibration, fitted_here, before, after)


def measure_certainty(judged: Sequence[Judged]) -> Certainty:
    """Take the numbers out of readings."""
    return Certainty(
        np.array([one.reading.confidence or 0.0 for one in judged]),
        np.array([one.agreement for one in judged]),
        np.array([_surprise(one) for one in judged]),
    )


def count_bins(rows: int) -> int:
    """Say into how many bins so many rows are parted."""
    return max(1, min(MAX_BINS, rows // BIN_ROWS))


def calibration_error(confidence: Floats, agreement: Floats) -> Floats:
    """Give the expected calibration error of each row of two (draws, rows) arrays: (draws,).

    The mean distance of confidence and agreement over bins of equal mass (Naeini et al. 2015).
    """
    order = np.argsort(confidence, axis=1, kind="stable")
    gaps = np.take_along_axis(confidence - agreement, order, axis=1)
    rows = gaps.shape[1]
    parts = np.array_split(gaps, count_bins(rows), axis=1)
    error: Floats = sum((abs(part.sum(axis=1)) for part in parts), np.zeros(len(gaps))) / rows
    return error


def error_by_chance(confidence: Floats) -> float:
    """Give the error that these rows would show on average if every confidence were exact.

    It is never 0: a bin of ten rows cannot be right 7.3 times.
    """
    chance = np.random.default_rng(0).random((RESAMPLES, len(confidence)))
    draws = np.broadcast_to(confidence, chance.shape)
    return float(calibration_error(draws, (chance < confidence).astype(np.float64)).mean())


def count_by_confidence(certainty: Certainty, parts: int = 10) -> list[int]:
    """Count the rows in equal steps of confidence from 0 to 1."""
    counts: NDArray[np.int64] = np.histogram(certainty.confidence, bins=parts, range=(0, 1))[0]
    return [int(count) for count in counts]


def _surprise(judged: Judged) -> float:
    reading = judged.reading
    if judged.right is not None:
        return -_log((reading.probabilities or {}).get(judged.right, 0.0))
    sure = reading.confidence or 0.0
    return -judged.agreement * _log(sure) - (1 - judged.agreement) * _log(1 - sure)


def _log(share: float) -> float:
    return math.log(max(share, LEAST_SHARE))


def _with_interval(value: float, draws: Floats) -> dict[str, Any]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": round(float(value), 4), "ci95": [round(float(low), 4), round(float(high), 4)]}
