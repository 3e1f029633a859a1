"""Headers that say when to ask again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingest.http_headers import LONGEST, read_fresh_for, read_retry_after

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("max-age=600", 600),
        ("public, Max-Age = 600, must-revalidate", 600),
        ('max-age="600"', 600),
        ("s-maxage=900", None),
        ("max-age=0", None),
        ("no-cache, max-age=600", None),
        ("max-age=-5", None),
        ("", None),
        (None, None),
    ],
)
def test_freshness_is_read_or_says_nothing(header: str | None, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert read_fresh_for(header) == expected


@pytest.mark.parametrize(
    ("header", "waits"),
    [
        ("120", timedelta(minutes=2)),
        ("Thu, 26 Nov 2026 13:00:00 GMT", timedelta(hours=1)),
        ("Thu, 26 Nov 2020 13:00:00 GMT", None),
        ("99999999999999999999", LONGEST),
        ("Thu, 26 Nov 9999 13:00:00 GMT", LONGEST),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, waits: timedelta | None) -> None:
    assert read_retry_after(header, NOW) == waits
