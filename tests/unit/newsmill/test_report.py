from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console, RenderableType

from newsmill.report import TOO_LONG, Report, find_concerns, to_json
from newsmill.report_view import format_age, view_processes, view_report
from newsmill.supervisor import ProcessState
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
        (report(logins=("a login ends soon",)), "a login ends soon"),
        (report(workers=(), is_up=False), None),
        (report(waiting=1, workers=(), is_up=False), "start newsmill up"),
        (report(waiting=1, workers=("inference",), is_up=False), None),
        (report(source_alerts=("source 7, A: silent",)), "source 7, A: silent"),
        (report(waiting=1, workers=(), redis_error="refused"), "Redis cannot be reached: refused"),
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


def draw(renderable: RenderableType) -> str:
    console = Console(width=120, file=io.StringIO())
    console.print(renderable)
    return cast(io.StringIO, console.file).getvalue()


def test_view_shows_every_stage_and_an_error_as_it_was_written() -> None:
    text = draw(view_report(report(errors=(ERROR,), dead=1)))
    assert all(stage in text for stage in STAGES)
    assert "KeyError: [bold] is text" in text
    assert "inference:7:editorial" in text


def test_view_tells_where_to_read_why_a_process_died() -> None:
    sound = ProcessState("beat", "running", 7, 0, None, Path("/logs/beat.log"))
    ill = ProcessState("ingest", "waiting", None, 2, -9, Path("/logs/ingest.log"))
    text = draw(view_processes([sound, ill]))
    assert "● beat  ● ingest" in text
    assert "ingest has died 3 times, last with exit code -9: see /logs/ingest.log" in text
    assert "beat.log" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (7_500, "2 h 05 min")],
)
def test_age_is_told_in_its_two_largest_units(seconds: int | None, text: str) -> None:
    assert format_age(None if seconds is None else timedelta(seconds=seconds)) == text
