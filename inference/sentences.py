"""Splits plain text into sentences, for any language that ends them with a mark.

Knows paragraphs, full stops and the commonest abbreviations; knows nothing about articles,
tokens or models. Nothing is lost but white space, control characters and rows of bars, which the
text of an article could only have to pass for a delimiter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SENTENCE_CHARS = 480
"""Longer ones are cut, so that one run-on paragraph cannot eat a whole reading budget."""

_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*•–]|\d{1,2}[.)])\s)")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u2060\ufeff]")
_BARS = re.compile(r"\|{2,}")
_END = re.compile(r"(?<![.!?…])([.!?…]++)[\"'”’»)\]]*+(?=\s)|[。！？｡]+[”』」）]*")
"""A row of marks is tried once, from its beginning: from each of them, a long row takes minutes."""
_CLAUSE = re.compile(r"[;:,，、；]\s*|\s[–—-]\s")
_TAIL_CHARS = 64
"""What is looked at before a mark; no abbreviation is as long."""
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]*$")
_ABBREVIATIONS = set(
    """
    mr mrs ms dr prof st jr sr inc ltd co corp llc plc bros vs al approx est dept gen col lt sgt
    capt cmdr adm maj sen rep gov pres hon rev ave blvd rd mt ft e.g i.e a.m p.m u.s u.k u.n u.s.a
    d.c ph.d bzw ca str z.b d.h u.a dhr mevr mw drs ir bijv blz o.a m.b.t mme mlle sra sig
    """.split()
)
_BEFORE_NUMBERS = set(
    "no nos nr vol fig art pp jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
"""Abbreviations when a number follows; before anything else they may be words."""


@dataclass(frozen=True)
class Sentence:
    """One sentence on one line."""

    text: str
    opens_paragraph: bool


def split_sentences(text: str) -> list[Sentence]:
    """Split text into sentences of at most `MAX_SENTENCE_CHARS` characters, in order."""
    found = []
    for paragraph in _PARAGRAPH.split(text):
        line = clean_line(paragraph)
        pieces = (piece for sentence in _split_line(line) for piece in _cut_long(sentence))
        found += [Sentence(piece, place == 0) for place, piece in enumerate(pieces)]
    return found


def clean_line(text: str) -> str:
    """Put text on one line, without control characters, double blanks and double bars."""
    return " ".join(_BARS.sub("|", _CONTROL.sub("", text)).split())


def _split_line(line: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(line):
        # A whole rest of the line for each mark would be a copy of the text for each sentence.
        before = line[max(start, match.start() - _TAIL_CHARS) : match.start()]
        after = line[match.end() : match.end() + 2].lstrip()
        if match[1] and _goes_on(before, match[1], after):
            continue
        yield line[start : match.end()].strip()
        start = match.end()
    if rest := line[start:].strip():
        yield rest


def _goes_on(before: str, mark: str, after: str) -> bool:
    """Tell whether a mark stands inside a sentence: an abbreviation, `"Why?" he asked`."""
    if not before.strip() or after[:1].islower():
        return True
    if set(mark) - {".", "…"}:
        return False
    found = _LAST_WORD.search(before)
    word = found[0] if found else ""
    is_initial = len(word) == 1 and word.isupper()
    counts = word.casefold() in _BEFORE_NUMBERS and after[:1].isdigit()
    return is_initial or counts or word.casefold() in _ABBREVIATIONS


def _cut_long(sentence: str) -> Iterator[str]:
    """Cut an overlong sentence, best at a clause's end, else at a blank, else anywhere."""
    while len(sentence) > MAX_SENTENCE_CHARS:
        window = sentence[:MAX_SENTENCE_CHARS]
        ends = [match.end() for match in _CLAUSE.finditer(window, MAX_SENTENCE_CHARS // 2)]
        cut = ends[-1] if ends else window.rfind(" ", MAX_SENTENCE_CHARS // 2)
        cut = cut if cut > 0 else MAX_SENTENCE_CHARS
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
    if sentence:
        yield sentence
