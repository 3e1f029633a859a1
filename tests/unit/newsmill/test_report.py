from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from newsmill.report import TOO_LONG, Report, find_concerns, to_json
from newsmill.report_view import format_age, view_report
from store.counts import Rates, StageQueue, Totals, WorkError
from workers.queues import STAGES

ERROR = WorkError(
    "inference", 7, "editorial", "dead", 3, "KeyError: [bold] is text", datetime.now(UTC)
)


def report(
    *, dead: int = 0, waiting: int = 0, oldest: timedelta | None = None, **other: Any
) -> Report:
    queues = [StageQueue(stage, 0, 0, 0, 0, None) for stage in STAGES]
    queues[2] = StageQueue("inference", waiting, 0, 0, dead, oldest)
    facts: dict[str, Any] = {"workers": STAGES, "is_up": True, "errors": (), **other}
    return Report(
        totals=Totals(1, 2, 2, 1, 0, 1, 1, 0),
        queues=tuple(queues),
        rates=Rates(timedelta(minutes=5), 2, 2, 1, 1),
        **facts,
    )


@pytest.mark.parametrize(
    ("state", "concern"),
    [
        (report(), None),
        (report(dead=2), "2 dead letters"),
        (report(waiting=1, oldest=TOO_LONG * 2), "inference: the oldest work has waited for 30"),
        (report(waiting=1, oldest=TOO_LONG / 2), None),
        (report(workers=("ingest", "prefilter")), "no answer from the workers of inference, recon"),
        (report(workers=None), None),
        (report(workers=(), is_up=False), None),
        (report(waiting=1, workers=(), is_up=False), "start newsmill up"),
        (report(waiting=1, workers=("inference",), is_up=False), None),
    ],
)
def test_concerns_are_what_a_person_should_look_at(state: Report, concern: str | None) -> None:
    found = find_concerns(state)
    assert found == [] if concern is None else concern in found[0]


def test_json_holds_plain_values_and_always_the_same_keys() -> None:
    idle, busy = to_json(report()), to_json(report(waiting=1, oldest=timedelta(seconds=90)))
    assert json.loads(json.dumps(idle)) == idle
    assert [queue.keys() for queue in idle["queues"]] == [q.keys() for q in busy["queues"]]
    assert busy["queues"][2]["oldest_waiting_s"] == 90


def test_view_shows_every_stage_and_an_error_as_it_was_written() -> None:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(view_report(report(errors=(ERROR,), dead=1)))
    text = console.export_text()
    console.file.close()
    assert all(stage in text for stage in STAGES)
    assert "KeyError: [bold] is text" in text
    assert "inference:7:editorial" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (7_500, "2 h 05 min")],
)
def test_age_is_told_in_its_two_largest_units(seconds: int | None, text: str) -> None:
    assert format_age(None if seconds is None else timedelta(seconds=seconds)) == text
