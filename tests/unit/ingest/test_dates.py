"""Dates: every spelling that sources use, and the impossible ones."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ingest.dates import mend_date, read_date, read_struct_time

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)

SPELLINGS = [
    ("2026-11-02T12:00:00Z", NOON),
    ("2026-11-02T14:00:00+02:00", NOON),
    ("2026-11-02T12:00:00", NOON),
    ("2026-11-02 12:00:00.000", NOON),
    ("2026-11-02", NOON.replace(hour=0)),
    ("20261102", NOON.replace(hour=0)),
    ("Mon, 02 Nov 2026 12:00:00 GMT", NOON),
    ("Mon, 02 Nov 2026 13:00:00 +0100 (CET)", NOON),
    (1793620800, NOON),
    (1793620800.0, NOON),
    (1793620800000, NOON),
    (NOON, NOON),
    ("yesterday", None),
    ("", None),
    (None, None),
    (True, None),
    ([2026], None),
    (1e300, None),
    (float("nan"), None),
    ("0001-01-01T00:00:00+14:00", None),
]


@pytest.mark.parametrize(("raw", "date"), SPELLINGS, ids=lambda value: str(value)[:30])
def test_date_is_read_as_utc(raw: Any, date: datetime | None) -> None:
    assert read_date(raw) == date


def test_struct_time_of_feedparser_is_utc() -> None:
    assert read_struct_time(time.struct_time((2026, 11, 2, 12, 0, 0, 0, 306, 0))) == NOON
    assert read_struct_time(time.struct_time((0, 0, 0, 0, 0, 0, 0, 0, 0))) is None
    assert read_struct_time(None) is None


def test_impossible_dates_are_mended_with_a_note() -> None:
    assert mend_date(None, NOW) == (None, None)
    assert mend_date(NOON, NOW) == (NOON, None)
    assert mend_date(NOW + timedelta(hours=20), NOW) == (NOW + timedelta(hours=20), None)
    future, note = mend_date(NOW + timedelta(days=400), NOW)
    assert future == NOW
    assert note == "the date 2027-12-10 lay in the future: set to the time of reading"
    past, note = mend_date(datetime(1970, 1, 1, tzinfo=UTC), NOW)
    assert past is None
    assert note == "the date 1970-01-01 was dropped: it lies before 1971"


@given(st.text(max_size=40) | st.floats() | st.integers())
def test_any_value_is_a_utc_date_or_none(raw: Any) -> None:
    date = read_date(raw)
    assert date is None or date.utcoffset() == timedelta(0)
