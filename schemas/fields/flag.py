"""`flag`: yes or no."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from schemas.fields.base import (
    BaseField,
    DecodePlan,
    ParseContext,
    Parsed,
    ScoreOptions,
    Widget,
)

_YES = {"yes", "y", "true", "1", "ja", "oui", "sí", "si"}
_NO = {"no", "n", "false", "0", "nee", "nein", "non"}


class FlagField(BaseField):
    """True or False; written `yes` or `no` in a stream."""

    sql_type: ClassVar[str] = "boolean"

    kind: Literal["flag"] = "flag"

    def decode_plan(self) -> DecodePlan:
        return ScoreOptions(("yes", "no"))

    def parse(self, text: str, context: ParseContext) -> Parsed:
        words = re.findall(r"\w+", text.casefold())
        if not words:
            return Parsed(None, "empty")
        for words_meant, value in ((_YES, True), (_NO, False)):
            if words[0] in words_meant:
                exact = text.strip() == self.render(value)
                return Parsed(value, None if exact else "read from its first word")
        return Parsed(None, f"{text.strip()[:40]!r} is neither yes nor no")

    def render(self, value: Any) -> str:
        return "yes" if value else "no"

    def validate_value(self, value: Any) -> str | None:
        return None if isinstance(value, bool) else "must be true or false"

    def agreement(self, gold: Any, predicted: Any) -> float:
        return float(gold == predicted)

    def widget(self) -> Widget:
        return Widget("checkbox")

    def describe_answer(self) -> str:
        return "yes or no"
