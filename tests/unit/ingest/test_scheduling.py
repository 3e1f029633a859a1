"""When a source is polled next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.scheduling import (
    JITTER,
    NextPoll,
    Pace,
    Yield,
    decide_after_failure,
    decide_after_success,
    find_gap,
)
from schemas.errors import NewsmillError, PermanentError, TransientError

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PACE = Pace(interval=15 * MINUTE, floor=5 * MINUTE, ceiling=12 * HOUR)


def every(gap: timedelta, number: int = 30, silent: timedelta = timedelta(0)) -> Yield:
    return Yield(dates=tuple(NOW - silent - gap * place for place in range(number)))


def unstretched(decision: NextPoll, expected: timedelta) -> bool:
    assert decision.delay is not None
    return expected <= decision.delay <= expected * (1 + JITTER)


@pytest.mark.parametrize(
    ("found", "wait"),
    [
        (every(2 * HOUR), HOUR),
        (every(MINUTE), 5 * MINUTE),
        (every(7 * DAY), 12 * HOUR),
        (every(HOUR, silent=8 * HOUR), 2 * HOUR),
        (every(HOUR, number=1), 15 * MINUTE * 1.25),
        (Yield(), 15 * MINUTE * 1.25),
        (Yield(new_items=3), 15 * MINUTE * 0.7),
        (Yield(wish=3 * HOUR), 3 * HOUR),
        (Yield(wish=365 * DAY), 12 * HOUR),
        (Yield(wish=MINUTE), 15 * MINUTE * 1.25),
    ],
)
def test_wait_follows_the_rhythm_of_the_feed_between_floor_and_ceiling(
    found: Yield, wait: timedelta
) -> None:
    assert unstretched(decide_after_success(PACE, found, now=NOW, seed="1"), wait)


def test_feed_that_stays_unchanged_is_polled_less_and_less_often() -> None:
    pace, waits = PACE, []
    for _ in range(30):
        decision = decide_after_success(pace, Yield(), now=NOW, seed="1")
        pace = Pace(PACE.interval, PACE.floor, PACE.ceiling, decision.rhythm)
        waits.append(decision.rhythm)
    assert waits[:2] == [15 * MINUTE * 1.25, 15 * MINUTE * 1.25**2]
    assert waits[-1] == PACE.ceiling


def test_fixed_interval_is_kept_whatever_the_feed_does() -> None:
    pace = Pace(MINUTE, PACE.floor, PACE.ceiling, is_adapted=False)
    decision = decide_after_success(pace, every(DAY), now=NOW, seed="1")
    assert unstretched(decision, MINUTE)
    assert decision.rhythm is None


def test_dates_ahead_of_the_clock_tell_no_rhythm() -> None:
    assert find_gap([NOW + DAY, NOW + 2 * DAY, NOW - HOUR], NOW) is None


BAD = PermanentError("the server answered 404", status=404)
AWAY = TransientError("the server did not answer in time")
BUSY = TransientError("the server answered 429", status=429)
BUSY_TILL = TransientError("the server answered 429", status=429, retry_after=3 * HOUR)
BUSY_FOR_EVER = TransientError("the server answered 503", status=503, retry_after=30 * DAY)


@pytest.mark.parametrize(
    ("error", "failures", "wait"),
    [
        (AWAY, 1, 5 * MINUTE),
        (AWAY, 3, 20 * MINUTE),
        (AWAY, 50, 12 * HOUR),
        (BAD, 1, 15 * MINUTE),
        (BAD, 2, 30 * MINUTE),
        (BAD, 50, 12 * HOUR),
        (BUSY, 1, 15 * MINUTE),
        (BUSY_TILL, 1, 3 * HOUR),
        (BUSY_FOR_EVER, 1, DAY),
    ],
)
def test_failing_source_is_tried_less_and_less_often(
    error: NewsmillError, failures: int, wait: timedelta
) -> None:
    assert unstretched(decide_after_failure(PACE, error, failures, seed="1"), wait)


def test_source_that_is_gone_is_not_polled_again() -> None:
    gone = PermanentError("the server answered 410 (Gone)", status=410)
    assert decide_after_failure(PACE, gone, 1, seed="1").delay is None


def test_waits_of_sources_that_fail_together_differ() -> None:
    waits = {decide_after_failure(PACE, AWAY, 1, seed=str(n)).delay for n in range(20)}
    assert len(waits) == 20
