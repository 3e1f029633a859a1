"""Measures of closed and numeric answers, each with a bootstrap interval and its trivial rival.

The rival is the best constant answer on the very rows that are scored, the hardest majority
baseline there is. Pure: lists of gold and predicted values in, numbers out.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
_Pairs = Sequence[tuple[Hashable, Hashable]]


@dataclass(frozen=True)
class Measured:
    """One score of one field."""

    value: float
    low: float
    high: float
    """Bounds of the 95 % bootstrap interval over rows."""
    baseline: float
    """Of the best constant answer."""
    rows: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "value": round(self.value, 4),
            "ci95": [round(self.low, 4), round(self.high, 4)],
            "baseline": round(self.baseline, 4),
            "rows": self.rows,
        }


def accuracy(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """Share of rows that agree."""
    return sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold)


def macro_f1(gold: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """Mean F1 over the classes that occur in the gold answers: rare ones count like common ones."""
    hits = Counter(g for g, p in zip(gold, predicted, strict=True) if g == p)
    wanted, given = Counter(gold), Counter(predicted)
    scores = [2 * hits[label] / (wanted[label] + given[label]) for label in wanted]
    return sum(scores) / len(scores)


def mean_distance(gold: Sequence[float], predicted: Sequence[float]) -> float:
    """Mean absolute error."""
    return sum(abs(g - p) for g, p in zip(gold, predicted, strict=True)) / len(gold)


def rank_correlation(gold: Sequence[float], predicted: Sequence[float]) -> float:
    """Spearman's rho, ties shared; 0 where one side does not vary."""
    left, right = _ranks(gold), _ranks(predicted)
    if left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def measure(
    metric: Callable[..., float], gold: Sequence[object], predicted: Sequence[object], seed: int = 0
) -> Measured:
    """Score with a 95 % interval and the best constant answer's score."""
    generator = np.random.default_rng(seed)
    draws = []
    for _ in range(RESAMPLES):
        chosen = generator.integers(0, len(gold), len(gold))
        draws.append(metric([gold[i] for i in chosen], [predicted[i] for i in chosen]))
    low, high = np.quantile(draws, [0.025, 0.975])
    baseline = metric(gold, [best_constant(metric, gold)] * len(gold))
    return Measured(metric(gold, predicted), float(low), float(high), baseline, len(gold))


def best_constant(metric: Callable[..., float], gold: Sequence[object]) -> object:
    """Give the one answer that scores best: the commonest, or the median for distances."""
    if metric in (mean_distance, rank_correlation):
        return median(float(value) for value in gold)  # type: ignore[arg-type]
    return Counter(gold).most_common(1)[0][0]


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]
