r"""What a rule cannot match without: clues, words of which some must stand in the text.

A rule is a list of phrases far more often than not. From its pattern this module works out clues
of which every match must hold one, so that a screener looks an article's words up in an index and
runs only the few rules that can match at all. It answers too much rather than too little: what it
does not understand counts as "anything". It knows patterns, not lenses; it reads them with
`ingest/pattern_forms.py`.

Words are runs of ASCII letters and digits, whatever stands beside them: so a word that is bounded
in the pattern is bounded in the text under every reading of `\b`. The idea is that of RE2's
FilteredRE2 and of trigram indexes (R. Cox, "Regular Expression Matching with a Trigram Index",
2012), with words in the place of trigrams.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.pattern_forms import ANY, find_best_piece, find_pieces, read_forms

_FOLD = bytes(
    ord(chr(byte).lower())
    if chr(byte).isascii() and (chr(byte).isalnum() or byte == ord("_"))
    else 32
    for byte in range(256)
)
"""Table for `bytes.translate`: letters to lower case, all that is no ASCII word to a blank."""
ODD_LETTERS = ("\u017f", "\u212a")
"""The long s and the Kelvin sign: the only others that match a letter of ASCII in any case."""


@dataclass(frozen=True)
class Clue:
    """Stands in a text with all that it names."""

    word: str
    """The one to look it up by."""
    others: frozenset[str] = frozenset()
    is_prefix: bool = False
    """`word` is only the beginning of a word, and all there is."""


def find_clues(pattern: str) -> frozenset[Clue] | None:
    """Give the clues of a mended pattern (see `schemas.rules`), or None if it has none.

    Every text that the pattern matches holds one of the clues.
    """
    clues = {_best_clue(form) for form in read_forms(pattern)}
    if None in clues:
        return None
    return frozenset(_leave_out_implied({clue for clue in clues if clue}))


def split_words(text: bytes) -> set[bytes]:
    """Give the different words of a text in UTF-8, in lower case."""
    return set(text.translate(_FOLD).split())


def has_odd_letters(text: str) -> bool:
    """Tell whether a text holds characters that RE2 takes for letters of ASCII in other dress."""
    return not text.isascii() and any(odd in text for odd in ODD_LETTERS)


def _leave_out_implied(clues: set[Clue]) -> Iterator[Clue]:
    """Leave out a clue of which a part is a clue itself: "who are" beside "who"."""
    kept: dict[str, list[frozenset[str]]] = defaultdict(list)
    for clue in sorted(clues, key=lambda clue: len(clue.others)):
        words = clue.others | {clue.word}
        if clue.is_prefix:
            yield clue
        elif not any(less <= words for word in words for less in kept[word]):
            kept[clue.word].append(words)
            yield clue


def _best_clue(form: str) -> Clue | None:
    form = f"{ANY}{form}{ANY}"
    best = find_best_piece(form)
    if best is None:
        return None
    if form[best.end()] == ANY:
        return Clue(best[0], is_prefix=True)
    words = frozenset(piece[0] for piece in find_pieces(form) if form[piece.end()] != ANY)
    return Clue(best[0], words - {best[0]})
