"""What wins is decided from measurements alone, so these are made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inference.tuning import (
    ROUNDS,
    Choice,
    Factor,
    Load,
    Speed,
    can_be,
    hold,
    list_factors,
    try_factors,
)

START = Choice(threads=2)


def scripted(costs: dict[str, list[float | None]]) -> Callable[[Choice], float | None]:
    """Measure `key` → its costs, one after the other; the last one stays."""

    def measure(choice: Choice) -> float | None:
        line = costs[f"{choice.ubatch}"]
        return line.pop(0) if len(line) > 1 else line[0]

    return measure


@pytest.mark.parametrize(
    ("base", "challenger", "wins"),
    [
        ([1.0], [0.9], True),
        # Below the least gain.
        ([1.0], [0.97], False),
        # One lost round is enough, however good the others are.
        ([1.0], [0.5, 1.01, 0.5], False),
        # The middle round decides, not the best one.
        ([1.0], [0.4, 0.97, 0.98], False),
        # A machine that gets slower takes both along.
        ([1.0, 2.0, 4.0], [0.9, 1.8, 3.6], True),
        ([1.0], [None], False),
        ([None], [0.5], False),
    ],
)
def test_challenger_wins_by_a_clear_gain_in_every_round(
    base: list[float | None], challenger: list[float | None], wins: bool
) -> None:
    other = START.model_copy(update={"ubatch": 256})
    measure = scripted({"512": base, "256": challenger})
    contest = hold("ubatch", START, [other], measure)
    assert (contest.winner == other) is wins


def test_best_of_several_winners_is_taken() -> None:
    others = [START.model_copy(update={"ubatch": size}) for size in (256, 128)]
    contest = hold("ubatch", START, others, scripted({"512": [1.0], "256": [0.9], "128": [0.8]}))
    assert contest.winner.ubatch == 128


def test_loser_is_not_measured_again() -> None:
    asked: list[int] = []

    def measure(choice: Choice) -> float:
        asked.append(choice.ubatch)
        return {512: 1.0, 256: 1.5, 128: 0.8}[choice.ubatch]

    others = [START.model_copy(update={"ubatch": size}) for size in (256, 128)]
    hold("ubatch", START, others, measure)
    assert asked.count(256) == 1
    assert asked.count(128) == ROUNDS


def test_order_of_measuring_turns_round() -> None:
    asked: list[int] = []

    def measure(choice: Choice) -> float:
        asked.append(choice.ubatch)
        return choice.ubatch

    hold("ubatch", START, [START.model_copy(update={"ubatch": 256})], measure)
    assert asked == [512, 256, 256, 512, 512, 256]


def test_each_factor_begins_with_the_winner_of_the_one_before() -> None:
    def measure(choice: Choice) -> float:
        return (2.0 if choice.threads == 2 else 1.0) * (1.0 if choice.flash_attention else 0.5)

    contests = list(try_factors(START, list_factors(2), measure))
    assert contests[-1].winner.threads == 1
    assert contests[-1].winner.flash_attention is False
    assert contests[-1].ratios == [], "there is no small cache without flash attention"


def test_nothing_more_is_tried_when_time_is_up() -> None:
    asked: list[Choice] = []

    def measure(choice: Choice) -> float:
        asked.append(choice)
        return 0.5 if choice.threads == 1 else 1.0

    contests = try_factors(START, list_factors(2), measure, is_over=lambda: len(asked) >= 4)
    (contest,) = contests
    assert contest.factor == "threads"
    assert contest.winner == START, "two rounds are too few to win"


def test_what_is_not_allowed_is_not_measured() -> None:
    def measure(choice: Choice) -> float:
        assert choice.sequences == 8
        return 1.0

    list(try_factors(START, list_factors(2), measure, is_allowed=lambda c: c.sequences == 8))


def test_one_thread_waits_for_nobody() -> None:
    start = Choice(threads=1)
    (contest,) = try_factors(start, [Factor("spins", (0, None))], lambda _: 1.0)
    assert contest.ratios == []


def test_factors_that_are_set_are_left_out_and_threads_end_at_the_cores() -> None:
    factors = {each.name: each.values for each in list_factors(12, fixed=("kv_type", "ubatch"))}
    assert factors.keys() == {"threads", "spins", "sequences", "flash_attention"}
    assert factors["threads"] == (1, 2, 4, 8, 12)
    assert list_factors(1)[0].challengers(Choice(threads=1)) == []


def test_small_cache_wants_flash_attention() -> None:
    small = START.model_copy(update={"kv_type": "q8_0"})
    assert can_be(small)
    assert not can_be(small.model_copy(update={"flash_attention": False}))


def test_an_article_takes_its_prompt_and_its_share_of_the_steps() -> None:
    assert Speed(prefill_s=0.01, step_s=0.8).article_s(Load(100, 10), sequences=8) == 2.0
