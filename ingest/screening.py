"""The prefilter: the rules of all lenses over an article, and a decision for each lens.

Pure: no clock, no chance (the audit sample is drawn by a hash), no store. Patterns are RE2, so
the time is linear in the text whatever the rule. An index of words picks the few rules that can
match; they are tried in their order until one does. Why not `re2.Set`: docs/decisions/0009.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from ingest.rule_index import RuleIndex
from schemas.lens import LANGUAGE_RULE, Lens, Rule
from schemas.rules import compile_pattern, fold_text, trim_span, unicode_pattern

SCREENED_CHARS = 2_000
AUDIT_RATE = 0.015
MAX_MATCHED_CHARS = 200
"""Of the matched text that a decision shows; its span is whole."""


class Screenable(Protocol):
    """What the rules need of an article, stored or not."""

    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def content_key(self) -> str: ...
    @property
    def language(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """The prefilter's answer for one lens: keep or drop, and what decided."""

    lens: str
    lens_version: int
    decision: Literal["keep", "drop"]
    rule_id: str | None = None
    """None: no rule matched, and the lens's default decided."""
    span: tuple[int, int] | None = None
    """Characters of `screened_text` that the deciding rule matched, end excluded."""
    matched_text: str | None = None
    """What it matched; the article's language, if that decided."""
    audit: bool = False
    """Dropped, but drawn to go on, so that what the rules miss can be measured."""


def screened_text(title: str, text: str, chars: int = SCREENED_CHARS) -> str:
    """Give the very text that rules see and spans refer to: title, line end, first characters."""
    return fold_text(f"{title}\n{text[:chars]}")


class _PlacedRule(NamedTuple):
    """A rule, its compiled pattern, and the place of its lens among the lenses."""

    lens_place: int
    rule: Rule
    pattern: Any


class _Match(NamedTuple):
    """The rule that decides for a lens, and the bytes that it matched."""

    rule: Rule
    start: int
    end: int


class Screener:
    """The compiled rules of some lenses. Building one takes a second; then it is only read."""

    def __init__(
        self,
        lenses: Iterable[Lens],
        *,
        chars: int = SCREENED_CHARS,
        audit_rate: float = AUDIT_RATE,
    ) -> None:
        """Compile and index all rules.

        chars: of an article's text that the rules see. audit_rate: share of drops, 0 to 1.
        """
        self._lenses = tuple(lenses)
        self._chars = chars
        self._audit_rate = audit_rate
        self._rules = [
            _PlacedRule(place, rule, compile_pattern(rule.pattern))
            for place, lens in enumerate(self._lenses)
            for rule in lens.prefilter.rules
        ]
        self._index = RuleIndex(
            [unicode_pattern(fold_text(placed.rule.pattern)) for placed in self._rules]
        )

    def screen(
        self, article: Screenable, lens_names: Collection[str] | None = None
    ) -> list[Decision]:
        """Decide for every lens (that is named, if any are).

        A lens that names its languages drops an article in another by the rule `language`; that
        drop is no rule's miss, so none is drawn as audit.
        """
        text = screened_text(article.title, article.text, self._chars)
        encoded = text.encode()
        matches = self._match_rules(text, encoded)
        return [
            self._decide(lens, matches.get(place), encoded, article.content_key)
            if reads_language(lens, article.language)
            else _drop_language(lens, article.language)
            for place, lens in enumerate(self._lenses)
            if lens_names is None or lens.name in lens_names
        ]

    def _match_rules(self, text: str, encoded: bytes) -> dict[int, _Match]:
        """Give the first matching rule of each lens, by the lens's place."""
        matches: dict[int, _Match] = {}
        for number in self._index.find_candidates(text, encoded):
            place, rule, pattern = self._rules[number]
            # RE2 works on UTF-8; with `str` its binding would count characters at every try.
            if place not in matches and (found := pattern.search(encoded)):
                matches[place] = _Match(rule, found.start(), found.end())
        return matches

    def _decide(
        self, lens: Lens, match: _Match | None, encoded: bytes, content_key: str
    ) -> Decision:
        action = match.rule.action if match else lens.prefilter.default
        audit = action == "drop" and is_audited(content_key, lens.name, self._audit_rate)
        if match is None:
            return Decision(lens.name, lens.version, action, audit=audit)
        span, matched = _read_span(encoded, match.start, match.end)
        return Decision(lens.name, lens.version, action, match.rule.id, span, matched, audit)


def _read_span(encoded: bytes, start: int, end: int) -> tuple[tuple[int, int], str]:
    """Turn a span of bytes into one of characters, with the text in it."""
    before, matched = encoded[:start].decode(), encoded[start:end].decode()
    first, last = trim_span(matched, 0, len(matched))
    span = (len(before) + first, len(before) + last)
    return span, matched[first : min(last, first + MAX_MATCHED_CHARS)]


def is_audited(content_key: str, lens_name: str, rate: float) -> bool:
    """Draw the audit sample: the same article and lens always give the same answer."""
    digest = hashlib.blake2b(f"{content_key}/{lens_name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < rate * 2**64


def reads_language(lens: Lens, language: str | None) -> bool:
    """Whether a lens reads a language; an unknown one may be any."""
    return lens.languages is None or language is None or language in lens.languages


def _drop_language(lens: Lens, language: str | None) -> Decision:
    return Decision(lens.name, lens.version, "drop", LANGUAGE_RULE, matched_text=language)
