"""Chooses the effort at which waiting articles are read, so that none waits past the objective.

Pure: a load and a pace go in, a decision comes out, with its reason in words. Knows neither clock
nor queue, and nothing of how an effort is carried out. How the rates that it rests on are measured
is `inference/pace.py`'s; why it decides as it does, docs/decisions/0011 says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from schemas.effort import EFFORTS, PER, Effort, Load, Pace
from schemas.settings import ObjectiveSettings

SPEEDUP: Mapping[Effort, float] = MappingProxyType(
    {Effort.FULL: 1.0, Effort.SHORT: 1.6, Effort.CLOSED: 2.2, Effort.GATE: 5.0}
)
"""How much faster than at full effort articles are read, for as long as it was not measured.

The least of what two models gain: the starter 2.1, 2.2, 5 and one of a billion parameters, by its
token rates, 1.6, 2.3, 13.
"""

SETTLE = timedelta(minutes=1)
"""After a change, the time that its effect needs to show before the effort falls further."""

HOLD = timedelta(minutes=5)
"""The least time between a change and a higher effort; so the effort cannot flap."""

HEADROOM = 0.9
"""Share of a higher effort's rate that may be needed when it is taken up again."""

CATCH_UP = timedelta(minutes=5)
"""The time given for what waits when it is late already."""


@dataclass(frozen=True)
class Decision:
    """The effort for what is claimed next."""

    effort: Effort
    reason: str | None = None
    """Why, where it differs from before or should be told anew; None: nothing has changed."""


def decide_effort(load: Load, objective: ObjectiveSettings, pace: Pace) -> Decision:
    """Decide at which effort to go on.

    The effort falls when what waits cannot be read within the objective at the present rate, as
    far as it takes and not sooner. It rises when a higher one can carry all that comes.
    """
    held = load.at - pace.since
    needed = needed_rate(load, objective, pace.arrivals)
    rate = estimate_rate(pace.effort, pace.rates)
    if rate is None:
        return Decision(pace.effort)
    if is_late(load, objective, rate):
        if rate >= needed or held < SETTLE:
            return Decision(pace.effort)
        return _fall(load, objective, pace, max(needed, objective.articles))
    return _rise(needed, pace) if held >= HOLD else Decision(pace.effort)


def is_late(load: Load, objective: ObjectiveSettings, rate: float) -> bool:
    """Whether the oldest that waits will be too old when it is read, even if no more comes."""
    if not load.waiting:
        return False
    return rate <= 0 or load.oldest + load.waiting / rate * PER > objective.oldest


def needed_rate(load: Load, objective: ObjectiveSettings, arrivals: float) -> float:
    """Give the rate at which all that waits is read in time although newer work goes first."""
    left = max(objective.oldest - load.oldest, CATCH_UP)
    return arrivals + load.waiting * (PER / left)


def estimate_rate(effort: Effort, rates: Mapping[Effort, float]) -> float | None:
    """Give an effort's rate as measured, else the least that others lead to; None without any."""
    if effort in rates:
        return rates[effort]
    assumed = (rate * SPEEDUP[effort] / SPEEDUP[other] for other, rate in rates.items())
    return min(assumed, default=None)


def _fall(load: Load, objective: ObjectiveSettings, pace: Pace, needed: float) -> Decision:
    lower = EFFORTS[EFFORTS.index(pace.effort) + 1 :]
    carrying = (e for e in lower if (estimate_rate(e, pace.rates) or 0.0) >= needed)
    effort = next(carrying, Effort.GATE)
    reads = f"{pace.effort} effort reads {_number(pace.effort, pace)}"
    reason = (
        f"{load.waiting:,} wait, the oldest for {_minutes(load.oldest)}; to read them within "
        f"{_minutes(objective.oldest)} takes {needed:,.0f} in 5 minutes, and {reads}"
    )
    return Decision(effort, reason)


def _rise(needed: float, pace: Pace) -> Decision:
    for effort in EFFORTS[: EFFORTS.index(pace.effort)]:
        rate = estimate_rate(effort, pace.rates) or 0.0
        if needed <= HEADROOM * rate:
            reads = f"{effort} effort reads {_number(effort, pace)}"
            return Decision(effort, f"{needed:,.0f} in 5 minutes are enough again, and {reads}")
    return Decision(pace.effort)


def _number(effort: Effort, pace: Pace) -> str:
    measured = "" if effort in pace.rates else "about "
    return f"{measured}{estimate_rate(effort, pace.rates) or 0.0:,.0f}"


def _minutes(age: timedelta) -> str:
    return f"{age / timedelta(minutes=1):.0f} min"
