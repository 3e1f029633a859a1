"""At which probability a gate may stop: thresholds, what they stop, and how much they may miss.

A miss is an article that its label keeps and the gate stops. A threshold is laid just above the
wanted article with the m+1 highest probability, so that m of them are missed; how large m may be
follows from their number alone, before anybody looks at a probability. The bound is then exact for
articles of the same kind, though threshold and bound come from the same rows (Wilks 1941: the share
above an order statistic has a beta distribution, whose quantile is Clopper and Pearson's bound).
Pure numbers; rows that hang together, such as items of one issue, make the bound look too good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

FLOOR = 0.5
"""No article is stopped whose rejection is less likely than not, whatever the labels say."""

CONFIDENCE = 0.95
_HALVINGS = 40


@dataclass(frozen=True)
class Candidate:
    """One threshold, and what it does to labelled articles."""

    threshold: float
    misses: int
    wanted: int
    """Articles that a label keeps."""
    caught: int
    unwanted: int

    @property
    def stop_rate(self) -> float:
        return (self.misses + self.caught) / (self.wanted + self.unwanted)

    @property
    def expected_miss_rate(self) -> float:
        """The mean of that beta distribution: more than was seen, for the threshold was fitted."""
        return (self.misses + 1) / (self.wanted + 1)

    @property
    def bound(self) -> float:
        return bound_rate(self.misses, self.wanted)


@lru_cache(maxsize=4096)
def bound_rate(misses: int, wanted: int) -> float:
    """Give Clopper and Pearson's upper bound of a rate, one-sided, at 95 %."""
    if misses >= wanted:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        rate = (low + high) / 2
        tail = sum(math.exp(_log_chance(count, wanted, rate)) for count in range(misses + 1))
        low, high = (rate, high) if tail > 1 - CONFIDENCE else (low, rate)
    return high


def least_wanted(accepted: float) -> int:
    """Say how many wanted articles it takes to bound the rate by `accepted`, without any miss."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - accepted))


def list_candidates(wanted: Sequence[float], unwanted: Sequence[float]) -> list[Candidate]:
    """Lay a threshold for 0, 1, 2 … misses, from the highest down to the floor.

    Args:
        wanted: how probable the rejection of each article is that its label keeps.
        unwanted: the same, of the articles that their labels reject.
    """
    ordered = sorted(wanted, reverse=True)
    found: list[Candidate] = []
    for score in [*ordered, 0.0]:
        threshold = max(FLOOR, _just_above(score))
        if found and threshold >= found[-1].threshold:
            continue
        misses = sum(other >= threshold for other in wanted)
        caught = sum(other >= threshold for other in unwanted)
        found.append(Candidate(threshold, misses, len(wanted), caught, len(unwanted)))
    return found


def choose(candidates: Sequence[Candidate], accepted: float) -> Candidate | None:
    """Choose the threshold that stops most and is bounded by `accepted`; None: there is none."""
    fit = list(takewhile(lambda candidate: candidate.bound <= accepted, candidates))
    return fit[-1] if fit else None


def _just_above(score: float) -> float:
    """Round up to six digits, beyond the score itself: a manifest is read by people too."""
    return math.floor(score * 1e6 + 1) / 1e6


def _log_chance(count: int, of: int, rate: float) -> float:
    """Give the logarithm of the binomial chance; the chance itself would overflow on the way."""
    ways = math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)
    return ways + count * math.log(rate) + (of - count) * math.log1p(-rate)
