"""A gate: the field of a lens that may stop the reading of an article after its lead.

The lens says which answers reject an article. How sure a build must be of them, and what that
costs in good articles, only labelled data can say: that is the build's business, not the lens's.
Lies outside the contract, so that adding or changing a gate makes no old answer unreadable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field as Attribute, field_validator

from schemas.contract import Contract
from schemas.fields import AnyField, ChoiceField, FlagField, ScaleField

Where = tuple[str | int, ...]


class Gate(BaseModel):
    """Which answers to which field mean that an article is not worth reading on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    """A `scale`, `choice` or `flag` of the contract."""
    reject_below: int | None = None
    """For a scale: values below this reject."""
    reject: tuple[str, ...] = Attribute(default=(), max_length=64)
    """For a choice: the options that reject; for a flag: `yes` or `no`."""

    @field_validator("reject", mode="before")
    @classmethod
    def _spell_flags(cls, value: Any) -> Any:
        # YAML reads a bare `no` as false; who writes it means the answer.
        spell = {True: "yes", False: "no"}
        return [spell[v] if isinstance(v, bool) else v for v in value] if _is_list(value) else value

    def rejecting(self, field: AnyField) -> tuple[str, ...]:
        """Give the answers that reject, as they are written in a stream."""
        if isinstance(field, ScaleField) and self.reject_below is not None:
            return tuple(str(number) for number in range(field.low, self.reject_below))
        return self.reject

    def faults(self, contract: Contract) -> Iterator[tuple[Where, str]]:
        """Give whatever does not fit the contract, each with its place below the gate."""
        field = next((field for field in contract.fields if field.name == self.field), None)
        if field is None:
            yield ("field",), f"the contract has no field {self.field!r}"
        elif isinstance(field, ScaleField):
            yield from self._scale_faults(field)
        elif isinstance(field, ChoiceField):
            yield from self._option_faults(field.options, "choice")
        elif isinstance(field, FlagField):
            yield from self._option_faults(("yes", "no"), "flag")
        else:
            yield ("field",), f"{self.field!r} is a {field.kind}; a gate is a scale, choice or flag"

    def _scale_faults(self, field: ScaleField) -> Iterator[tuple[Where, str]]:
        if self.reject:
            yield ("reject",), f"{self.field!r} is a scale, so it takes reject_below instead"
        elif self.reject_below is None:
            yield (), f"{self.field!r} is a scale, so the gate needs reject_below"
        elif not field.low < self.reject_below <= field.high:
            yield (
                ("reject_below",),
                f"{self.reject_below} must be above {field.low} and at most {field.high}, "
                "or the gate rejects nothing or everything",
            )

    def _option_faults(self, options: tuple[str, ...], kind: str) -> Iterator[tuple[Where, str]]:
        if self.reject_below is not None:
            yield ("reject_below",), f"{self.field!r} is a {kind}, so it takes reject instead"
            return
        if not self.reject:
            yield (
                (),
                f"{self.field!r} is a {kind}, so the gate needs reject: some answers",
            )
        for place, option in enumerate(self.reject):
            if option not in options:
                yield ("reject", place), f"{option!r} is none of {', '.join(options)}"
        if set(options) <= set(self.reject):
            yield ("reject",), "the gate rejects every answer"


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
