"""What every field kind has in common, and the words it uses to speak to its neighbours.

A field kind answers five questions about one value of a contract: what may be decoded
(`decode_plan`), how text becomes a value (`parse`) and a value text (`render`), what a valid
value is (`validate_value`), how two values agree (`agreement`), and how a person edits it
(`widget`). It does not know the other fields, the model, or the database.
"""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field as Attribute

from schemas.articles import Link

ITEM_SEPARATOR = "; "
"""Between the items of one list field, inside a stream."""

EMPTY = "none"
"""How an empty list or an empty text is written in a stream."""

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f]+")
_BARS = re.compile(r"\|{3,}")
_NOTHING = {"", "none", "n/a", "na", "null", "nil", "-", "–", "—", "[]"}


@dataclass(frozen=True)
class ScoreOptions:
    """The answer is exactly one of `options`; the decoder scores them all."""

    options: tuple[str, ...]


@dataclass(frozen=True)
class ScoreSet:
    """The answer is up to `max_items` different `options`, then an end."""

    options: tuple[str, ...]
    max_items: int


@dataclass(frozen=True)
class CopySpans:
    """The answer is up to `max_items` spans of the article of at most `max_chars` each."""

    max_items: int
    max_chars: int


@dataclass(frozen=True)
class WriteText:
    """The answer is free text: at most `max_chars` in all, in at most `max_items` items."""

    max_chars: int
    max_items: int = 1
    max_item_chars: int = 1000


DecodePlan = ScoreOptions | ScoreSet | CopySpans | WriteText


@dataclass(frozen=True)
class ParseContext:
    """What a value may be checked against. `article_text` None means: it is not at hand."""

    article_text: str | None = None
    links: tuple[Link, ...] = ()

    @classmethod
    def of_article(cls, title: str, text: str, links: tuple[Link, ...] = ()) -> ParseContext:
        """Give the context of an article: a name may stand in its title alone."""
        return cls(f"{title}\n{text}", links)


@dataclass(frozen=True)
class Parsed:
    """A value read from text. `value` None: unreadable, and `note` says why.

    With a value, `note` None means that it was read as it stood; otherwise it says what was
    salvaged.
    """

    value: Any
    note: str | None = None


@dataclass(frozen=True)
class Widget:
    """How a person edits the value: `kind` of control and what it offers."""

    kind: str
    options: tuple[str, ...] = ()
    attributes: dict[str, int] = field(default_factory=dict)


class BaseField(BaseModel, ABC):
    """One typed field of a contract."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: ClassVar[bool] = True
    """Whether the model is asked for it. False: the value comes from the article's HTML."""

    sql_type: ClassVar[str]
    """The column type in the lens's SQL view."""

    name: str = Attribute(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    help: str = ""
    """One sentence for the prompt and the form."""

    @abstractmethod
    def decode_plan(self) -> DecodePlan | None:
        """Say what may be decoded; None when the model is not asked."""

    @abstractmethod
    def parse(self, text: str, context: ParseContext) -> Parsed:
        """Read the value from one part of a stream. Never raises."""

    @abstractmethod
    def render(self, value: Any) -> str:
        """Write a valid value as one part of a stream."""

    @abstractmethod
    def validate_value(self, value: Any) -> str | None:
        """Say what is wrong with a value, or None when it is valid."""

    @abstractmethod
    def agreement(self, gold: Any, predicted: Any) -> float:
        """Compare two valid values: 0.0 nothing in common, 1.0 the same."""

    @abstractmethod
    def widget(self) -> Widget:
        """Say how a person edits the value."""

    def describe_answer(self) -> str:
        """Say in a few words what an answer looks like, for a prompt or a form."""
        return self.help


def clean_part(text: str) -> str:
    """Make text fit for one part of a stream: one line, no bars that could read as a delimiter."""
    return _BREAKS.sub(" ", _BARS.sub("|", text)).strip()


def is_nothing(text: str) -> bool:
    """Tell whether a part says that there is no value."""
    return text.strip().strip(".").casefold() in _NOTHING


def split_items(text: str) -> list[str]:
    """Split a list part into its items; bullets, quotes and brackets around them are dropped."""
    if is_nothing(text):
        return []
    parts = text.split(";") if ";" in text else re.split(r",\s|\n", text)
    items = (clean_part(part).strip(" \"'[]•*-–—·") for part in parts)
    return [item for item in items if not is_nothing(item)]


def unique_items(items: list[str]) -> list[str]:
    """Keep the first of items that differ only in case."""
    seen: dict[str, str] = {}
    for item in items:
        seen.setdefault(item.casefold(), item)
    return list(seen.values())


def render_items(items: list[str]) -> str:
    """Write a list part. A semicolon inside an item would split it, so it becomes a comma."""
    return ITEM_SEPARATOR.join(clean_part(item.replace(";", ",")) for item in items) or EMPTY


def overlap_f1(gold: list[str], predicted: list[str]) -> float:
    """F1 of two sets of strings, case folded; two empty sets agree fully."""
    wanted = {item.casefold() for item in gold}
    given = {item.casefold() for item in predicted}
    if not wanted and not given:
        return 1.0
    return 2 * len(wanted & given) / (len(wanted) + len(given))


def word_f1(gold: str, predicted: str) -> float:
    """F1 of the words of two texts (ROUGE-1 without stemming)."""
    return overlap_f1(_list_words(gold), _list_words(predicted))


def _list_words(text: str) -> list[str]:
    """Find the words of a text, with their combining marks."""
    return "".join(c if c.isalnum() or c == "_" or is_mark(c) else " " for c in text).split()


def is_mark(character: str) -> bool:
    r"""Tell whether a character belongs to the letter before it: a vowel sign, an accent.

    Python's `\w` and `isalnum` leave them out, and most words of Hindi, Bengali, Tamil or Thai
    have one.
    """
    return unicodedata.category(character).startswith("M")


def skip_marks(text: str, place: int) -> int:
    """Give the place behind the combining marks that stand at a place."""
    while place < len(text) and is_mark(text[place]):
        place += 1
    return place


def validate_items(value: Any, *, max_items: int, max_chars: int) -> str | None:
    """Say what is wrong with a list of short texts, or None."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return "must be a list of texts"
    if len(value) > max_items:
        return f"has {len(value)} items, at most {max_items} are allowed"
    if any(not item.strip() for item in value):
        return "has an empty item"
    longest = max(map(len, value), default=0)
    if longest > max_chars:
        return f"has an item of {longest} characters, at most {max_chars} are allowed"
    if len(unique_items(value)) < len(value):
        return "has an item twice"
    return None


def bound_items(
    items: list[str], *, max_items: int, max_chars: int
) -> tuple[list[str], str | None]:
    """Cut a list to its bounds and say what was cut."""
    kept = unique_items([short for item in items if (short := shorten(item, max_chars))])
    notes = []
    if any(len(item) > max_chars for item in items):
        notes.append(f"items cut to {max_chars} characters")
    if len(kept) > max_items:
        notes.append(f"{len(kept) - max_items} items over {max_items} left out")
    return kept[:max_items], "; ".join(notes) or None


def shorten(text: str, max_chars: int) -> str:
    """Cut text to `max_chars`, at a sentence's end if one lies in the last half, else at a word."""
    if len(text) <= max_chars:
        return text
    cut = text[:max_chars]
    end = max(cut.rfind(mark) for mark in (". ", "! ", "? ", "。"))
    if end >= max_chars // 2:
        return cut[: end + 1].rstrip()
    space = cut.rfind(" ")
    return (cut[:space] if space >= max_chars // 2 else cut).rstrip()
