"""Open answers: text written token by token within limits, or pointed at in the article.

Written text can hold no control token, no bar and no line break, so it cannot leave its field; it
ends at the delimiter, at a sentence's end near the limit, or at the limit. Greedy, with a guard
against going in circles. Knows nothing about contracts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.spelling import Spelling
from inference.tape import Decoding, Logits, Tape, softmax
from inference.vocabulary import Vocabulary
from schemas.fields import EMPTY
from schemas.fields.base import shorten

NO_REPEAT = 8
"""No run of this many tokens may come twice in one text. A name is shorter, a circle is not."""

SOFT_END = 0.7
"""From this share of the token limit on, a text stops at the end of a sentence."""

_SENTENCE_ENDS = (".", "!", "?", "。")

MAX_POINTERS = 3
"""Sentences that a text may point at."""


class _Repetition:
    """Remembers which token followed which run of `NO_REPEAT` - 1 tokens."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._followers: dict[tuple[int, ...], set[int]] = {}

    def banned(self) -> set[int]:
        return self._followers.get(tuple(self._tokens[1 - NO_REPEAT :]), set())

    def add(self, token: int) -> None:
        self._followers.setdefault(tuple(self._tokens[1 - NO_REPEAT :]), set()).add(token)
        self._tokens.append(token)


def write_text(
    tape: Tape,
    vocabulary: Vocabulary,
    *,
    min_chars: int,
    max_chars: int,
    max_items: int | None,
    max_tokens: int,
    follow: int,
) -> Decoding[tuple[str, list[float]]]:
    """Write text until the model stops or a limit is met; give it with the tokens' probabilities.

    With `max_items` the text is a list, its items parted by semicolons, and ends at its last one's.
    """
    repetition = _Repetition()
    tokens: list[int] = []
    certainties: list[float] = []
    text = ""
    while len(tokens) < max_tokens and len(text) <= max_chars:
        row = yield from tape.listen()
        stop = _best_stop(row, vocabulary, follow) if len(text) >= min_chars else None
        token = _pick(row, vocabulary, repetition.banned(), stop)
        certainties.append(_probability(row, token))
        if token == stop:
            return text, certainties
        tape.force([token])
        tokens.append(token)
        repetition.add(token)
        text = vocabulary.decode(tokens).strip()
        is_late = len(tokens) >= SOFT_END * max_tokens
        is_whole = is_late and text.endswith(_SENTENCE_ENDS) and len(text) >= min_chars
        is_full = max_items is not None and text.count(";") >= max_items
        if is_whole or is_full:
            return shorten(text, max_chars), certainties
    ended = _end_well(text, max_chars)
    return ended if len(ended) >= min_chars else shorten(text, max_chars), certainties


def point_at(
    tape: Tape,
    spelling: Spelling,
    count: int,
    *,
    max_items: int,
    may_be_empty: bool,
    follow: int,
) -> Decoding[tuple[list[int], list[float]]]:
    """Choose up to `max_items` of `count` sentences; give their places from 0, in text order."""
    chosen: list[int] = []
    certainties: list[float] = []
    empty = spelling.value(EMPTY)
    markers = spelling.markers[:count]
    while len(chosen) < min(max_items, len(markers)):
        left = [place for place in range(len(markers)) if place not in chosen]
        candidates = [markers[place] for place in left]
        if chosen or may_be_empty:
            candidates.append(follow if chosen else empty[0])
        row = yield from tape.listen()
        parts = softmax(row[candidates])
        best = int(parts.argmax())
        certainties.append(float(parts[best]))
        if best == len(left):
            break
        tape.force([markers[left[best]]])
        chosen.append(left[best])
    if not chosen:
        tape.force(empty)
    return sorted(chosen), certainties


def join_sentences(sentences: Sequence[str], max_chars: int) -> str:
    """Put sentences together as long as they fit; the first one is clipped if it must be."""
    text = ""
    for sentence in sentences:
        longer = f"{text} {sentence}".strip()
        if len(longer) <= max_chars:
            text = longer
        elif not text:
            text = clip(sentence, max_chars)
    return text


def clip(sentence: str, max_chars: int) -> str:
    """Cut a sentence after a word, and show by an ellipsis that it went on."""
    if len(sentence) <= max_chars:
        return sentence
    cut = sentence[:max_chars]
    space = cut.rfind(" ")
    return (cut[:space] if space > 0 else cut[:-1]).rstrip(" ,;:.-–—") + "…"


def _pick(row: Logits, vocabulary: Vocabulary, banned: set[int], stop: int | None) -> int:
    """Choose the most probable token that may be written, or the stop."""
    best = int(row.argmax())
    if best == stop or not (vocabulary.unwritable[best] or best in banned):
        return best
    allowed = np.where(vocabulary.unwritable, -np.inf, row)
    allowed[list(banned)] = -np.inf
    if stop is not None:
        allowed[stop] = row[stop]
    return int(allowed.argmax())


def _best_stop(row: Logits, vocabulary: Vocabulary, follow: int) -> int:
    """Give the most probable of the tokens that end a text here."""
    ends = [follow, *vocabulary.end_ids, *vocabulary.break_ids]
    return ends[int(row[ends].argmax())]


def _probability(row: Logits, token: int) -> float:
    """Give a token's share, without a second array: a row may have 262,144 values."""
    powers = row - row.max()
    chosen = float(np.exp(powers[token]))
    return chosen / float(np.exp(powers, out=powers).sum())


def _end_well(text: str, max_chars: int) -> str:
    """Cut a text that ran into its limit at its last sentence's end, or else after a word."""
    cut = shorten(text, max_chars)
    if cut.endswith(_SENTENCE_ENDS):
        return cut
    return shorten(cut, max(len(cut) - 1, 1))
