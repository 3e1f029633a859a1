"""How long one message may keep its worker busy before others get their turn, or let it wait."""

from __future__ import annotations

import time
from datetime import timedelta

from workers.shutdown import POLL_S, stop_sign

TURN = timedelta(seconds=30)
"""Of stages whose batches take a second: the tick rides along in their workers."""


class Slice:
    """A stretch of time, cut short when the worker is to stop."""

    def __init__(self, length: timedelta) -> None:
        self._ends_at = time.monotonic() + length.total_seconds()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be begun."""
        return stop_sign.is_raised or time.monotonic() >= self._ends_at


def pause(length: timedelta) -> None:
    """Do nothing for a while, or until the worker is to stop."""
    within = Slice(length)
    while not within.is_over:
        time.sleep(POLL_S)
