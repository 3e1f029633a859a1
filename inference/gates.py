"""What a build was found to know at a lens's gate, as its manifest says; see training/gating.py.

Pure numbers: what a gate is, schemas/gate.py says; how it is read, progressive.py.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field as Attribute

from inference.prompt import LEAST_PIECE
from schemas.lens import Lens


class BuildGate(BaseModel):
    """The threshold of one lens's gate for one build, and what it was found to cost and to save."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    answers: tuple[str, ...] = Attribute(min_length=1)
    """The answers that reject, at the time of calibration."""
    threshold: float = Attribute(ge=0)
    """Least probability of these answers together at which the reading stops; above 1: never."""
    lead_tokens: int = Attribute(ge=LEAST_PIECE, le=4096)
    """Most tokens of the lead: title and first sentences."""
    expected_false_negative_rate: float = Attribute(ge=0, le=1)
    """Share of the articles that a label keeps, and at which the reading stops all the same."""
    false_negative_bound: float = Attribute(ge=0, le=1)
    """The rate above is below this with 95 % confidence."""
    expected_stop_rate: float = Attribute(ge=0, le=1)
    """Share of the labelled articles at which the reading stops. Another stream has another."""
    articles: int = Attribute(ge=0)
    """Labelled articles, held out from training, that were read up to the gate."""

    def fits(self, lens: Lens) -> bool:
        """Tell whether the lens still has the gate that this was calibrated for."""
        if lens.gate is None or lens.gate.field != self.field:
            return False
        return lens.gate.rejecting(lens.contract.field(self.field)) == self.answers
