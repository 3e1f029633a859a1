"""`points`: a list of short texts, such as insights or action items."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field as Attribute

from schemas.fields.base import (
    BaseField,
    DecodePlan,
    ParseContext,
    Parsed,
    Widget,
    WriteText,
    bound_items,
    render_items,
    split_items,
    validate_items,
    word_f1,
)


class PointsField(BaseField):
    """Up to `max_items` texts of at most `max_chars` characters each."""

    sql_type: ClassVar[str] = "text[]"

    kind: Literal["points"] = "points"
    max_items: int = Attribute(default=5, ge=1, le=20)
    max_chars: int = Attribute(default=160, ge=10, le=500)

    def decode_plan(self) -> DecodePlan:
        return WriteText(self.max_items * self.max_chars, self.max_items, self.max_chars)

    def parse(self, text: str, context: ParseContext) -> Parsed:
        # Commas belong to sentences: only semicolons part the points of a stream.
        items = split_items(text if ";" in text else text + ";")
        kept, note = bound_items(items, max_items=self.max_items, max_chars=self.max_chars)
        return Parsed(kept, note)

    def render(self, value: Any) -> str:
        return render_items(value)

    def validate_value(self, value: Any) -> str | None:
        return validate_items(value, max_items=self.max_items, max_chars=self.max_chars)

    def agreement(self, gold: Any, predicted: Any) -> float:
        return word_f1(" ".join(gold), " ".join(predicted))

    def widget(self) -> Widget:
        limits = {"max_items": self.max_items, "max_chars": self.max_chars}
        return Widget("points", attributes=limits)

    def describe_answer(self) -> str:
        return f"up to {self.max_items} short points, separated by ';'"
