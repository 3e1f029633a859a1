"""What is measured of the pace, and what is not taken for a measurement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inference.pace import begin_pace, next_pace
from schemas.effort import Effort, Load, Pace
from schemas.settings import ObjectiveSettings

START = datetime(2026, 1, 1, tzinfo=UTC)
OBJECTIVE = ObjectiveSettings()


def look(
    pace: Pace | None, at_s: float, waiting: int, read: int = 0, *, back_filled: int = 0
) -> Pace:
    load = Load(
        at=START + timedelta(seconds=at_s),
        waiting=waiting,
        oldest=timedelta(seconds=5 if waiting else 0),
    )
    before = pace or begin_pace(load)
    return next_pace(before, load, OBJECTIVE, read=read, back_filled=back_filled)


def test_rate_is_what_is_read_while_enough_waits() -> None:
    pace = look(look(look(None, 0, 100), 15, 90, 10), 30, 80, 10)
    assert pace.rates == {Effort.FULL: 200.0}


def test_what_comes_is_what_was_read_and_what_waits_more() -> None:
    pace = look(None, 0, 100)
    for number in range(1, 11):
        pace = look(pace, 30 * number, 100 + 40 * number, 20)
    assert round(pace.arrivals) == 599  # 60 in half a minute; half of a thousandth is still missing


def test_worker_that_ran_out_of_work_says_nothing_of_a_rate() -> None:
    assert look(look(look(None, 0, 10), 15, 1, 10), 30, 3, 10).rates == {}
    assert look(look(None, 0, 0), 40, 0, 20).rates == {}


def test_back_fill_says_nothing_of_a_rate() -> None:
    assert look(look(None, 0, 100), 40, 90, 10, back_filled=1).rates == {}


def test_few_articles_are_measured_for_longer() -> None:
    pace = look(look(None, 0, 100), 60, 98, 2)
    assert pace.rates == {}
    assert look(pace, 120, 96, 2).rates == {Effort.FULL: 10.0}


def test_hours_without_a_worker_are_no_measurement() -> None:
    assert look(look(None, 0, 100), 8 * 3600, 500).rates == {}


def test_another_build_is_measured_anew() -> None:
    pace = look(look(look(None, 0, 100), 15, 90, 10), 30, 80, 10)
    load = Load(at=START + timedelta(seconds=35), waiting=80, oldest=timedelta(0))
    swapped = next_pace(pace, load, OBJECTIVE, read=5, build="other")
    assert (swapped.build, swapped.rates) == ("other", {})


def test_numbers_follow_what_was_measured_last() -> None:
    pace = look(None, 0, 50)
    for number in range(1, 5):
        pace = look(pace, 30 * number, 50, 10)
    for number in range(5, 11):
        pace = look(pace, 30 * number, 50, 20)
    assert 195 < pace.rates[Effort.FULL] < 200


def test_change_of_effort_begins_a_new_measurement() -> None:
    late = Load(at=START + timedelta(minutes=9), waiting=5000, oldest=timedelta(minutes=9))
    pace = look(look(look(None, 0, 5000), 15, 5000, 10), 30, 5000, 10)
    fallen = next_pace(pace, late, OBJECTIVE, read=100)
    assert fallen.effort is Effort.GATE
    assert (fallen.since, fallen.window.began, fallen.window.read) == (late.at, late.at, 0)


def test_pace_travels_as_json() -> None:
    pace = look(look(look(None, 0, 100), 15, 90, 10), 30, 80, 10)
    assert Pace.model_validate_json(pace.model_dump_json()) == pace
