"""What a source's state means, and when a person should look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from newsmill.source_health import judge, list_alerts, tell_age
from schemas.settings import IngestSettings
from store.source_health import SourceHealth

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make(**changes: Any) -> SourceHealth:
    given: dict[str, Any] = {
        "source_id": 7,
        "kind": "feed",
        "location": "https://a.example/feed",
        "name": "A",
        "folder": None,
        "state": "healthy",
        "paused": False,
        "interval": HOUR,
        "rhythm": None,
        "next_due_at": NOW,
        "last_polled_at": NOW,
        "last_success_at": NOW,
        "last_item_at": NOW,
        "created_at": NOW - 90 * DAY,
        "failures": 0,
        "last_error": None,
        "notes": (),
    }
    return SourceHealth(**{**given, **changes})


FAILING = {"state": "failing", "failures": 9, "last_error": "the server answered 403"}


@pytest.mark.parametrize(
    ("changes", "state", "is_alert"),
    [
        ({}, "healthy", False),
        ({"state": "new", "last_polled_at": None}, "new", False),
        ({**FAILING, "last_success_at": NOW - HOUR}, "failing", False),
        ({**FAILING, "last_success_at": NOW - 2 * DAY}, "failing", True),
        ({**FAILING, "last_success_at": NOW - 2 * DAY, "failures": 1}, "failing", False),
        ({**FAILING, "last_success_at": None}, "failing", True),
        ({"last_item_at": NOW - 40 * DAY}, "silent", True),
        ({"last_item_at": None, "created_at": NOW - DAY}, "healthy", False),
        ({"last_item_at": NOW - 40 * DAY, "interval": None}, "healthy", False),
        ({"paused": True, "last_item_at": NOW - 40 * DAY}, "paused", False),
        ({"state": "retired", "paused": True, "last_error": "410"}, "retired", True),
        ({"state": "removed", "paused": True}, "removed", False),
    ],
)
def test_state_says_whether_a_person_should_look(
    changes: dict[str, Any], state: str, is_alert: bool
) -> None:
    judgement = judge(make(**changes), IngestSettings(), NOW)
    assert (judgement.state, judgement.is_alert) == (state, is_alert)


def test_alert_names_the_source_and_the_reason() -> None:
    source = make(**FAILING, last_success_at=NOW - 3 * DAY)
    (alert,) = list_alerts([make(), source], IngestSettings(), NOW)
    expected = "failed 9 times, without success for 3 days: the server answered 403"
    assert alert == f"source 7, A: {expected}"


@pytest.mark.parametrize(
    ("age", "told"),
    [(3 * DAY, "3 days"), (DAY, "24 hours"), (HOUR, "60 minutes"), (-HOUR, "0 seconds")],
)
def test_ages_are_told_roughly(age: timedelta, told: str) -> None:
    assert tell_age(age) == told
