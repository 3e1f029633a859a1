"""The record that readers see: one article through one lens, as validated values.

`rebuild` is the whole way from a completion to an analysis. The reconstruct worker and the
`analyse` command both take it, so that both give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from schemas.completions import Completion, FieldReading
from schemas.contract import DELIMITER, Contract
from schemas.effort import Effort
from schemas.fields import ParseContext
from schemas.lens import Lens
from schemas.reconstruction import Rejection, reconstruct
from schemas.scoring import MIN_COVERAGE, Score, score

NOT_ASKED = "the contract of that time did not ask for it"


class Analysis(BaseModel):
    """Values, where they came from, and what they are worth."""

    model_config = ConfigDict(frozen=True)

    lens: str
    lens_version: int
    contract_version: str
    build: str
    status: Literal["complete", "partial", "rejected"]
    values: dict[str, Any]
    """Field name → value; None where there is none. Empty when rejected."""
    confidences: dict[str, float]
    """Field name → 0 to 1, for fields whose decoding gave one."""
    notes: dict[str, str]
    """Field name → what was salvaged or is missing."""
    reason: str | None = None
    """What is to be said of the whole row: why it was rejected, how it was read and scored."""
    score: float | None = None
    tier: str | None = None
    effort: Effort = Effort.FULL
    """How much of the article was read. Below full effort it is read in full later."""
    postponed: tuple[str, ...] = ()
    """Fields without a value by choice, for the time being. Any other null is a failure."""


def rebuild(completion: Completion, lens: Lens, context: ParseContext) -> Analysis:
    """Turn a completion into an analysis. Pure; never raises on any stream."""
    if completion.contract_version != lens.contract.version:
        completion = realign(completion, lens.contract)
    result = reconstruct(completion.stream, lens.contract, context, completion.unread)
    made_by = {
        "lens": lens.name,
        "lens_version": lens.version,
        "contract_version": completion.contract_version,
        "build": completion.build,
        "effort": completion.effort,
        "postponed": completion.postponed,
    }
    if isinstance(result, Rejection):
        return Analysis(
            **made_by, status="rejected", values={}, confidences={}, notes={}, reason=result.reason
        )
    stopped = completion.stopped
    worth = _weigh(result.values, lens, is_stopped=stopped is not None)
    return Analysis(
        **made_by,
        status=result.status,
        values=result.values,
        confidences={
            name: reading.confidence
            for name, reading in completion.readings.items()
            if reading.confidence is not None and result.values.get(name) is not None
        },
        notes=result.notes,
        reason="; ".join(filter(None, (completion.effort.remark, stopped, *worth.notes))) or None,
        score=worth.overall,
        tier=worth.tier,
    )


def _weigh(values: Mapping[str, Any], lens: Lens, *, is_stopped: bool) -> Score:
    """Score the values; where reading stopped at the gate, its field alone is enough."""
    if lens.scoring is None:
        return Score(overall=None, tier=None)
    return score(values, lens.scoring, min_coverage=0.0 if is_stopped else MIN_COVERAGE)


def realign(completion: Completion, contract: Contract) -> Completion:
    """Write the answers to an older contract in the order of today's; new fields are left out.

    A stream knows its fields by their place, the readings know them by name. So adding, moving
    or removing a field leaves every old answer readable.
    """
    names = [field.name for field in contract.asked]
    answered = {name: completion.readings[name] for name in names if name in completion.readings}
    new = {name: FieldReading(text="", note=NOT_ASKED) for name in names if name not in answered}
    parts = [answered[name].text if name in answered else "" for name in names]
    changes = {
        "stream": DELIMITER.join(parts),
        "readings": answered | new,
        "left_out": tuple(name for name in names if name in new or name in completion.left_out),
        "postponed": tuple(name for name in completion.postponed if name in names),
    }
    return completion.model_copy(update=changes)
