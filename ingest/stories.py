"""Stories: which articles tell the same news, judged by the wording and the names they share.

Pure: knows neither tables nor sources. MinHash over shingles of words finds who is worth a look
(Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3), names and numbers of the titles
then part reports that only share a template. News told anew in other words is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple, Protocol

from ingest.minhash import compare, sign, split_words

LEAST_SIMILARITY = 0.4
"""Share of common shingles. Of 33,099 dated articles (AllSides) 44 pairs reach it within three
days; of those sampled nearly all tell the same news, and so do most from 0.2 on. The estimate errs
by 0.06, and law firms' notices about one company in one week (0.35) should not chain on."""
JUDGED_CHARS = 3_200
"""Of a text, for names and words: as far as signatures look."""
LEAST_BODY_CHARS = 150
"""A shorter body cannot tell which words of the title are names; the title itself is asked then."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Opening:
    """Title and first characters of an article, in which names are looked for."""

    title: str
    text: str

    @cached_property
    def words(self) -> frozenset[str]:
        """All its words, in lower case."""
        return frozenset(split_words(f"{self.title} {self.text[:JUDGED_CHARS]}"))

    @cached_property
    def names(self) -> frozenset[str]:
        """Words of the title that stand for who, where and how many: see `find_names`."""
        return frozenset(find_names(self.title, self.text[:JUDGED_CHARS]))


class Signed(Protocol):
    """What of an article says whether it is worth a look."""

    @property
    def told_at(self) -> datetime: ...
    @property
    def signature(self) -> bytes: ...


class Pair(NamedTuple):
    """Two articles that tell the same news."""

    one: int
    other: int
    similarity: float


@dataclass(frozen=True)
class JoinStory:
    """The articles join a story that is there; further stories that they connect go up in it."""

    story_id: int
    merged: tuple[int, ...]
    similarities: dict[int, float]
    """Article id → similarity to its nearest neighbour in the story."""


@dataclass(frozen=True)
class StartStory:
    """The articles, at least two, are a story of their own."""

    similarities: dict[int, float]


def find_names(title: str, body: str) -> set[str]:
    """Give the title's names and numbers, in lower case.

    Titles capitalise as they like, so the body says what is a name: a word that never begins
    with a small letter there.
    """
    cased = set(_WORD.findall(body if len(body) >= LEAST_BODY_CHARS else f"{title} {body}"))
    folded, small = {word.casefold() for word in cased}, {word for word in cased if word.islower()}
    return {
        word.casefold()
        for word in _WORD.findall(title)
        if (word in cased if _has_digit(word) else _is_name(word, folded, small))
    }


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word)


def _is_name(word: str, folded: set[str], small: set[str]) -> bool:
    has_case = word.lower() != word.upper()
    low = word.casefold()
    return has_case and len(word) > 1 and low in folded and low not in small


def find_alike(
    signed: Mapping[int, Signed], candidates: Iterable[tuple[int, int]], window: timedelta
) -> list[Pair]:
    """Keep the candidates whose wording is alike and that were told within a window of days."""
    close = [
        (one, other)
        for one, other in candidates
        if abs(signed[one].told_at - signed[other].told_at) <= window
    ]
    similarities = compare(
        [signed[one].signature for one, _ in close], [signed[other].signature for _, other in close]
    )
    return [
        Pair(one, other, similarity)
        for (one, other), similarity in zip(close, similarities, strict=True)
        if similarity >= LEAST_SIMILARITY
    ]


def part_templates(pairs: Iterable[Pair], openings: Mapping[int, Opening]) -> list[Pair]:
    """Leave out pairs that share a template only: the same report about another firm or day."""
    return [pair for pair in pairs if not are_at_odds(openings[pair.one], openings[pair.other])]


def are_at_odds(one: Opening, other: Opening) -> bool:
    """Tell whether each title names what the other article nowhere has."""
    return bool(one.names - other.words and other.names - one.words)


@dataclass
class _Group:
    articles: set[int] = field(default_factory=set)
    stories: set[int] = field(default_factory=set)


def decide_stories(
    pairs: Sequence[Pair], story_of: Mapping[int, int | None]
) -> list[JoinStory | StartStory]:
    """Say what becomes of articles that tell the same news.

    Stories are the connected groups, so they come out the same in whatever order the articles
    came in. `story_of` gives each article's present story. Deciding again changes nothing.
    """
    nearest: dict[int, float] = {}
    for pair in pairs:
        for article_id in pair[:2]:
            nearest[article_id] = max(nearest.get(article_id, 0.0), pair.similarity)
    decisions: list[JoinStory | StartStory] = []
    for group in _connect(pairs, story_of):
        new = {each: nearest[each] for each in sorted(group.articles) if story_of[each] is None}
        if not group.stories:
            decisions.append(StartStory(new))
        elif new or len(group.stories) > 1:
            kept, *merged = sorted(group.stories)
            decisions.append(JoinStory(kept, tuple(merged), new))
    return decisions


def _connect(pairs: Sequence[Pair], story_of: Mapping[int, int | None]) -> list[_Group]:
    """Put together what is connected, by a pair or by a story that is there already."""
    group_of: dict[tuple[str, int], _Group] = {}
    for pair in pairs:
        ends = [("article", each) for each in pair[:2]]
        ends += [("story", story) for each in pair[:2] if (story := story_of[each]) is not None]
        groups = {id(group): group for end in ends if (group := group_of.get(end))}
        whole = _Group(set(pair[:2]), {end[1] for end in ends if end[0] == "story"})
        for group in groups.values():
            whole.articles |= group.articles
            whole.stories |= group.stories
        group_of |= {("article", each): whole for each in whole.articles}
        group_of |= {("story", each): whole for each in whole.stories}
    distinct = {id(group): group for group in group_of.values()}
    return sorted(distinct.values(), key=lambda group: min(group.articles))


def sign_article(title: str, text: str) -> bytes | None:
    """Sign an article's wording; None for one that says too little to be compared."""
    return sign(f"{title} {text[:JUDGED_CHARS]}")
