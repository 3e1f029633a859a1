"""How much of an article is read: the efforts, and the records from which one is chosen.

A lower effort leaves out what a higher one reads. What was left out is named in the completion and
in the analysis, and is read later. Who chooses an effort, and when, is `inference/effort.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict

PER = timedelta(minutes=5)
"""All rates are articles, each through one lens, in this time."""


class Effort(StrEnum):
    """In the order in which they are given up; each leaves out more than the one before."""

    FULL = "full"
    """All fields, from all that the build's budget allows of the article."""
    SHORT = "short"
    """All fields, from a shorter reading of the article."""
    CLOSED = "closed"
    """Of that reading the fields whose answers are a closed list; texts and names come later."""
    GATE = "gate"
    """From title and lead the lens's gate field alone: whether the article matters at all."""

    @property
    def remark(self) -> str | None:
        """What is to be said of an analysis that was made with it; None: nothing."""
        return _REMARKS.get(self)


EFFORTS = tuple(Effort)
"""From the highest to the lowest."""

_REMARKS: Mapping[Effort, str] = MappingProxyType(
    {
        Effort.SHORT: "read at short effort: from less of the article, to be read in full later",
        Effort.CLOSED: "read at closed effort: texts and names follow when it is read in full",
        Effort.GATE: "read at gate effort: the other fields follow when it is read in full",
    }
)

POSTPONED = "postponed: more waited than could be read in time"
"""Why a field has no value yet, in the words that its note has."""


class Record(BaseModel):
    """One record of this file."""

    model_config = ConfigDict(frozen=True)


class Load(Record):
    """What waits for a stage at one moment, of the work that is waited for."""

    at: datetime
    """By the database's clock."""
    waiting: int
    oldest: timedelta
    """How long the oldest of it has waited; nothing where none waits."""


class Window(Record):
    """The stretch of time over which rates are being measured."""

    began: datetime
    waiting: int
    """When it began."""
    waiting_last: int
    """At the last look."""
    read: int = 0
    """Since it began, without back-fill."""
    is_busy: bool = True
    """Whether there was always more to read, so that what was read is all that could be."""


class Pace(Record):
    """At which effort a stage works, why, and what was measured on the way."""

    effort: Effort = Effort.FULL
    reason: str = "nothing is late"
    since: datetime
    build: str = ""
    """The build that was live when the rates were measured, or none."""
    rates: dict[Effort, float] = {}
    """What was read in five minutes when enough waited, at the efforts tried so far."""
    arrivals: float = 0.0
    """What came in five minutes, lately."""
    window: Window
