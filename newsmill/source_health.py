"""What the state of a source means: in words, and whether a person should look. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.settings import IngestSettings
from store.source_health import SourceHealth

LEAST_FAILURES = 3
"""In a row, before a source is reported: a machine that was asleep for a week has failed once."""

SHOWN_NOTES = 2


@dataclass(frozen=True)
class Judgement:
    """What is to be said of a source."""

    state: str
    """One word: new, healthy, failing, silent, paused, retired, removed."""
    words: str = ""
    is_alert: bool = False


def judge(source: SourceHealth, limits: IngestSettings, now: datetime) -> Judgement:
    """Judge one source."""
    if source.state == "removed":
        return Judgement("removed")
    if source.state == "retired":
        return Judgement("retired", f"no longer polled: {source.last_error}", is_alert=True)
    if source.paused:
        return Judgement("paused", source.last_error or "")
    if source.state == "failing":
        return _judge_failing(source, limits, now)
    if source.state == "new":
        return Judgement("new", "not polled yet")
    silent_for = now - (source.last_item_at or source.created_at)
    if source.interval is not None and silent_for > limits.alert_silent:
        return Judgement("silent", f"no new article for {tell_age(silent_for)}", is_alert=True)
    return Judgement("healthy", _sum_up(source.notes))


def list_alerts(
    sources: Iterable[SourceHealth], limits: IngestSettings, now: datetime
) -> Iterator[str]:
    """Say in one line each which sources a person should look at."""
    for source in sources:
        judgement = judge(source, limits, now)
        if judgement.is_alert:
            yield f"source {source.source_id}, {source.name}: {judgement.words}"


def tell_age(age: timedelta) -> str:
    """Write an age roughly, in its largest unit."""
    seconds = max(0, int(age.total_seconds()))
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"


def _sum_up(notes: Sequence[str]) -> str:
    more = len(notes) - SHOWN_NOTES
    return "; ".join(notes[:SHOWN_NOTES]) + (f"; and {more} more" if more > 0 else "")


def _judge_failing(source: SourceHealth, limits: IngestSettings, now: datetime) -> Judgement:
    failing_for = now - (source.last_success_at or source.created_at)
    times = "once" if source.failures == 1 else f"{source.failures} times"
    words = f"failed {times}, without success for {tell_age(failing_for)}: {source.last_error}"
    is_long = failing_for > limits.alert_failing and source.failures >= LEAST_FAILURES
    return Judgement("failing", words, is_alert=is_long)
