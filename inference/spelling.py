"""How a vocabulary spells an answer: values, delimiter, list separator, sentence markers, end.

The decoder forces these tokens and training writes its targets with them, so both speak the same
tokens. What a model reads between two values is one token; the stream that is handed on always has
` ||| `. Knows nothing about contracts or articles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from schemas.contract import DELIMITER
from schemas.errors import ConfigError

END_OF_TURN = "<end_of_turn>"
BREAK = "\n"
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
    delimiter: tuple[int, ...]
    separator: tuple[int, ...]
    """Between the items of a list; the next item brings its own blank."""
    end: int
    markers: tuple[int, ...]
    """Of sentence 1, 2, …; empty for a vocabulary that has none."""

    @classmethod
    def learn(cls, encoder: Encoder) -> Spelling:
        """Find out how a vocabulary spells answers.

        The starter has a token for the whole delimiter with its blanks. Gemma spells it in two and
        gives the blank behind it to the next word, so that ` ||| 7` takes four tokens; a value to a
        line takes two (decision 18).
        """
        encode = lru_cache(maxsize=4096)(lambda text: tuple(encoder.encode_untrusted(text)))
        glued = encode(DELIMITER)
        delimiter = glued if len(glued) == 1 else encode(BREAK)
        end = encoder.control_id(END_OF_TURN)
        if end is None:
            raise ConfigError(f"the model has no {END_OF_TURN} token: it is no Gemma 3 kind")
        markers = (encoder.control_id(f"<s{number}>") for number in range(1, MAX_MARKERS + 1))
        known = tuple(marker for marker in markers if marker is not None)
        return cls(encode, delimiter, encode(";"), end, known)

    def value(self, text: str) -> list[int]:
        """Spell a value, or the first item of a list."""
        return list(self.encode(text))

    def next_item(self, text: str) -> list[int]:
        """Spell an item of a list behind a separator."""
        return list(self.encode(f" {text}"))

    def pointers(self, numbers: tuple[int, ...]) -> list[int]:
        """Spell sentence numbers, counted from 1, as markers."""
        return [self.markers[number - 1] for number in numbers]
