"""Rule patterns: Unicode word boundaries on an engine that has only ASCII ones."""

from __future__ import annotations

import pickle

import pytest

from schemas.errors import ConfigError, TransientError
from schemas.rules import compile_pattern, trim_span, unicode_pattern

CASES = [
    (r"\bcafé\b", "un café noir", "café", "a letter beyond ASCII at the end"),
    (r"\bcaf\b", "un café noir", None, "é continues the word"),
    (r"\büber\b", "ist über uns", "über", "a letter beyond ASCII at the start"),
    (r"\bРоссия\b", "а Россия.", "Россия", "Cyrillic"),
    (r"\bart\b", "start", None, "inside a word"),
    (r"\bart\b", "Art", "Art", "any case, at both ends of the text"),
    (r"\b(?:solar|wind)\b\s+\bpower\b", "wind power", "wind power", "boundaries beside a gap"),
    (r"\bfoo\b.{0,10}\bbar\b", "foo bar", "foo bar", "boundaries beside anything"),
    (r"\bx\b\s*y", "xy", None, "a gap that may be empty still needs the boundary"),
    (r"[\w.]+\b", "a.b", "a.b", "brackets are left alone"),
    (r"\$\d+\b", "for $5 only", "$5", "a sign is part of the match"),
    (r"(?i:\bfoo\b)", "a foo b", "foo", "inside a group with flags"),
]


@pytest.mark.parametrize(("pattern", "text", "matched", "reason"), CASES)
def test_boundaries_know_the_letters_of_every_script(
    pattern: str, text: str, matched: str | None, reason: str
) -> None:
    found = compile_pattern(pattern).search(text)
    assert (found is not None) == (matched is not None), reason
    if found and matched:
        start, end = trim_span(text, *found.span())
        assert text[start:end] == matched, reason


def test_pattern_without_boundary_is_unchanged() -> None:
    assert unicode_pattern(r"a\\b[x]|\Qa\b\E") == r"a\\b[x]|\Qa\b\E"


@pytest.mark.parametrize("pattern", ["(", "(?<=a)b", r"(a)\1", "a{2000}"])
def test_pattern_outside_re2_is_a_clear_error(pattern: str) -> None:
    with pytest.raises(ConfigError, match="does not compile: "):
        compile_pattern(pattern)


def test_pattern_that_backtracking_engines_never_finish_is_linear() -> None:
    assert compile_pattern("(a+)+$").search("a" * 50_000 + "b") is None


def test_errors_pickle_with_their_ids() -> None:
    error = pickle.loads(pickle.dumps(TransientError("away", source_id=7)))
    assert isinstance(error, TransientError)
    assert (str(error), error.source_id) == ("away", 7)
