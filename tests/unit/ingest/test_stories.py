"""Stories: alike wording and the same names, whatever the order in which articles come."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from ingest.minhash import HASHES, LEAST_WORDS, compare, list_keys, sign, split_words
from ingest.stories import (
    JoinStory,
    Opening,
    Pair,
    StartStory,
    are_at_odds,
    decide_stories,
    find_alike,
    find_names,
    sign_article,
)

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAYS = timedelta(days=3)


def make_words(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices("abcdefghijklmnop", k=6)) for _ in range(count)]


def shingles(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)}


@given(st.text(max_size=400))
def test_any_text_gives_a_signature_or_is_too_short(text: str) -> None:
    signature = sign(text)
    assert (signature is None) == (len(split_words(text)) < LEAST_WORDS)
    if signature is not None:
        assert len(signature) == 4 * HASHES
        assert all(-(2**63) <= key < 2**63 for key in list_keys(signature))


@given(st.lists(st.text("abcdé", min_size=1, max_size=4), min_size=8, max_size=30))
def test_equal_words_give_equal_signatures_whatever_the_typography(words: list[str]) -> None:
    plain, dressed = " ".join(words), "“" + ",  ".join(words).upper() + "…”"
    assert sign(plain) == sign(dressed)


def test_signature_never_changes_between_releases() -> None:
    # Those in the database would no longer be found.
    signature = sign("The quick brown fox jumps over the lazy dog, twice.")
    assert signature is not None
    assert signature[:8].hex() == "a20e1b1e8f945616"
    assert list_keys(signature)[0] == 7968613042872978663


@pytest.mark.parametrize("changed", [0, 10, 40, 120, 300])
def test_estimated_similarity_is_near_the_true_one(changed: int) -> None:
    words = make_words(300, seed=1)
    others = [*words[: 300 - changed], *make_words(changed, seed=2)]
    mine, theirs = shingles(words), shingles(others)
    true = len(mine & theirs) / len(mine | theirs)
    one, other = sign(" ".join(words)), sign(" ".join(others))
    assert one is not None
    assert other is not None
    (estimate,) = compare([one], [other])
    assert abs(estimate - true) < 4 / 16  # Four standard errors at the most.


def test_texts_without_spaces_are_compared_by_letters() -> None:
    one, other = sign("議会は月曜日に予算案を可決した。"), sign("議会は月曜日に予算案を否決した。")
    assert one is not None
    assert other is not None
    assert compare([one], [other])[0] > 0.3


@dataclass(frozen=True)
class Told:
    told_at: datetime
    signature: bytes


def test_only_what_was_told_within_the_window_is_alike() -> None:
    signature = sign(" ".join(make_words(50, seed=3)))
    assert signature is not None
    days = {1: 0, 2: 3, 3: 4}
    signed = {each: Told(NOON + timedelta(days=day), signature) for each, day in days.items()}
    pairs = find_alike(signed, [(1, 2), (1, 3), (2, 3)], DAYS)
    assert pairs == [Pair(1, 2, 1.0), Pair(2, 3, 1.0)]
    assert find_alike(signed, [], DAYS) == []


BODY = "The {who} group said on Monday that its profit is expected to grow. Shares of {who} rose. "
TITLE = "Veridia Earnings Expected to Grow"
DAY = "VERIDIA BUYS SHARES - MAY"
ODDS = [
    (TITLE, "Veridia", "Kolmar Earnings Expected to Grow", "Kolmar", True),
    (TITLE, "Veridia", "Profit of Veridia to Grow", "Veridia", False),
    ("Veridia profit grows", "Veridia", "Profit grows", "Kolmar and Veridia", False),
    (f"{DAY} 11", "Veridia on May 11", f"{DAY} 14", "Veridia on May 14", True),
]


@pytest.mark.parametrize(("title", "who", "other_title", "other_who", "at_odds"), ODDS)
def test_reports_from_one_template_about_two_firms_or_days_are_at_odds(
    title: str, who: str, other_title: str, other_who: str, at_odds: bool
) -> None:
    one = Opening(title, BODY.format(who=who) * 3)
    other = Opening(other_title, BODY.format(who=other_who) * 3)
    assert are_at_odds(one, other) == are_at_odds(other, one) == at_odds


def test_names_are_what_the_body_never_writes_small() -> None:
    body = "Trump bans cruise ships. The ban hits Cuba, and 12 ships of MSC turn. " * 4
    title = "Trump Bans 12 Cruise Ships From Cuba, 99 Say"
    assert find_names(title, body) == {"trump", "12", "cuba"}
    assert find_names("Shorts only: Trump wins", "") == {"shorts", "trump"}


def test_pair_starts_a_story_and_a_third_joins_it() -> None:
    started = decide_stories([Pair(1, 2, 0.7)], {1: None, 2: None})
    assert started == [StartStory({1: 0.7, 2: 0.7})]
    joined = decide_stories([Pair(2, 3, 0.5), Pair(1, 3, 0.6)], {1: 9, 2: 9, 3: None})
    assert joined == [JoinStory(9, (), {3: 0.6})]


def test_article_that_connects_two_stories_makes_them_one() -> None:
    decided = decide_stories([Pair(1, 3, 0.5), Pair(2, 3, 0.8)], {1: 9, 2: 4, 3: None})
    assert decided == [JoinStory(4, (9,), {3: 0.8})]


def test_stories_connect_through_articles_that_are_not_at_hand() -> None:
    decided = decide_stories([Pair(1, 5, 0.5), Pair(2, 6, 0.8)], {1: 9, 2: 9, 5: None, 6: None})
    assert decided == [JoinStory(9, (), {5: 0.5, 6: 0.8})]


def test_deciding_again_changes_nothing() -> None:
    assert decide_stories([Pair(1, 2, 0.7)], {1: 4, 2: 4}) == []
    assert decide_stories([], {}) == []


@given(st.permutations([(1, 2), (2, 3), (4, 5), (6, 7), (5, 6), (8, 9)]))
def test_order_of_pairs_makes_no_difference(order: list[tuple[int, int]]) -> None:
    pairs = [Pair(one, other, 0.5) for one, other in order]
    decided = decide_stories(pairs, dict.fromkeys(range(1, 10)))
    assert [list(each.similarities) for each in decided] == [[1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_article_that_says_too_little_is_not_signed() -> None:
    assert sign_article("Comments", "") is None
    assert sign_article("Council votes on budget", "The vote was close.") is not None
