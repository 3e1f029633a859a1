"""`links`: addresses taken from the article's HTML; the model is never asked for them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field as Attribute

from schemas.fields.base import (
    BaseField,
    DecodePlan,
    ParseContext,
    Parsed,
    Widget,
    overlap_f1,
)


class LinksField(BaseField):
    """Up to `max_items` different http(s) addresses, in the order of the page."""

    asked: ClassVar[bool] = False
    sql_type: ClassVar[str] = "text[]"

    kind: Literal["links"] = "links"
    max_items: int = Attribute(default=10, ge=1, le=100)

    def decode_plan(self) -> DecodePlan | None:
        return None

    def parse(self, text: str, context: ParseContext) -> Parsed:
        """Take the links of the context; `text` is not looked at."""
        addresses = dict.fromkeys(link.url for link in context.links if is_address(link.url))
        return Parsed(list(addresses)[: self.max_items])

    def render(self, value: Any) -> str:
        raise TypeError("links never stand in a stream")

    def validate_value(self, value: Any) -> str | None:
        if not isinstance(value, list) or not all(map(is_address, value)):
            return "must be a list of http(s) addresses"
        if len(value) > self.max_items:
            return f"has {len(value)} items, at most {self.max_items} are allowed"
        return None

    def agreement(self, gold: Any, predicted: Any) -> float:
        return overlap_f1(gold, predicted)

    def widget(self) -> Widget:
        return Widget("links", attributes={"max_items": self.max_items})


def is_address(url: Any) -> bool:
    """Tell whether a value is an http or https address with a host."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)
