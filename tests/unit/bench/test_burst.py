"""A burst on a virtual clock, with the decisions that the workers make."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bench.burst import HOUR, MINUTE, STEP, Course, Scenario, simulate
from schemas.effort import EFFORTS, Effort
from schemas.settings import ObjectiveSettings

OLDEST = 30 * MINUTE


def efforts(course: Course) -> list[Effort]:
    return [pace.effort for pace in course.changes]


def assert_whole(course: Course) -> None:
    """All was read, and all that was read in haste was read in full later."""
    assert course.whole_at is not None
    assert course.came - course.whole <= 1  # What came in the very last step may still wait.
    assert len(course.waits) - course.degraded <= course.whole


def test_ten_times_what_can_be_read_for_an_hour_waits_no_longer_than_the_objective() -> None:
    course = simulate(Scenario())
    assert course.oldest <= OLDEST
    assert max(course.waits) <= OLDEST + MINUTE
    assert course.degraded > 10_000
    assert_whole(course)
    assert efforts(course)[0] is Effort.GATE
    assert efforts(course)[-1] is Effort.FULL
    assert len(course.changes) <= 5
    assert all(pace.reason for pace in course.changes)


def test_newest_goes_first_so_most_answers_come_at_once_even_in_a_burst() -> None:
    waits = sorted(simulate(Scenario()).waits)
    assert waits[len(waits) // 2] <= STEP


def test_without_the_autopilot_the_same_burst_waits_for_a_day() -> None:
    patient = ObjectiveSettings(oldest=timedelta(days=365))
    course = simulate(Scenario(objective=patient))
    assert course.changes == []
    assert course.oldest > 10 * HOUR
    assert_whole(course)


@pytest.mark.parametrize("share", [0.4, 0.8, 0.95])
def test_load_that_can_be_carried_is_always_read_in_full(share: float) -> None:
    course = simulate(Scenario(burst=100 * share, lasts=4 * HOUR))
    assert (course.changes, course.degraded) == ([], 0)


def test_a_little_too_much_for_hours_never_comes_down_to_the_gate() -> None:
    course = simulate(Scenario(burst=110, lasts=6 * HOUR, ends=40 * HOUR))
    assert course.oldest <= OLDEST + MINUTE
    assert Effort.GATE not in efforts(course)
    assert efforts(course)[-2:] == [Effort.SHORT, Effort.FULL]
    assert_whole(course)


@pytest.mark.parametrize("burst", [150, 250, 390, 500, 900])
def test_effort_does_not_flap_whatever_the_burst(burst: float) -> None:
    course = simulate(Scenario(burst=burst, lasts=4 * HOUR, ends=6 * HOUR))
    assert len(course.changes) <= 8
    assert course.oldest <= OLDEST + MINUTE


def test_burst_beyond_all_efforts_is_late_but_nothing_is_lost() -> None:
    slow = dict(zip(EFFORTS, (1.0, 1.4, 2.0, 4.0), strict=True))
    course = simulate(Scenario(speedups=slow))
    assert course.oldest > OLDEST
    assert_whole(course)
