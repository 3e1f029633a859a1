"""Names are copied, never written: only tokens that continue a span of the article can be chosen.

The spans are runs of whole words within one sentence, without the punctuation around them. In a
script without blanks they are runs of letters: a name need not be spelled in the tokens of the text
around it. A set of threads, one per place in the text that fits so far, plays the part of a suffix
automaton: it starts wide and shrinks with each token. What is a name and what is not is the model's
business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from inference.spelling import Spelling
from inference.tape import Decoding, Tape, softmax
from inference.words import find_words
from schemas.fields import EMPTY

MAX_WORDS = 8
"""Of one name."""
MAX_LETTERS = 30
"""Characters of a name in a script without blanks: names of Thai authorities are the longest."""
_TOKEN_LETTERS = 6
"""Letters of such a script that are looked up as one token."""


class _Thread(NamedTuple):
    """One place in the article that fits what was copied so far."""

    first: int
    """The word that the span begins with."""
    last: int
    """The word that is being copied, or the last of the letters that are."""
    tokens: tuple[int, ...]
    """Of that word, or of those letters."""
    done: int
    """How many of them were copied."""
    end: int | None
    """Where the span ends if it stops after this word; None: it may not."""
    goes_on: bool


Moves = dict[int, list[_Thread]]
"""Token → the threads that are left when it is chosen."""


class Pieces(Protocol):
    """The part of a vocabulary that says what it has tokens for."""

    @property
    def unspaced(self) -> Mapping[str, int]: ...


class Spans:
    """The words of some texts, and the ways to copy runs of them."""

    def __init__(
        self, texts: Sequence[str], spelling: Spelling, vocabulary: Pieces, max_chars: int
    ) -> None:
        self._texts = texts
        self._spell = spelling.encode
        self._vocabulary = vocabulary
        self._max_chars = max_chars
        self._words = [word for place, text in enumerate(texts) for word in find_words(place, text)]
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
        if not thread.goes_on:
            return []
        is_glued = self._words[thread.last].is_glued
        return self._enter(thread.first, thread.last + 1, blank=not is_glued)

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
        spelled = [
            _Thread(first, place, self._spell(lead + text[word.start : cut]), 0, end, going)
            for cut, end, going in ways
        ]
        return [*spelled, *self._merge(first, place, lead)] if word.is_letter else spelled

    def _merge(self, first: int, place: int, lead: str) -> Iterator[_Thread]:
        """Begin several letters that the vocabulary has one token for."""
        pieces = self._vocabulary.unspaced
        head = self._words[place]
        for last in range(place + 1, place + _TOKEN_LETTERS):
            before = self._words[last - 1]
            if not (before.joins and before.is_glued and before.reach == before.end):
                return
            word = self._words[last]
            if not (word.is_letter and self._fits(first, last)):
                return
            text = self._texts[word.text][head.start : word.end]
            goes_on = word.joins and word.reach == word.end and self._fits(first, last + 1)
            if lead and (token := pieces.get(lead + text)) is not None:
                yield _Thread(first, last, (token,), 0, word.end, goes_on)
            if (token := pieces.get(text)) is not None:
                tokens = (*self._spell(lead), token) if lead else (token,)
                yield _Thread(first, last, tokens, 0, word.end, goes_on)

    def _fits(self, first: int, place: int) -> bool:
        """Tell whether a span of these words stays within its limits."""
        head, word = self._words[first], self._words[place]
        limit = min(self._max_chars, MAX_LETTERS) if word.is_letter else self._max_chars
        return word.group - head.group < MAX_WORDS and word.end - head.start <= limit


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
