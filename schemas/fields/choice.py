"""`choice`: exactly one of a closed list of options."""

from __future__ import annotations

import difflib
import re
from typing import Any, ClassVar, Literal

from pydantic import Field as Attribute, field_validator

from schemas.fields.base import (
    BaseField,
    DecodePlan,
    ParseContext,
    Parsed,
    ScoreOptions,
    Widget,
    is_mark,
    skip_marks,
)

_CLOSE_ENOUGH = 0.8
"""Ratio of difflib above which a misspelt option is taken for the option."""


def find_option(text: str, options: tuple[str, ...]) -> Parsed:
    """Find the option that text means: itself, its only mention, its start, or nearly its name."""
    said = text.strip().strip(".,:;!\"'`*[]()").casefold()
    folded = {option.casefold(): option for option in options}
    if text in options:
        return Parsed(text)
    if said in folded:
        return Parsed(folded[said], None if said == text.strip().casefold() else "trimmed")
    if not said:
        return Parsed(None, "empty")
    mentioned = [option for name, option in folded.items() if _mentions(said, name)]
    if len(mentioned) == 1:
        return Parsed(mentioned[0], "found inside a longer answer")
    started = [o for f, o in folded.items() if len(said) >= 3 and f.startswith(said)]
    if len(started) == 1:
        return Parsed(started[0], "completed from its beginning")
    close = difflib.get_close_matches(said[:80], list(folded), n=1, cutoff=_CLOSE_ENOUGH)
    if close:
        return Parsed(folded[close[0]], "misspelt")
    return Parsed(None, f"{text.strip()[:40]!r} is none of the {len(options)} options")


def _mentions(said: str, name: str) -> bool:
    """Tell whether a name stands in an answer as a word; before a vowel sign, a word goes on."""
    found = re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", said)
    return any(
        skip_marks(said, match.end()) == match.end()
        and not (match.start() and is_mark(said[match.start() - 1]))
        for match in found
    )


class ChoiceField(BaseField):
    """One of `options`."""

    sql_type: ClassVar[str] = "text"

    kind: Literal["choice"] = "choice"
    options: tuple[str, ...] = Attribute(min_length=2, max_length=64)

    @field_validator("options")
    @classmethod
    def _check_options(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        return check_options(options)

    def decode_plan(self) -> DecodePlan:
        return ScoreOptions(self.options)

    def parse(self, text: str, context: ParseContext) -> Parsed:
        return find_option(text, self.options)

    def render(self, value: Any) -> str:
        return str(value)

    def validate_value(self, value: Any) -> str | None:
        return None if value in self.options else f"must be one of {', '.join(self.options)}"

    def agreement(self, gold: Any, predicted: Any) -> float:
        return float(gold == predicted)

    def widget(self) -> Widget:
        return Widget("select", self.options)

    def describe_answer(self) -> str:
        return "one of: " + ", ".join(self.options)


def check_options(options: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse options that could not be told apart, or that would break a stream."""
    if len({option.casefold() for option in options}) < len(options):
        raise ValueError("an option stands twice (upper and lower case count as the same)")
    for option in options:
        if not option.strip() or option != option.strip() or "|" in option or ";" in option:
            raise ValueError(f"the option {option!r} is empty, padded, or contains '|' or ';'")
    return options
