"""Finds the words of a text that names are made of, and how one goes on to the next.

A word stands between blanks, without the punctuation around it. In the scripts that put no blanks
between words, such as those of China, Japan and Thailand, each letter with its marks counts as one:
where their words end is the model's business. Knows nothing about tokens.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.fields.base import skip_marks

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff"
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Letters of Thai, Lao, Burmese, Khmer, Japanese and Chinese, as members of a pattern's class."""

_CHUNK = re.compile(rf"[{_UNSPACED}]・?|[^\s{_UNSPACED}]+")
_LETTER = re.compile(rf"[{_UNSPACED}]")
_LETTERS = re.compile(rf" ?[{_UNSPACED}]{{2,}}")
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)
_POSSESSIVE = re.compile(r"['’]s$")
_STOPS = ("", ".", "・")
"""What may stand between a word and the next one of the same name, but for a blank."""


class Word(NamedTuple):
    """A word of a text, by character places."""

    text: int
    start: int
    stem: int
    """Its end without a possessive."""
    end: int
    reach: int
    """Its end with a full stop, as in `U.S. Treasury`; only before another word."""
    joins: bool
    """Whether a name may go on with the next word."""
    is_glued: bool
    """Whether the next word follows without a blank."""
    is_letter: bool
    """Whether it is one letter of a script without blanks."""
    group: int
    """Counts the runs between blanks: what is written as one word."""


def find_words(place: int, text: str) -> list[Word]:
    """Find the words of one text that a name may hold."""
    chunks = _find_chunks(text)
    words = []
    group = 0
    for number, (begin, close) in enumerate(chunks):
        follower = chunks[number + 1] if number + 1 < len(chunks) else (len(text), len(text))
        is_glued = follower[0] == close
        core = _find_core(text[begin:close])
        if core is not None:
            start, end = begin + core[0], begin + core[1]
            joins = text[end:close] in _STOPS and _opens_plain(text[slice(*follower)])
            found = _POSSESSIVE.search(text[start:end])
            stem = end - len(found[0]) if found else end
            reach = close if joins else end
            is_letter = _LETTER.match(text, start) is not None
            words.append(Word(place, start, stem, end, reach, joins, is_glued, is_letter, group))
        group += not is_glued
    return words


def is_run_of_letters(text: str) -> bool:
    """Tell whether text is several letters of a script without blanks, or a blank and those."""
    return _LETTERS.fullmatch(text) is not None


def _find_chunks(text: str) -> list[tuple[int, int]]:
    """Part a text at blanks and around the letters that are words; marks stay with theirs."""
    chunks = []
    end = 0
    for found in _CHUNK.finditer(text):
        start = max(found.start(), end)
        if start < found.end():
            end = skip_marks(text, found.end())
            chunks.append((start, end))
    return chunks


def _find_core(chunk: str) -> tuple[int, int] | None:
    """Find a chunk's beginning and end without punctuation; None: a name cannot hold it."""
    core = _CORE.search(chunk)
    if core is None or "|" in core[0] or ";" in core[0]:
        return None
    return core.start(), skip_marks(chunk, core.end())


def _opens_plain(chunk: str) -> bool:
    """Tell whether a chunk begins with a letter or digit and may go on a name."""
    return chunk[:1].isalnum() and "|" not in chunk and ";" not in chunk[:-1]
