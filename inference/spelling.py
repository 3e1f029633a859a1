"""How a vocabulary spells an answer: values, delimiter, list separator, sentence markers, end.

The decoder forces these tokens and training writes its targets with them, so both speak the same
tokens. Knows nothing about contracts or articles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from schemas.contract import DELIMITER
from schemas.errors import ConfigError

END_OF_TURN = "<end_of_turn>"
MAX_MARKERS = 48
"""Sentence markers `<s1>` … `<s48>` of a starter vocabulary."""


class Encoder(Protocol):
    """The part of a vocabulary that is needed to write prompts and answers."""

    def encode(self, text: str) -> list[int]: ...

    def encode_untrusted(self, text: str) -> list[int]: ...

    def control_id(self, name: str) -> int | None: ...


@dataclass(frozen=True)
class Spelling:
    """The forced tokens of an answer."""

    encode: Callable[[str], tuple[int, ...]]
    """Spells text, never as control tokens; remembers the options that come again and again."""
    lead: str
    """Before every value but the first: a blank, where the delimiter does not hold it."""
    delimiter: tuple[int, ...]
    separator: tuple[int, ...]
    """Between the items of a list; the next item brings its own blank."""
    end: int
    markers: tuple[int, ...]
    """Of sentence 1, 2, …; empty for a vocabulary that has none."""

    @classmethod
    def learn(cls, encoder: Encoder) -> Spelling:
        """Find out how a vocabulary spells answers.

        The starter has a token for the whole delimiter with its blanks. Gemma has one for ` |||`
        and gives the blank after it to the word that follows.
        """
        encode = lru_cache(maxsize=4096)(lambda text: tuple(encoder.encode_untrusted(text)))
        glued = encode(DELIMITER)
        holds_blank = encode(f"{DELIMITER}yes")[: len(glued)] == glued
        lead = "" if holds_blank else " "
        delimiter = glued if holds_blank else encode(DELIMITER.rstrip())
        end = encoder.control_id(END_OF_TURN)
        if end is None:
            raise ConfigError(f"the model has no {END_OF_TURN} token: it is no Gemma 3 kind")
        markers = (encoder.control_id(f"<s{number}>") for number in range(1, MAX_MARKERS + 1))
        known = tuple(marker for marker in markers if marker is not None)
        return cls(encode, lead, delimiter, encode(";"), end, known)

    def value(self, text: str, *, is_first: bool) -> list[int]:
        """Spell a value, or the first item of a list, of the first or of a later field."""
        return list(self.encode(("" if is_first else self.lead) + text))

    def next_item(self, text: str) -> list[int]:
        """Spell an item of a list behind a separator."""
        return list(self.encode(f" {text}"))

    def pointers(self, numbers: tuple[int, ...]) -> list[int]:
        """Spell sentence numbers, counted from 1, as markers."""
        return [self.markers[number - 1] for number in numbers]
