"""A corpus of made-up articles, as long as news is and with something for the rules to find.

The same seed gives the same articles. They read like nothing at all, which no part before the
model can tell: lengths, word lengths and the share of matching articles are what costs time.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

WORDS = 4_000
ARTICLE_WORDS = (150, 750)
"""With the words made here, 1,000 to 5,000 characters."""
SENTENCE_WORDS = (8, 28)
PARAGRAPH_SENTENCES = 4
TOLD_SHARE = 0.5
"""Share of the articles that hold a sentence which some rule looks for."""
SYLLABLES = "ba ce di fo gu la me ni ro su ta ve xi po ter ment tion ing ers al".split()
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def write_corpus(path: Path, count: int, sentences: Sequence[str], seed: int = 0) -> None:
    """Write a JSONL corpus; `sentences` are what the rules look for."""
    with path.open("w", encoding="utf-8") as file:
        for article in make_articles(count, sentences, seed):
            file.write(json.dumps(article, ensure_ascii=False) + "\n")


def make_articles(count: int, sentences: Sequence[str], seed: int) -> Iterator[dict[str, str]]:
    """Make articles in the shape that `ingest/corpora.py` reads."""
    chance = random.Random(seed)
    words = _make_words(chance)
    # As in every language, the n-th most frequent word comes about 1/n as often as the first.
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    for number in range(count):
        told = chance.choice(sentences) if chance.random() < TOLD_SHARE else None
        yield {
            "id": f"made-{seed}-{number}",
            "title": _make_sentence(chance, words, weights)[:90],
            "content": _make_text(chance, words, weights, told),
            "published_date": (FIRST_DAY + timedelta(minutes=number)).isoformat(),
            "source": "bench",
            "url": f"https://bench.example/{seed}/{number}",
        }


def _make_words(chance: random.Random) -> list[str]:
    made = {"".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(2 * WORDS)}
    return sorted(made)[:WORDS]


def _make_sentence(chance: random.Random, words: list[str], weights: list[float]) -> str:
    picked = chance.choices(words, cum_weights=weights, k=chance.randint(*SENTENCE_WORDS))
    return " ".join(picked).capitalize() + "."


def _make_text(
    chance: random.Random, words: list[str], weights: list[float], told: str | None
) -> str:
    sentences: list[str] = []
    wanted = chance.randint(*ARTICLE_WORDS)
    while wanted > 0:
        sentences.append(_make_sentence(chance, words, weights))
        wanted -= sentences[-1].count(" ") + 1
    if told:
        sentences.insert(chance.randint(0, min(len(sentences), 8)), told)
    starts = range(0, len(sentences), PARAGRAPH_SENTENCES)
    return "\n\n".join(" ".join(sentences[at : at + PARAGRAPH_SENTENCES]) for at in starts)
