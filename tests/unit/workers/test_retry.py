from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.errors import ConfigError, PermanentError, TransientError
from workers.retry import JITTER, RetryDecision, decide_retry

TEN_SECONDS = timedelta(seconds=10)
HOUR = timedelta(hours=1)


def decide(
    error: Exception, attempts: int, *, max_attempts: int = 20, shared: bool = False, seed: int = 0
) -> RetryDecision:
    return decide_retry(
        error,
        attempts,
        max_attempts=max_attempts,
        first_delay=TEN_SECONDS,
        longest_delay=HOUR,
        shared=shared,
        seed=seed,
    )


def seconds(decision: RetryDecision) -> float:
    assert decision.delay is not None
    return decision.delay.total_seconds()


@pytest.mark.parametrize(
    ("attempts", "delay_s"),
    [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (9, 2560), (10, 3600), (19, 3600)],
)
def test_delay_doubles_up_to_the_longest(attempts: int, delay_s: float) -> None:
    waited = seconds(decide(TransientError("the server is away"), attempts))
    assert delay_s <= waited <= delay_s * (1 + JITTER)


def test_a_thousand_attempts_do_not_overflow_the_delay() -> None:
    decision = decide(TransientError("away"), 1_000, max_attempts=2_000)
    assert 3600 <= seconds(decision) <= 3600 * (1 + JITTER)


def test_what_fails_together_does_not_return_together() -> None:
    delays = {seconds(decide(TransientError("away"), 1, seed=seed)) for seed in range(20)}
    assert len(delays) == 20


def test_same_seed_gives_the_same_delay() -> None:
    assert decide(TransientError("away"), 2, seed=7) == decide(TransientError("away"), 2, seed=7)


@pytest.mark.parametrize(
    ("error", "attempts", "max_attempts", "is_dead"),
    [
        (TransientError("away"), 2, 3, False),
        (TransientError("away"), 3, 3, True),
        (TransientError("away"), 1, 1, True),
        (PermanentError("no such page"), 1, 9, True),
        (ConfigError("the lens is broken"), 1, 9, True),
        (KeyError("a bug"), 1, 9, False),
        (KeyError("a bug"), 2, 9, True),
    ],
)
def test_last_attempt_depends_on_the_kind_of_error(
    error: Exception, attempts: int, max_attempts: int, is_dead: bool
) -> None:
    assert decide(error, attempts, max_attempts=max_attempts).is_dead is is_dead


def test_time_that_a_server_asks_for_is_given_to_it() -> None:
    minute = TransientError("busy", retry_after=timedelta(minutes=1))
    assert 60 <= seconds(decide(minute, 1)) <= 60 * (1 + JITTER)
    assert 80 <= seconds(decide(minute, 4)) <= 80 * (1 + JITTER)


def test_server_that_asks_for_more_than_the_longest_wait_is_left_alone() -> None:
    decision = decide(TransientError("busy", retry_after=2 * HOUR), 1)
    assert decision == RetryDecision(None, "the server asks to wait for 2:00:00: nobody will")


@pytest.mark.parametrize("error", [PermanentError("no"), KeyError("bug"), TransientError("away")])
def test_a_shared_attempt_buries_nobody_and_is_repeated_at_once(error: Exception) -> None:
    decision = decide(error, 1, max_attempts=1, shared=True)
    assert decision.delay == timedelta(0)


def test_reason_tells_how_many_attempts_there_were() -> None:
    assert decide(TransientError("away"), 2, max_attempts=3).reason == "attempt 2 of 3 failed"
