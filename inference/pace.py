"""Measures the pace of reading, from one look at the load to the next.

What is read while enough waits is what an effort can do; what is read and what waits more than
before is what came. Pure: the looks come with their time, and what is kept is a record.
"""

from __future__ import annotations

import math
from datetime import timedelta

from inference.effort import decide_effort
from schemas.effort import PER, Load, Pace, Window
from schemas.settings import ObjectiveSettings

SHORTEST = timedelta(seconds=30)
"""Of a measurement, if enough was read in it."""
ENOUGH = 10
LONGEST = timedelta(minutes=2)
"""After which a measurement is ended however little was read."""
INTERRUPTED = timedelta(minutes=4)
"""Nobody looked for so long that nobody read: this says nothing about a rate."""
HALF_LIFE = timedelta(seconds=30)
"""After which a number is half made of what was measured since."""


def begin_pace(load: Load) -> Pace:
    """Give the pace of a stage that was never looked at."""
    return Pace(since=load.at, window=_open_window(load))


def next_pace(
    pace: Pace,
    load: Load,
    objective: ObjectiveSettings,
    *,
    read: int = 0,
    back_filled: int = 0,
    build: str = "",
) -> Pace:
    """Go on from the last look: measure, then decide.

    read: articles read since, without back-fill; back_filled: back-fill read since.
    """
    if build != pace.build:
        pace = pace.model_copy(update={"build": build, "rates": {}, "window": _open_window(load)})
    pace = _measure(pace, load, read=read, back_filled=back_filled)
    decision = decide_effort(load, objective, pace)
    if decision.reason is None:
        return pace
    changes: dict[str, object] = {"effort": decision.effort, "reason": decision.reason}
    if decision.effort != pace.effort:
        # What was begun at the old effort says nothing about the new one.
        changes |= {"since": load.at, "window": _open_window(load)}
    return pace.model_copy(update=changes)


def _measure(pace: Pace, load: Load, *, read: int, back_filled: int) -> Pace:
    """Add what a look tells to the window; at the window's end give the rates of it."""
    window = pace.window
    # More waited at the last look than was read since: so nobody was idle in between.
    is_busy = window.is_busy and read < window.waiting_last and not back_filled
    changes = {"read": window.read + read, "is_busy": is_busy, "waiting_last": load.waiting}
    window = window.model_copy(update=changes)
    lasted = load.at - window.began
    if lasted < SHORTEST or (window.read < ENOUGH and lasted < LONGEST):
        return pace.model_copy(update={"window": window})
    came = max(0, window.read + load.waiting - window.waiting)
    rates = dict(pace.rates)
    if window.is_busy and lasted < INTERRUPTED:
        before = rates.get(pace.effort)
        rates[pace.effort] = _blend(before, window.read * (PER / lasted), lasted)
    return pace.model_copy(
        update={
            "arrivals": _blend(pace.arrivals, came * (PER / lasted), lasted),
            "rates": rates,
            "window": _open_window(load),
        }
    )


def _open_window(load: Load) -> Window:
    return Window(began=load.at, waiting=load.waiting, waiting_last=load.waiting)


def _blend(before: float | None, now: float, lasted: timedelta) -> float:
    if before is None:
        return now
    # After half an hour of silence nothing is left of what was before, whatever the power says.
    kept = math.pow(0.5, min(lasted / HALF_LIFE, 60.0))
    return round(kept * before + (1 - kept) * now, 3)
