from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console, RenderableType

from newsmill.report import TOO_LONG, Report, find_concerns, rest_after, to_json
from newsmill.report_view import format_age, view_processes, view_report
from newsmill.supervisor import ProcessState
from schemas.effort import Effort, Pace, Window
from schemas.settings import ObjectiveSettings
from store.builds import Live
from store.counts import Rates, StageQueue, Totals, WorkError
from workers.queues import STAGES

ERROR = WorkError(
    "inference", 7, "editorial", "dead", 3, "KeyError: [bold] is text", datetime.now(UTC)
)

LIVE = Live(
    deployment_id=1,
    name="gemma",
    sha256="00",
    deployed_at=datetime(2026, 11, 26, 12, tzinfo=UTC),
    reason="it is [better]",
    is_proven=True,
    refused_by=None,
    refused_for=None,
    refusal=None,
)


HASTE = Pace(
    effort=Effort.GATE,
    reason="900 wait [and more]",
    since=datetime(2026, 1, 1, 12, 30, tzinfo=UTC),
    window=Window(began=datetime.now(UTC), waiting=0, waiting_last=0),
)
WANTED = ObjectiveSettings(articles=50)


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
        (report(waiting=60, objective=WANTED), "inference: 1 articles in 5 minutes, and the obj"),
        (report(waiting=40, objective=WANTED), None),
        (report(logins=("a login ends soon",)), "a login ends soon"),
        (report(workers=(), is_up=False), None),
        (report(waiting=1, workers=(), is_up=False), "start newsmill up"),
        (report(waiting=1, workers=("inference",), is_up=False), None),
        (report(source_alerts=("source 7, A: silent",)), "source 7, A: silent"),
        (report(waiting=1, workers=(), redis_error="refused"), "Redis cannot be reached: refused"),
        (report(live=LIVE), None),
        (report(live=LIVE, default_is_deadly=True), None),
        (
            report(default_build="little", default_is_deadly=True),
            "opening build little has ended its worker 3 times; it is left alone: see newsmill "
            "doctor; newsmill up tries it again",
        ),
        (
            report(live=replace(LIVE, refused_by="host-1", refusal="it is damaged")),
            "build gemma was refused by host-1, where the one before goes on: it is damaged",
        ),
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


def test_view_and_json_tell_at_which_effort_articles_are_read_and_why() -> None:
    queues = [StageQueue(stage, 0, 0, 0, 0, None) for stage in STAGES]
    queues[2] = StageQueue("inference", 12, 0, 0, 0, None, back_fill=7)
    hasty = replace(report(pace=HASTE), queues=tuple(queues))
    text = draw(view_report(hasty))
    assert "effort: gate since 12:30 UTC, 7 to be read in full later: 900 wait [and more]" in text
    assert to_json(hasty)["effort"] == {
        "level": "gate",
        "reason": "900 wait [and more]",
        "since": "2026-01-01T12:30:00+00:00",
        "back_fill": 7,
    }
    assert "effort: full\n" in draw(view_report(report()))
    assert to_json(report())["effort"]["level"] == "full"


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


def test_build_is_shown_with_where_its_choice_comes_from() -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=120)
    console.print(view_report(report(default_build="starter")))
    console.print(view_report(report(default_build="starter", live=LIVE)))
    assert "build starter, by its setting" in screen.getvalue()
    assert "build gemma, live since 2026-11-26 12:00: it is [better]" in screen.getvalue()
    assert to_json(report(default_build="starter"))["build"] == "starter"
    assert to_json(report(default_build="starter", live=LIVE))["build"] == "gemma"


def test_counting_of_a_large_database_rests_longer_the_longer_it_took() -> None:
    assert rest_after(0.01, at_least_s=2.0) == 2.0
    assert rest_after(3.0, at_least_s=2.0) == 90.0
