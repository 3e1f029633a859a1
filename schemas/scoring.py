"""From an analysis's values to one number and a tier: weights, gatekeepers, thresholds.

Pure arithmetic; which fields there are is the contract's business, and `schemas/lens.py`
checks that both fit together.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field as Attribute, model_validator

from schemas.faults import Fault

_SUM_TOLERANCE = 1e-6

MIN_COVERAGE = 0.5
"""Least share of the weights whose fields must be readable for a score to mean anything."""


class Tier(BaseModel):
    """A named class of scores: everything from `at_least` up to the tier above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    at_least: float


class Gatekeeper(BaseModel):
    """A condition without which the score cannot be high, whatever else is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    at_least: float
    otherwise_at_most: float
    reason: str = ""


class Scoring(BaseModel):
    """How the values of a contract become an overall score and a tier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: dict[str, float]
    """Field name → weight; the weights sum to 1.0."""
    values: dict[str, dict[str, float]] = {}
    """For `choice` fields: option → number."""
    tiers: tuple[Tier, ...] = Attribute(min_length=1)
    """From the highest threshold to the lowest."""
    gatekeepers: tuple[Gatekeeper, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        total = sum(self.weights.values())
        if abs(total - 1.0) > _SUM_TOLERANCE:
            raise Fault(("weights",), f"the weights sum to {total:g}, they must sum to 1.0")
        for place, (upper, lower) in enumerate(pairwise(self.tiers)):
            if upper.at_least <= lower.at_least:
                raise Fault(
                    ("tiers", place + 1),
                    f"the tier {lower.name!r} (at_least {lower.at_least:g}) must come before "
                    f"{upper.name!r} (at_least {upper.at_least:g}): highest first",
                )
        return self


class Score(BaseModel):
    """What an analysis is worth. `overall` None: too little was readable; then no tier."""

    model_config = ConfigDict(frozen=True)

    overall: float | None
    tier: str | None
    notes: tuple[str, ...] = ()


def score(
    values: Mapping[str, Any], scoring: Scoring, *, min_coverage: float = MIN_COVERAGE
) -> Score:
    """Weigh the readable values, apply the gatekeepers, find the tier.

    Fields without a value are left out and the other weights scaled up, as long as at least
    `min_coverage` of the weight is readable.
    """
    numbers = {
        name: number
        for name in scoring.weights
        if (number := _as_number(values.get(name), scoring.values.get(name))) is not None
    }
    coverage = sum(scoring.weights[name] for name in numbers)
    missing = [name for name in scoring.weights if name not in numbers]
    if coverage < min_coverage or coverage <= 0:
        return Score(overall=None, tier=None, notes=(f"not scored: no {', '.join(missing)}",))
    overall = sum(scoring.weights[name] * number for name, number in numbers.items()) / coverage
    notes = [f"scored without {', '.join(missing)}"] if missing else []
    overall, gate_notes = _apply_gatekeepers(overall, values, scoring)
    overall = round(overall, 3)
    return Score(overall=overall, tier=find_tier(overall, scoring), notes=(*notes, *gate_notes))


def find_tier(overall: float, scoring: Scoring) -> str | None:
    """Return the first tier whose threshold is reached; None below them all."""
    return next((tier.name for tier in scoring.tiers if overall >= tier.at_least), None)


def _apply_gatekeepers(
    overall: float, values: Mapping[str, Any], scoring: Scoring
) -> tuple[float, list[str]]:
    notes = []
    for gate in scoring.gatekeepers:
        number = _as_number(values.get(gate.field), scoring.values.get(gate.field))
        if number is not None and number < gate.at_least and overall > gate.otherwise_at_most:
            overall = gate.otherwise_at_most
            reason = gate.reason or f"{gate.field} is below {gate.at_least:g}"
            notes.append(f"held at {gate.otherwise_at_most:g}: {reason}")
    return overall, notes


def _as_number(value: Any, option_values: Mapping[str, float] | None) -> float | None:
    if isinstance(value, bool):
        return 10.0 if value else 0.0
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and option_values is not None:
        return option_values.get(value)
    return None
