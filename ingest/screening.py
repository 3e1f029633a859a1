"""The prefilter: the rules of all lenses over an article in one pass, a decision for each lens.

Pure: no clock, no chance (the audit sample is drawn by a hash), no store. Patterns are RE2, so
the time is linear in the text whatever the rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import re2

from schemas.errors import ConfigError
from schemas.lens import Lens, Rule
from schemas.rules import compile_options, compile_pattern, fold_text, trim_span, unicode_pattern

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
    audit: bool = False
    """Dropped, but drawn to go on, so that what the rules miss can be measured."""


def screened_text(title: str, text: str, chars: int = SCREENED_CHARS) -> str:
    """Give the very text that rules see and spans refer to: title, line end, first characters."""
    return fold_text(f"{title}\n{text[:chars]}")


class Screener:
    """The compiled rules of some lenses. Building one costs some ms; it is then only read."""

    def __init__(
        self,
        lenses: Iterable[Lens],
        *,
        chars: int = SCREENED_CHARS,
        audit_rate: float = AUDIT_RATE,
    ) -> None:
        """Compile all rules into one set.

        chars: of an article's text that the rules see. audit_rate: share of drops, 0 to 1.
        Raises ConfigError when the rules are too many for one set.
        """
        self._lenses = tuple(lenses)
        self._chars = chars
        self._audit_rate = audit_rate
        self._rules: list[tuple[int, Rule]] = [
            (place, rule)
            for place, lens in enumerate(self._lenses)
            for rule in lens.prefilter.rules
        ]
        self._set = _compile_set([rule for _, rule in self._rules])

    def screen(
        self, article: Screenable, lens_names: Collection[str] | None = None
    ) -> list[Decision]:
        """Decide for every lens that reads the article's language (and is named, if any are)."""
        text = screened_text(article.title, article.text, self._chars)
        deciding = self._find_deciding_rules(text)
        return [
            self._decide(lens, deciding.get(place), text, article.content_key)
            for place, lens in enumerate(self._lenses)
            if _is_asked(lens, article.language, lens_names)
        ]

    def _find_deciding_rules(self, text: str) -> dict[int, Rule]:
        """Give the first matching rule of each lens, by the lens's place."""
        hits = self._set.Match(text) if self._set else None
        deciding: dict[int, Rule] = {}
        for hit in sorted(hits or ()):
            place, rule = self._rules[hit]
            deciding.setdefault(place, rule)
        return deciding

    def _decide(self, lens: Lens, rule: Rule | None, text: str, content_key: str) -> Decision:
        action = rule.action if rule else lens.prefilter.default
        audit = action == "drop" and is_audited(content_key, lens.name, self._audit_rate)
        if rule is None:
            return Decision(lens.name, lens.version, action, audit=audit)
        start, end = find_span(rule.pattern, text)
        matched = text[start : min(end, start + MAX_MATCHED_CHARS)]
        return Decision(lens.name, lens.version, action, rule.id, (start, end), matched, audit)


def find_span(pattern: str, text: str) -> tuple[int, int]:
    """Find where a rule that is known to match does so first, in characters."""
    match = compile_pattern(pattern).search(text)
    return trim_span(text, match.start(), match.end()) if match else (0, 0)


def is_audited(content_key: str, lens_name: str, rate: float) -> bool:
    """Draw the audit sample: the same article and lens always give the same answer."""
    digest = hashlib.blake2b(f"{content_key}/{lens_name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < rate * 2**64


def _is_asked(lens: Lens, language: str | None, lens_names: Collection[str] | None) -> bool:
    if lens_names is not None and lens.name not in lens_names:
        return False
    return lens.languages is None or language is None or language in lens.languages


def _compile_set(rules: list[Rule]) -> Any:
    """Compile one set; None without rules, which RE2 would not compile."""
    if not rules:
        return None
    patterns = re2.Set.SearchSet(compile_options())
    try:
        for rule in rules:
            patterns.Add(unicode_pattern(fold_text(rule.pattern)))
        patterns.Compile()
    except re2.error as error:
        raise ConfigError(f"the {len(rules)} rules of all lenses together: {error}") from None
    _prove_set(patterns, rules)
    return patterns


def _prove_set(patterns: Any, rules: list[Rule]) -> None:
    """Match each rule's example: RE2 answers "no match", not an error, when memory runs out."""
    for number, rule in enumerate(rules):
        if number not in (patterns.Match(fold_text(rule.example)) or ()):
            raise ConfigError(
                f"rule {rule.id!r} no longer matches its example among all {len(rules)} rules: "
                "they are too large for one set; shorten word lists or use fewer lenses"
            )
