"""How long one message may keep its worker busy before others get their turn."""

from __future__ import annotations

import time
from datetime import timedelta

from workers.shutdown import stop_sign

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
