"""Names are copied, never written: only tokens that continue a span of the article can be chosen.

The spans are runs of whole words within one sentence, without the punctuation around them. A set
of threads, one per place in the text that fits so far, plays the part of a suffix automaton: it
starts wide and shrinks with each token. What is a name and what is not is the model's business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from inference.spelling import Spelling
from inference.tape import Decoding, Tape, softmax
from schemas.fields import EMPTY
from schemas.fields.base import skip_marks

MAX_WORDS = 8
"""Of one name."""

_CHUNK = re.compile(r"\S+")
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)
_POSSESSIVE = re.compile(r"['’]s$")


class _Word(NamedTuple):
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


class _Thread(NamedTuple):
    """One place in the article that fits what was copied so far."""

    first: int
    """The word that the span begins with."""
    last: int
    """The word that is being copied."""
    tokens: tuple[int, ...]
    """Of that word."""
    done: int
    """How many of them were copied."""
    end: int | None
    """Where the span ends if it stops after this word; None: it may not."""
    goes_on: bool


Moves = dict[int, list[_Thread]]
"""Token → the threads that are left when it is chosen."""


class Spans:
    """The words of some texts, and the ways to copy runs of them."""

    def __init__(self, texts: Sequence[str], spelling: Spelling, max_chars: int) -> None:
        self._texts = texts
        self._spell = spelling.encode
        self._max_chars = max_chars
        self._words = [
            word for place, text in enumerate(texts) for word in _find_words(place, text)
        ]
        self._beginnings: dict[bool, Moves] = {}

    def begin(self, *, blank: bool) -> Moves:
        """Give the tokens that a name can begin with; `blank`: with a blank before it."""
        if blank not in self._beginnings:
            threads = [
                thread
                for place, word in enumerate(self._words)
                if self._texts[word.text][word.start : word.end].casefold() != EMPTY
                for thread in self._enter(place, place, blank=blank)
            ]
            self._beginnings[blank] = self.advance(threads)
        return self._beginnings[blank]

    def advance(self, threads: Sequence[_Thread]) -> Moves:
        """Give every token that continues one of the threads."""
        moves: Moves = {}
        for thread in threads:
            is_whole = thread.done == len(thread.tokens)
            for going in self._go_on(thread) if is_whole else [thread]:
                first, last, tokens, done, end, goes_on = going
                moved = _Thread(first, last, tokens, done + 1, end, goes_on)
                moves.setdefault(tokens[done], []).append(moved)
        return moves

    def finished(self, threads: Sequence[_Thread]) -> str | None:
        """Give the name that the threads have copied, if it may end here."""
        for thread in threads:
            if thread.done == len(thread.tokens) and thread.end is not None:
                word = self._words[thread.first]
                return self._texts[word.text][word.start : thread.end]
        return None

    def _go_on(self, thread: _Thread) -> list[_Thread]:
        return self._enter(thread.first, thread.last + 1, blank=True) if thread.goes_on else []

    def _enter(self, first: int, place: int, *, blank: bool) -> list[_Thread]:
        """Begin a word: as the last one of a span, or to be followed by another."""
        if not self._fits(first, place):
            return []
        word = self._words[place]
        goes_on = word.joins and self._fits(first, place + 1)
        ways: list[tuple[int, int | None, bool]] = [
            (word.end, word.end, goes_on and word.reach == word.end)
        ]
        if word.stem != word.end:
            ways.append((word.stem, word.stem, False))
        if goes_on and word.reach != word.end:
            ways.append((word.reach, None, True))
        text, lead = self._texts[word.text], " " if blank else ""
        return [
            _Thread(first, place, self._spell(lead + text[word.start : cut]), 0, end, going)
            for cut, end, going in ways
        ]

    def _fits(self, first: int, place: int) -> bool:
        """Tell whether a span of these words stays within its limits."""
        chars = self._words[place].end - self._words[first].start
        return place - first < MAX_WORDS and chars <= self._max_chars


def copy_names(
    tape: Tape, spelling: Spelling, spans: Spans, *, max_items: int, follow: int
) -> Decoding[tuple[list[str], list[float]]]:
    """Copy up to `max_items` different names; give them with the decisions' probabilities.

    A name that comes again ends the list: from there a greedy model would only go in circles.
    """
    names: list[str] = []
    certainties: list[float] = []
    seen: set[str] = set()
    while True:
        mark = len(tape)
        if names:
            tape.force(spelling.separator)
        ends = [follow, spelling.separator[0]]
        empty = [] if names else spelling.value(EMPTY)
        moves = spans.begin(blank=bool(names))
        name, end = yield from _copy_name(tape, spans, moves, ends, empty, certainties)
        if name is None or name.casefold() in seen:
            if names:
                tape.rewind(mark)
            return names, certainties
        names.append(name)
        seen.add(name.casefold())
        if end == follow or len(names) == max_items:
            return names, certainties


def _copy_name(
    tape: Tape,
    spans: Spans,
    moves: Moves,
    ends: Sequence[int],
    empty: Sequence[int],
    certainties: list[float],
) -> Decoding[tuple[str | None, int]]:
    """Copy one name; give it and the token that ended it. None: `empty` was chosen."""
    name: str | None = None
    while True:
        candidates = list(dict.fromkeys([*moves, *(ends if name is not None else empty[:1])]))
        token = yield from _decide(tape, candidates, certainties)
        if token in moves:
            tape.force([token])
            threads = moves[token]
            moves, name, empty = spans.advance(threads), spans.finished(threads), ()
        elif name is not None:
            return name, token
        else:
            tape.force(empty)
            return None, token


def _decide(tape: Tape, candidates: list[int], certainties: list[float]) -> Decoding[int]:
    """Choose the most probable of some tokens. Where there is one only, nothing is decoded."""
    if len(candidates) == 1:
        return candidates[0]
    row = yield from tape.listen()
    parts = softmax(row[candidates])
    best = int(parts.argmax())
    certainties.append(float(parts[best]))
    return candidates[best]


def _find_words(place: int, text: str) -> list[_Word]:
    """Find the words of one text that a name may hold."""
    chunks = list(_CHUNK.finditer(text))
    words = []
    for number, chunk in enumerate(chunks):
        core = _CORE.search(chunk[0])
        if core is None or "|" in core[0] or ";" in core[0]:
            continue
        core_end = skip_marks(chunk[0], core.end())
        start, end = chunk.start() + core.start(), chunk.start() + core_end
        tail = chunk[0][core_end:]
        follower = chunks[number + 1] if number + 1 < len(chunks) else None
        joins = tail in ("", ".") and follower is not None and _opens_plain(follower[0])
        stem = end - len(found[0]) if (found := _POSSESSIVE.search(core[0])) else end
        words.append(_Word(place, start, stem, end, end + len(tail) if joins else end, joins))
    return words


def _opens_plain(chunk: str) -> bool:
    """Tell whether a chunk begins with a letter or digit and may go on a name."""
    return chunk[0].isalnum() and "|" not in chunk and ";" not in chunk[:-1]
