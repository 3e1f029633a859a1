"""Looks at the load of inference now and then, and tells at which effort to read.

Decides nothing: `inference.pace` does. The pace is one row that all inference workers share.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from inference.pace import begin_pace, next_pace
from schemas.effort import Effort
from store import builds, pace as paces
from workers.journal import phase
from workers.queues import INFERENCE

if TYPE_CHECKING:
    from workers.mill import Mill

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
LOOK_SHARE = 50
"""A look that takes long, since very much waits, is followed by so many times its length."""


class Pilot:
    """Knows the effort for one worker's next claims, and reports what the worker read."""

    def __init__(self, mill: Mill) -> None:
        self._mill = mill
        self._effort = Effort.FULL
        self._look_at = 0.0
        self._read = self._back_filled = 0

    def choose_effort(self) -> Effort:
        """Give the effort for what is claimed next."""
        if self._mill.settings.objective.may_degrade and time.monotonic() >= self._look_at:
            began = time.monotonic()
            self._effort = self._look()
            spent = time.monotonic() - began
            self._look_at = began + spent + max(LOOK_EVERY_S, LOOK_SHARE * spent)
        return self._effort

    def note_read(self, *, read: int, back_filled: int) -> None:
        """Add what was read since the last call."""
        self._read += read
        self._back_filled += back_filled

    def _look(self) -> Effort:
        with phase("look"), self._mill.database.begin() as session:
            load = paces.read_load(session, INFERENCE)
            before = paces.find(session, INFERENCE, lock=True) or begin_pace(load)
            # What all workers agree on: what one holds may be another on each machine.
            live = builds.find_live(session)
            after = next_pace(
                before,
                load,
                self._mill.settings.objective,
                read=self._read,
                back_filled=self._back_filled,
                build=live.name if live else "",
            )
            paces.save(session, INFERENCE, after)
        self._read = self._back_filled = 0
        if after.effort != before.effort:
            log.info(
                "effort_changed",
                effort=after.effort,
                effort_before=before.effort,
                reason=after.reason,
                waiting=load.waiting,
                oldest_s=round(load.oldest.total_seconds(), 1),
            )
        return after.effort
