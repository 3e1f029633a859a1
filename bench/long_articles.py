"""Made-up articles as long as those that a desk reads: about 800 words, words as long as English.

Unlike `bench/corpus.py`, whose short texts feed the prefilter's rules, these are for the model:
what counts is how many tokens they take. The same seed gives the same articles.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

WORDS = 4_000
MEDIAN_WORDS = 800
SPREAD = 0.4
"""Of the logarithm of the number of words: two articles of three have 540 to 1,190 words."""
SENTENCE_WORDS = (8, 28)
PARAGRAPH_SENTENCES = 4

_BEGINNINGS = "b c d f g h k l m n p r s t v w st tr pl gr".split()
_MIDDLES = "a e i o u".split()
_ENDINGS = ["", "", "n", "r", "s", "t", "l"]


class LongArticle(NamedTuple):
    title: str
    text: str


def make_long_articles(count: int, seed: int = 0) -> list[LongArticle]:
    """Make articles; their words are the same whatever the count."""
    chance = random.Random(seed)
    words = make_words(chance)
    weights = list(accumulate(1 / rank for rank in range(3, len(words) + 3)))
    made = []
    for _ in range(count):
        length = round(chance.lognormvariate(0, SPREAD) * MEDIAN_WORDS)
        sentences = list(_make_sentences(chance, words, weights, max(length, 50)))
        title = " ".join(chance.choices(words, cum_weights=weights, k=9)).capitalize()
        made.append(LongArticle(title, _set_paragraphs(sentences)))
    return made


def make_words(chance: random.Random) -> list[str]:
    """Make words in the order of their frequency: the frequent ones are mostly short."""
    made: dict[str, float] = {}
    while len(made) < WORDS:
        syllables = chance.choices([1, 2, 3], [0.2, 0.4, 0.4])[0]
        made.setdefault("".join(_make_syllable(chance) for _ in range(syllables)), chance.random())
    return sorted(made, key=lambda word: len(word) ** 3 * made[word])


def _make_syllable(chance: random.Random) -> str:
    return "".join(map(chance.choice, (_BEGINNINGS, _MIDDLES, _ENDINGS)))


def _make_sentences(
    chance: random.Random, words: list[str], weights: list[float], wanted: int
) -> Iterator[str]:
    while wanted > 0:
        length = min(chance.randint(*SENTENCE_WORDS), max(wanted, 3))
        picked = chance.choices(words, cum_weights=weights, k=length)
        picked[length // 2] += ","
        wanted -= length
        yield " ".join(picked).capitalize() + "."


def _set_paragraphs(sentences: list[str]) -> str:
    starts = range(0, len(sentences), PARAGRAPH_SENTENCES)
    return "\n\n".join(" ".join(sentences[at : at + PARAGRAPH_SENTENCES]) for at in starts)
