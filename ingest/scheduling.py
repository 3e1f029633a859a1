"""When a source is polled next: as often as it changes, less and less often while it fails.

Pure: a poll's outcome and what is known of the source go in, a decision comes out; `now` and
`seed` are arguments. Knows neither the store nor HTTP.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.errors import NewsmillError, PermanentError

JITTER = 0.1
"""Share by which a wait is stretched at most, so that feeds added together part with time."""
RHYTHM_ENTRIES = 20
"""The newest entries of a feed, from whose dates its rhythm is read."""
POLLS_PER_ENTRY = 2
SPEED_UP, SLOW_DOWN = 0.7, 1.25
"""For feeds whose entries bear no dates: what a poll with and one without news does to the wait."""
BACKOFF = 2
LONGEST_WISH = timedelta(days=1)
"""Of Retry-After: a server that asks for a year has made a mistake, or means us harm."""
GONE, TOO_MANY = 410, 429


@dataclass(frozen=True)
class Pace:
    """How often a source may be polled, and how often it has been of late."""

    interval: timedelta
    """As a person or the settings have it."""
    floor: timedelta
    ceiling: timedelta
    rhythm: timedelta | None = None
    """What earlier polls have made of the interval."""
    is_adapted: bool = True
    """False: the interval holds, whatever the source does."""

    @property
    def current(self) -> timedelta:
        """The wait after a poll that says nothing new about the source."""
        return self.clamp(self.rhythm or self.interval) if self.is_adapted else self.interval

    def clamp(self, wait: timedelta) -> timedelta:
        """Bring a wait between floor and ceiling."""
        return max(self.floor, min(wait, self.ceiling))


@dataclass(frozen=True)
class Yield:
    """What a poll that went well has brought."""

    new_items: int = 0
    dates: tuple[datetime, ...] = ()
    """Of the feed's entries, new or not; empty when it was unchanged."""
    wish: timedelta | None = None
    """The shortest wait that the feed or its server asks for."""


@dataclass(frozen=True)
class NextPoll:
    """The decision. `delay` None: the source is gone for good and is not polled again."""

    delay: timedelta | None
    rhythm: timedelta | None = None
    """To be kept for the next decision."""


def decide_after_success(pace: Pace, found: Yield, *, now: datetime, seed: str) -> NextPoll:
    """Decide when to look again after a poll that went well."""
    rhythm = _find_pace(pace, found, now) if pace.is_adapted else None
    wait = rhythm or pace.interval
    if pace.is_adapted and found.wish is not None:
        wait = max(wait, min(found.wish, pace.ceiling))
    return NextPoll(_stretch(wait, seed), rhythm)


def decide_after_failure(pace: Pace, error: NewsmillError, failures: int, *, seed: str) -> NextPoll:
    """Decide when to try again after the failure number `failures` in a row (1 is the first).

    What may pass by itself is tried again soon, the rest no sooner than it would have been; both
    half as often after each further failure. 410 says that there is nothing to come back for.
    """
    status = getattr(error, "status", None)
    if status == GONE:
        return NextPoll(None, pace.rhythm)
    is_urgent = not isinstance(error, PermanentError) and status != TOO_MANY
    first = min(pace.floor, pace.current) if is_urgent else pace.current
    # The bound on the exponent keeps the power finite; the ceiling holds long before it.
    grown = first * BACKOFF ** min(max(failures, 1) - 1, 30)
    wait = min(grown, max(pace.ceiling, pace.interval))
    if retry_after := getattr(error, "retry_after", None):
        wait = max(wait, min(retry_after, LONGEST_WISH))
    return NextPoll(_stretch(wait, seed), pace.rhythm)


def find_gap(dates: Iterable[datetime], now: datetime) -> timedelta | None:
    """Give the mean time between a feed's newest entries; None for fewer than two dates.

    A silence that is longer than usual counts for more than the entries before it.
    """
    newest = sorted((date for date in dates if date <= now), reverse=True)[:RHYTHM_ENTRIES]
    if len(newest) < 2:
        return None
    mean = (newest[0] - newest[-1]) / (len(newest) - 1)
    return max(mean, (now - newest[0]) / 2)


def _find_pace(pace: Pace, found: Yield, now: datetime) -> timedelta:
    if gap := find_gap(found.dates, now):
        return pace.clamp(gap / POLLS_PER_ENTRY)
    return pace.clamp(pace.current * (SPEED_UP if found.new_items else SLOW_DOWN))


def _stretch(wait: timedelta, seed: str) -> timedelta:
    return wait * (1 + JITTER * random.Random(seed).random())
