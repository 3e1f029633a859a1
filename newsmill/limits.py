"""The largest numbers that options take: beyond them lie overflows, and no use."""

from __future__ import annotations

MOST_ROWS = 1_000_000
"""Of a list."""
MOST_ID = 2**63 - 1
"""What the database can hold."""
DAY_S = 86_400
YEAR_S = 366 * DAY_S
MOST_HOURS = 366 * 24
