"""`tags`: several of a closed vocabulary, or, without one, short spans of the article."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field as Attribute, field_validator

from schemas.faults import Fault
from schemas.fields.base import (
    BaseField,
    CopySpans,
    DecodePlan,
    ParseContext,
    Parsed,
    ScoreSet,
    Widget,
    bound_items,
    overlap_f1,
    render_items,
    split_items,
    validate_items,
)
from schemas.fields.choice import check_options, find_option
from schemas.fields.names import parse_spans

MAX_TAG_CHARS = 80


class TagsField(BaseField):
    """Up to `max_items` tags. With `options` the vocabulary is closed."""

    sql_type: ClassVar[str] = "text[]"

    kind: Literal["tags"] = "tags"
    options: tuple[str, ...] | None = Attribute(default=None, min_length=2, max_length=200)
    max_items: int = Attribute(default=5, ge=1, le=20)

    @field_validator("options")
    @classmethod
    def _check_options(cls, options: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for place, option in enumerate(options or ()):
            if len(option) > MAX_TAG_CHARS:
                shown = f"{option[:30]}…"
                raise Fault(
                    (place,), f"the option {shown!r} is longer than {MAX_TAG_CHARS} characters"
                )
        return options and check_options(options)

    def decode_plan(self) -> DecodePlan:
        if self.options is None:
            return CopySpans(self.max_items, MAX_TAG_CHARS)
        return ScoreSet(self.options, self.max_items)

    def parse(self, text: str, context: ParseContext) -> Parsed:
        if self.options is None:
            return parse_spans(text, context, max_items=self.max_items)
        # A lone tag with a comma in it is no list.
        items = [text] if text in self.options else split_items(text)
        found = [find_option(item, self.options) for item in items]
        tags = [parsed.value for parsed in found if parsed.value is not None]
        notes = []
        if len(tags) < len(items):
            notes.append(f"{len(items) - len(tags)} outside the vocabulary left out")
        kept, note = bound_items(tags, max_items=self.max_items, max_chars=MAX_TAG_CHARS)
        if note:
            notes.append(note)
        return Parsed(kept, "; ".join(notes) or None)

    def render(self, value: Any) -> str:
        return render_items(value)

    def validate_value(self, value: Any) -> str | None:
        wrong = validate_items(value, max_items=self.max_items, max_chars=MAX_TAG_CHARS)
        if wrong is None and self.options is not None and not set(value) <= set(self.options):
            return f"may only have {', '.join(self.options)}"
        return wrong

    def agreement(self, gold: Any, predicted: Any) -> float:
        return overlap_f1(gold, predicted)

    def widget(self) -> Widget:
        return Widget("tags", self.options or (), {"max_items": self.max_items})

    def describe_answer(self) -> str:
        if self.options is None:
            return f"up to {self.max_items} short phrases of the article, separated by ';'"
        return f"up to {self.max_items} of: {', '.join(self.options)}; separated by ';'"
