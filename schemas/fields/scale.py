"""`scale`: a whole number between two bounds."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal, Self

from pydantic import Field as Attribute, model_validator

from schemas.fields.base import (
    BaseField,
    DecodePlan,
    ParseContext,
    Parsed,
    ScoreOptions,
    Widget,
)

_NUMBER = re.compile(r"(?<![\w.,-])(-?[0-9]{1,6})(?:[.,]([0-9]{1,6}))?(?![0-9])")
_WORDS = "zero one two three four five six seven eight nine ten".split()


class ScaleField(BaseField):
    """A whole number from `low` to `high`, both included."""

    sql_type: ClassVar[str] = "integer"

    kind: Literal["scale"] = "scale"
    low: int = Attribute(ge=-100, le=100)
    high: int = Attribute(ge=-100, le=100)

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self

    def decode_plan(self) -> DecodePlan:
        return ScoreOptions(tuple(str(number) for number in range(self.low, self.high + 1)))

    def parse(self, text: str, context: ParseContext) -> Parsed:
        said = text.strip()
        found = _NUMBER.search(said)
        if found is None:
            return self._parse_word(said)
        number = float(f"{found[1]}.{found[2] or 0}")
        value = round(number)
        if not self.low <= value <= self.high:
            return Parsed(None, f"{found[0]} is outside {self.low} to {self.high}")
        return Parsed(value, None if said == str(value) else "read from a longer answer")

    def _parse_word(self, said: str) -> Parsed:
        for word in re.findall(r"[a-z]+", said.casefold()):
            if word in _WORDS and self.low <= _WORDS.index(word) <= self.high:
                return Parsed(_WORDS.index(word), "read from a word")
        return Parsed(None, f"no number in {said[:40]!r}" if said else "empty")

    def render(self, value: Any) -> str:
        return str(int(value))

    def validate_value(self, value: Any) -> str | None:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole and self.low <= value <= self.high:
            return None
        return f"must be a whole number from {self.low} to {self.high}"

    def agreement(self, gold: Any, predicted: Any) -> float:
        return float(1.0 - abs(gold - predicted) / (self.high - self.low))

    def widget(self) -> Widget:
        return Widget("range", attributes={"min": self.low, "max": self.high})

    def describe_answer(self) -> str:
        return f"a whole number from {self.low} to {self.high}"
