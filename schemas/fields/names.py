"""`names`: spans that occur in the article, such as companies or people.

A name that the article does not contain is taken out, with a note: nothing can be invented.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, ClassVar, Literal

from pydantic import Field as Attribute

from schemas.fields.base import (
    BaseField,
    CopySpans,
    DecodePlan,
    ParseContext,
    Parsed,
    Widget,
    bound_items,
    overlap_f1,
    render_items,
    split_items,
    validate_items,
)

MAX_NAME_CHARS = 80
"""Longer than any name of a person or company that is worth a row."""


def fold_spaces(text: str) -> str:
    """Fold case, Unicode form and white space, so that a span can be looked up."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).casefold()


def occurs_in(item: str, folded_article: str) -> bool:
    """Tell whether a span stands in an already folded article."""
    return fold_spaces(item) in folded_article


def parse_spans(text: str, context: ParseContext, *, max_items: int) -> Parsed:
    """Read items, take out those that the article lacks, keep the bounds."""
    items = split_items(text)
    notes = []
    if context.article_text is not None and items:
        article = fold_spaces(context.article_text)
        found = [item for item in items if occurs_in(item, article)]
        if len(found) < len(items):
            notes.append(f"{len(items) - len(found)} not in the article left out")
        items = found
    kept, note = bound_items(items, max_items=max_items, max_chars=MAX_NAME_CHARS)
    if note:
        notes.append(note)
    return Parsed(kept, "; ".join(notes) or None)


class NamesField(BaseField):
    """Up to `max_items` spans of the article, in order of appearance."""

    sql_type: ClassVar[str] = "text[]"

    kind: Literal["names"] = "names"
    max_items: int = Attribute(default=12, ge=1, le=50)

    def decode_plan(self) -> DecodePlan:
        return CopySpans(self.max_items, MAX_NAME_CHARS)

    def parse(self, text: str, context: ParseContext) -> Parsed:
        return parse_spans(text, context, max_items=self.max_items)

    def render(self, value: Any) -> str:
        return render_items(value)

    def validate_value(self, value: Any) -> str | None:
        return validate_items(value, max_items=self.max_items, max_chars=MAX_NAME_CHARS)

    def agreement(self, gold: Any, predicted: Any) -> float:
        return overlap_f1(gold, predicted)

    def widget(self) -> Widget:
        return Widget("spans", attributes={"max_items": self.max_items})

    def describe_answer(self) -> str:
        return f"up to {self.max_items} names as they stand in the article, separated by ';'"
