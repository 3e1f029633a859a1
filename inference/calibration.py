"""What a build's confidence is worth: from the shares that it gives to chances that hold.

A calibration is data, made when a build is evaluated (training/calibrating.py) and kept in its
manifest. With it a confidence means:

- of a scored field: the chance that a person gives the same answer; `probabilities` hold it of
  every option, `expected` is the mean over them;
- of a list or a text: how far a person's answer is likely to agree with it, by the measure of the
  field's kind (`agreement`).

Both as on the rows that the build was evaluated on. Without one a confidence is the model's own
share, which says which answers are surer than others and no more. Never changes an answer. Knows
readings; knows nothing about models or about how a calibration is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field as Attribute, model_validator

from schemas.completions import FieldReading

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of a temperature. Outside, all shares but one are 0, or all are the same."""

Share = Annotated[float, Attribute(ge=0, le=1, allow_inf_nan=False)]


class _Fitted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Attribute(ge=1)
    """Labelled rows that it was fitted on."""


class Temperature(_Fitted):
    """For a scored field: the logarithms of the shares are divided by a temperature.

    Above 1 the build was too sure of itself, below 1 not sure enough (Guo et al. 2017).
    """

    method: Literal["temperature"] = "temperature"
    temperature: float = Attribute(ge=COLDEST, le=HOTTEST, allow_inf_nan=False)


class Monotone(_Fitted):
    """For a list or a text: straight lines from point to point, level before and after them."""

    method: Literal["isotonic"] = "isotonic"
    points: tuple[tuple[Share, Share], ...] = Attribute(min_length=1)
    """Raw confidence → calibrated one, both rising."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for (raw, value), (next_raw, next_value) in pairwise(self.points):
            if next_raw <= raw or next_value < value:
                raise ValueError("points must rise from one to the next")
        return self


Calibration = Annotated[Temperature | Monotone, Attribute(discriminator="method")]


def calibrate(reading: FieldReading, calibration: Temperature | Monotone | None) -> FieldReading:
    """Give a raw reading with its confidence calibrated; one that does not suit stays as it is.

    That is: no calibration, nothing decided, or the field is of another kind than it was.
    """
    shares, confidence = reading.probabilities, reading.confidence
    if isinstance(calibration, Temperature) and shares:
        tempered = temper(shares, calibration.temperature)
        changes = {
            "probabilities": tempered,
            "confidence": tempered[reading.text],
            "expected": None if reading.expected is None else mean_option(tempered),
        }
    elif isinstance(calibration, Monotone) and not shares and confidence is not None:
        changes = {"confidence": _follow(calibration.points, confidence)}
    else:
        return reading
    return reading.model_copy(update={**changes, "calibrated": True})


def temper(shares: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Divide the logarithms of shares by a temperature; they sum to 1 again, in the same order."""
    if temperature == 1.0:
        return dict(shares)
    top = max(shares.values())
    # Relative to the largest, so that it cannot underflow with the others.
    powers = {option: (share / top) ** (1.0 / temperature) for option, share in shares.items()}
    total = sum(powers.values())
    return {option: power / total for option, power in powers.items()}


def mean_option(shares: Mapping[str, float]) -> float:
    """Average the options of a scale, which are numbers, by their shares."""
    return sum(share * float(option) for option, share in shares.items())


def _follow(points: tuple[tuple[float, float], ...], confidence: float) -> float:
    raw, values = zip(*points, strict=True)
    return float(np.interp(confidence, raw, values))
