"""Clues: no rule that matches may ever be left out, and few others taken in."""

from __future__ import annotations

import pytest
import re2
from hypothesis import example, given, settings, strategies as st

from ingest.clues import ODD_LETTERS, Clue, find_clues, split_words
from ingest.rule_index import RuleIndex
from schemas.errors import ConfigError
from schemas.lens import load_lenses
from schemas.rules import compile_options, compile_pattern, fold_text, unicode_pattern
from tests.paths import ROOT


def clues_of(pattern: str) -> set[str] | None:
    """Spell clues: the word to look up, then the others; "beginn*"."""
    clues = find_clues(unicode_pattern(pattern))
    return None if clues is None else {spell(clue) for clue in clues}


def spell(clue: Clue) -> str:
    return " ".join([clue.word + "*" * clue.is_prefix, *sorted(clue.others)])


CASES = [
    (r"\bcoupon\b", {"coupon"}, "a word"),
    (r"\b(coupon|promo code)s?\b", {"coupon", "coupons", "promo code", "promo codes"}, "choices"),
    (r"\bstart-?ups?\b", {"startup", "startups", "start up", "start ups"}, "a hyphen parts words"),
    (r"\bpledg\w+\b", {"pledg*"}, "the beginning of a word"),
    (r"\bhack(?:ed|ing)\b", {"hacked", "hacking"}, "endings"),
    (r"^[^\n]*\bnfl\b", {"nfl"}, "a word of the title"),
    (r"\b(?:solar|wind)\b.*\bpower\b", {"solar power", "power wind"}, "words apart"),
    (r"\bthe summit\b", {"summit the"}, "looked up by the rarer word"),
    (r"\bfirst? summit\b|\bsummit\b", {"summit"}, "a clue that is part of another"),
    (r"\b(?-i:AI)\b", {"ai"}, "the case is left to RE2"),
    (r"\bcafé noir\b", {"noir caf"}, "letters beyond ASCII part words too"),
    (r"\bgr[ae]y\b", {"gray", "grey"}, "a small class is spelled out"),
    (r"\b[a-z]+ farm\b", {"farm"}, "a large one is anything"),
    (r"\bsolar (?:\S+ ){0,3}tax\b", {"solar tax"}, "repetition"),
    (r"\Qa.b c\E", {"b"}, "quoted text; before and after it may stand anything"),
    (r"solar", None, "perhaps the end of a word"),
    (r"\b\d+-\d+\b", None, "no letters"),
    (r"\bвыборы\b", None, "no ASCII letters"),
    (r"a*", None, "nothing at all"),
    (r"\bab\w*", None, "too short a beginning"),
]


@pytest.mark.parametrize(("pattern", "clues", "reason"), CASES)
def test_clues_of_a_pattern(pattern: str, clues: set[str] | None, reason: str) -> None:
    assert clues_of(pattern) == clues, reason


def test_only_two_odd_characters_match_an_ascii_letter_in_any_case() -> None:
    beyond = "".join(map(chr, [*range(128, 0xD800), *range(0xE000, 0x110000)]))
    found = re2.compile("[a-z0-9_]", compile_options()).findall(beyond)
    assert set(found) == set(ODD_LETTERS)


def test_words_are_runs_of_ascii_letters_in_lower_case() -> None:
    text = "The CAFÉ-bar’s 2nd_try;x"
    assert split_words(text.encode()) == {b"the", b"caf", b"bar", b"s", b"2nd_try", b"x"}


ATOMS = r"""
    ab abc k s é ж _ 1 - . ’ ^ $ { \b \b \d \w \W \s \pL \. \101 \x{62} \Qb.\E (?i:K)
    [bs] [^b] [a-c] [é.-] [\x62] [^\\pL\\pN_] [^\pL\pN_]
""".split()
ATOMS += [" ", "b c"]
TEXTS = st.text("abcks éжK\u212aſİß_1-.’\n", max_size=12)


def extend(patterns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = patterns.map("(?:{})".format)
    return st.one_of(
        st.lists(patterns, min_size=2, max_size=4).map("".join),
        st.lists(patterns, min_size=2, max_size=3).map("|".join).map("(?:{})".format),
        st.tuples(group, st.sampled_from(["?", "*", "+", "{0,2}", "{2}", "{1,2}?", "{0}"])).map(
            "".join
        ),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(st.sampled_from(ATOMS), extend, max_leaves=8), TEXTS)
@example(r"\bab\b", "abé")
@example(r"\bk\b", "\u212a")
@example(r"\bs\b", "ſ")
def test_rule_that_matches_is_never_left_out(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except ConfigError:
        return
    text = fold_text(text)
    if compiled.search(text):
        index = RuleIndex([unicode_pattern(fold_text(pattern))])
        assert index.find_candidates(text, text.encode()) == [0]


def test_shipped_rules_are_found_in_all_their_examples() -> None:
    rules = [
        rule for lens in load_lenses(ROOT / "lenses").values() for rule in lens.prefilter.rules
    ]
    index = RuleIndex([unicode_pattern(fold_text(rule.pattern)) for rule in rules])
    examples = [
        fold_text(text) for rule in rules for text in (rule.example, rule.counter_example) if text
    ]
    for text in examples:
        candidates = set(index.find_candidates(text, text.encode()))
        matching = {n for n, rule in enumerate(rules) if compile_pattern(rule.pattern).search(text)}
        assert matching <= candidates
        assert len(candidates) < len(rules) / 3
