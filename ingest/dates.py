"""Dates as sources write them to aware UTC; impossible ones are mended with a note.

Pure: the clock is the argument `now`.
"""

from __future__ import annotations

import calendar
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""Before it lie only unset clocks: zero of the Unix epoch in any time zone."""
CLOCK_TOLERANCE = timedelta(days=1)
"""How far ahead a date may lie: time zones left out and clocks that run fast."""
MILLISECONDS_FROM = 1e11
"""Seconds since 1970 reach this number in the year 5138, milliseconds in 1973."""


def read_date(raw: Any) -> datetime | None:
    """Read ISO 8601, RFC 2822, an epoch in seconds or milliseconds; None when unreadable.

    A date without a time zone is taken as UTC.
    """
    if isinstance(raw, datetime):
        return as_utc(raw)
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return _read_epoch(raw)
    if not isinstance(raw, str) or not raw.strip():
        return None
    return _read_iso(raw.strip()) or _read_rfc2822(raw)


def read_struct_time(parsed: time.struct_time | None) -> datetime | None:
    """Read feedparser's parsed date, which is UTC."""
    if parsed is None:
        return None
    try:
        return _read_epoch(calendar.timegm(parsed))
    except (ValueError, OverflowError):
        return None


def mend_date(date: datetime | None, now: datetime) -> tuple[datetime | None, str | None]:
    """Give a believable date and, where it was changed, the note that says how."""
    if date is None:
        return None, None
    if date < EARLIEST:
        return None, f"the date {date:%Y-%m-%d} was dropped: it lies before 1971"
    if date > now + CLOCK_TOLERANCE:
        return now, f"the date {date:%Y-%m-%d} lay in the future: set to the time of reading"
    return date, None


def as_utc(date: datetime) -> datetime | None:
    """Convert to aware UTC; None where the conversion leaves the calendar."""
    if date.tzinfo is None:
        return date.replace(tzinfo=UTC)
    try:
        return date.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _read_epoch(seconds: float) -> datetime | None:
    if abs(seconds) >= MILLISECONDS_FROM:
        seconds /= 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _read_iso(raw: str) -> datetime | None:
    try:
        return as_utc(datetime.fromisoformat(raw))
    except ValueError:
        return None


def _read_rfc2822(raw: str) -> datetime | None:
    try:
        return as_utc(parsedate_to_datetime(raw))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
