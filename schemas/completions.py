"""The records that leave inference: what the model answered, field by field, and at what cost."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from schemas.effort import Effort

STOPPED = "stopped at the gate"
"""How the note of a field begins that was not read because the article was rejected before it."""


class FieldReading(BaseModel):
    """How one field of a stream was decoded."""

    model_config = ConfigDict(frozen=True)

    text: str
    """The field's part of the stream."""
    confidence: float | None = None
    """0 to 1: the probability of the chosen option, or the geometric mean over the tokens; once
    calibrated, the chance or the agreement to expect (inference/calibration.py)."""
    calibrated: bool = False
    """Whether confidence, probabilities and expected went through the build's calibration."""
    probabilities: dict[str, float] | None = None
    """Of every option, for a scored field; they sum to 1."""
    expected: float | None = None
    """The mean over the options' probabilities, for a scale."""
    note: str | None = None
    """Why the field is empty or was cut, if it was."""


class Completion(BaseModel):
    """One article read through one lens by one build."""

    model_config = ConfigDict(frozen=True)

    lens: str
    contract_version: str
    build: str
    stream: str
    readings: dict[str, FieldReading]
    prompt_tokens: int
    """Tokens read: of the article, or of its lead alone, and of all that was asked."""
    completion_tokens: int
    timings_ms: dict[str, float]
    """Wall-clock milliseconds of each phase, e.g. read, prefill, decode."""
    cpu_s: float
    """CPU seconds of the process that this article's share of the batch cost."""
    prompt_hash: str
    """16 hex digits over the prompt's bytes; over all of them where reading stopped at the gate."""
    left_out: tuple[str, ...] = ()
    """Fields that were not asked on purpose, or that the build does not know."""
    effort: Effort = Effort.FULL
    """How much of the article was read; below full effort, it is read in full later."""
    postponed: tuple[str, ...] = ()
    """Of the fields left out, those that are read later."""

    @property
    def unread(self) -> dict[str, str]:
        """The fields that were left out, each with the reason."""
        reasons = {name: reading.note for name, reading in self.readings.items()}
        return {name: reasons.get(name) or "left out" for name in self.left_out}

    @property
    def stopped(self) -> str | None:
        """Why reading stopped at the gate; None where the article was read in full."""
        notes = (reading.note or "" for reading in self.readings.values())
        return next((note for note in notes if note.startswith(STOPPED)), None)
