"""The record that readers see: one article through one lens, as validated values.

`rebuild` is the whole way from a completion to an analysis. The reconstruct worker and the
`analyse` command both take it, so that both give the same rows.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from schemas.completions import Completion
from schemas.fields import ParseContext
from schemas.lens import Lens
from schemas.reconstruction import Rejection, reconstruct
from schemas.scoring import Score, score


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
    """What is to be said of the whole row: why it was rejected, or how it was scored."""
    score: float | None = None
    tier: str | None = None


def rebuild(completion: Completion, lens: Lens, context: ParseContext) -> Analysis:
    """Turn a completion into an analysis. Pure; never raises on any stream."""
    result = reconstruct(completion.stream, lens.contract, context, completion.unread)
    made_by = {
        "lens": lens.name,
        "lens_version": lens.version,
        "contract_version": completion.contract_version,
        "build": completion.build,
    }
    if isinstance(result, Rejection):
        return Analysis(
            **made_by, status="rejected", values={}, confidences={}, notes={}, reason=result.reason
        )
    worth = score(result.values, lens.scoring) if lens.scoring else Score(overall=None, tier=None)
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
        reason="; ".join(worth.notes) or None,
        score=worth.overall,
        tier=worth.tier,
    )
