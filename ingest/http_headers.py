"""What HTTP headers say about the next request: how long an answer stays fresh, when to come back.

Pure; anything unreadable says nothing.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ingest.dates import read_date

LONGEST = timedelta(days=30)
"""Larger numbers are mistakes or malice; what is to be made of them is decided elsewhere."""

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)
_NO_STORE = re.compile(r"\bno-(?:store|cache)\b", re.IGNORECASE)


def read_fresh_for(cache_control: str | None) -> timedelta | None:
    """Read `max-age` of Cache-Control; None when an answer is not said to stay fresh."""
    if not cache_control or _NO_STORE.search(cache_control):
        return None
    found = _MAX_AGE.search(cache_control)
    return _from_seconds(int(found[1])) if found else None


def read_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read Retry-After: seconds, or a date (RFC 9110, 10.2.3)."""
    if not value or not value.strip():
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return _from_seconds(int(value[:12]))
    date = read_date(value)
    return None if date is None or date <= now else min(date - now, LONGEST)


def _from_seconds(seconds: int) -> timedelta | None:
    return min(timedelta(seconds=min(seconds, 10**9)), LONGEST) if seconds > 0 else None
