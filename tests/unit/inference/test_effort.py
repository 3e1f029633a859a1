"""Which effort is chosen: a table of cases, each with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inference.effort import HOLD, SETTLE, SPEEDUP, decide_effort, estimate_rate
from schemas.effort import EFFORTS, Effort, Load, Pace, Window
from schemas.settings import ObjectiveSettings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FULL, SHORT, CLOSED, GATE = EFFORTS
MEASURED = {FULL: 100.0, SHORT: 200.0, CLOSED: 400.0, GATE: 1200.0}


def make_load(waiting: int, oldest_minutes: float) -> Load:
    return Load(at=NOW, waiting=waiting, oldest=oldest_minutes * MINUTE)


def make_pace(
    effort: Effort,
    rates: dict[Effort, float],
    *,
    arrivals: float = 0.0,
    held: timedelta = 2 * HOLD,
) -> Pace:
    window = Window(began=NOW, waiting=0, waiting_last=0)
    return Pace(effort=effort, since=NOW - held, rates=rates, arrivals=arrivals, window=window)


CASES = [
    ("nothing waits, so nothing can be late", (0, 0), (FULL, MEASURED, 0), FULL),
    ("all of it is read in time, young as it is", (500, 1), (FULL, MEASURED, 0), FULL),
    ("a rate is needed before anything is predicted", (9000, 50), (FULL, {}, 0), FULL),
    ("too late by a little: a shorter reading will do", (560, 5), (FULL, MEASURED, 80), SHORT),
    ("a shorter reading would not do, closed fields will", (700, 5), (FULL, MEASURED, 200), CLOSED),
    ("nothing but the gate carries what comes", (700, 5), (FULL, MEASURED, 1000), GATE),
    ("not even the gate does, and there is nothing below", (9000, 9), (GATE, MEASURED, 1200), GATE),
    ("one straggler is old, but there is time to read it", (1, 600), (FULL, MEASURED, 20), FULL),
    ("much was left over night: it is caught up with now", (500, 600), (FULL, MEASURED, 0), GATE),
    ("more comes than is read, yet nothing is late so far", (100, 9), (FULL, MEASURED, 150), FULL),
    ("nothing was read in all that time: the least effort", (50, 5), (FULL, {FULL: 0.0}, 0), GATE),
    ("what was never measured is assumed", (700, 5), (FULL, {FULL: 100.0}, 60), CLOSED),
    ("the burst is over: straight back to full", (0, 0), (GATE, MEASURED, 40), FULL),
    ("too much comes for full effort, not for short", (3, 0), (GATE, MEASURED, 150), SHORT),
    ("no headroom: full effort would be late again soon", (0, 0), (SHORT, MEASURED, 95), SHORT),
    ("what waits counts too when effort is to rise", (500, 6), (CLOSED, MEASURED, 40), SHORT),
]


@pytest.mark.parametrize(("why", "load", "pace", "effort"), CASES, ids=[case[0] for case in CASES])
def test_effort_follows_the_load(
    why: str,
    load: tuple[int, float],
    pace: tuple[Effort, dict[Effort, float], float],
    effort: Effort,
) -> None:
    before, rates, arrivals = pace
    decided = decide_effort(
        make_load(*load), ObjectiveSettings(), make_pace(before, rates, arrivals=arrivals)
    )
    assert decided.effort is effort
    assert decided.reason if effort is not before else True


@pytest.mark.parametrize(
    ("before", "load", "hold"), [(SHORT, (2000, 20), SETTLE), (SHORT, (0, 0), HOLD)]
)
def test_change_is_given_time_before_the_next_one(
    before: Effort, load: tuple[int, float], hold: timedelta
) -> None:
    soon = make_pace(before, MEASURED, arrivals=50, held=hold - timedelta(seconds=1))
    later = make_pace(before, MEASURED, arrivals=50, held=hold)
    objective = ObjectiveSettings()
    assert decide_effort(make_load(*load), objective, soon).effort is before
    assert decide_effort(make_load(*load), objective, later).effort is not before


def test_reason_tells_the_numbers_that_decided() -> None:
    pace = make_pace(FULL, MEASURED, arrivals=80)
    decided = decide_effort(make_load(1560, 5), ObjectiveSettings(), pace)
    assert decided.reason == (
        "1,560 wait, the oldest for 5 min; to read them within 30 min takes 392 in 5 minutes, "
        "and full effort reads 100"
    )


def test_when_effort_falls_it_falls_far_enough_for_the_throughput_that_is_wanted() -> None:
    load, pace = make_load(560, 5), make_pace(FULL, MEASURED, arrivals=80)
    assert decide_effort(load, ObjectiveSettings(articles=300), pace).effort is CLOSED
    calm = make_load(100, 1)
    assert decide_effort(calm, ObjectiveSettings(articles=300), pace).effort is FULL


def test_objective_of_another_age_decides_otherwise() -> None:
    load, pace = make_load(560, 5), make_pace(FULL, MEASURED, arrivals=80)
    assert decide_effort(load, ObjectiveSettings(oldest=60 * MINUTE), pace).effort is FULL


def test_rate_that_was_not_measured_is_the_least_that_the_measured_ones_lead_to() -> None:
    assert estimate_rate(GATE, {}) is None
    assert estimate_rate(CLOSED, {CLOSED: 7.0, FULL: 1.0}) == 7.0
    from_gate = 5.0 * SPEEDUP[CLOSED] / SPEEDUP[GATE]
    assert estimate_rate(CLOSED, {GATE: 5.0, FULL: 100.0}) == from_gate
    assert estimate_rate(CLOSED, {GATE: 9000.0, FULL: 1.0}) == SPEEDUP[CLOSED]
