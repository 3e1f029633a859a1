"""`text`: one free text, such as a summary."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field as Attribute, model_validator

from schemas.fields.base import (
    EMPTY,
    BaseField,
    DecodePlan,
    ParseContext,
    Parsed,
    Widget,
    WriteText,
    clean_part,
    is_nothing,
    shorten,
    word_f1,
)


class TextField(BaseField):
    """A text of `min_chars` to `max_chars` characters."""

    sql_type: ClassVar[str] = "text"

    kind: Literal["text"] = "text"
    min_chars: int = Attribute(default=0, ge=0, le=1000)
    max_chars: int = Attribute(default=1000, ge=20, le=8000)

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.min_chars >= self.max_chars:
            raise ValueError(f"min_chars ({self.min_chars}) must be below max_chars")
        return self

    def decode_plan(self) -> DecodePlan:
        return WriteText(self.max_chars, 1, self.max_chars)

    def parse(self, text: str, context: ParseContext) -> Parsed:
        said = clean_part(text)
        value = "" if is_nothing(said) else shorten(said, self.max_chars)
        if len(value) < self.min_chars:
            return Parsed(None, f"{len(value)} characters, at least {self.min_chars} are needed")
        return Parsed(value, "cut to its limit" if len(said) > self.max_chars else None)

    def render(self, value: Any) -> str:
        return clean_part(str(value)) or EMPTY

    def validate_value(self, value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a text"
        if not self.min_chars <= len(value) <= self.max_chars:
            return f"must have {self.min_chars} to {self.max_chars} characters"
        return None

    def agreement(self, gold: Any, predicted: Any) -> float:
        return word_f1(gold, predicted)

    def widget(self) -> Widget:
        limits = {"min_chars": self.min_chars, "max_chars": self.max_chars}
        return Widget("textarea", attributes=limits)

    def describe_answer(self) -> str:
        return f"a text of at most {self.max_chars} characters"
