"""How a report looks on a terminal. Pure: records in, Rich renderables out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from newsmill.report import Report, find_concerns
from newsmill.supervisor import ProcessState
from newsmill.tables import make_table, shorten
from schemas.effort import Effort
from workers.queues import INFERENCE, INGEST, PREFILTER, RECONSTRUCT

ERROR_CHARS = 300
"""Of an error that are shown; `newsmill dead show` and the logs have all of it."""

COLOURS = {"running": "green", "waiting": "yellow", "stopped": "dim"}


def view_report(report: Report) -> RenderableType:
    """Show queues, totals, errors and what needs attention."""
    parts: list[RenderableType] = [_view_queues(report), _view_totals(report), _view_effort(report)]
    if report.savings.completions:
        parts.append(_view_savings(report))
    if report.errors:
        parts.append(_view_errors(report))
    parts += [f"[yellow]! {escape(concern)}[/yellow]" for concern in find_concerns(report)]
    return Group(*parts)


def view_processes(states: Sequence[ProcessState]) -> RenderableType:
    """Show every process in one line, and where to read why one has died."""
    words = "  ".join(f"[{COLOURS[state.status]}]● {state.name}[/]" for state in states)
    deaths = [
        f"[yellow]! {state.name} has died {state.restarts + (state.status == 'waiting')} times, "
        f"last with exit code {state.exit_code}: see {escape(str(state.log_path))}[/yellow]"
        for state in states
        if state.exit_code is not None
    ]
    return Group(words, *deaths)


def format_age(age: timedelta | None) -> str:
    """Write an age with its two largest units, such as `2 h 05 min`."""
    if age is None:
        return "–"
    seconds = int(age.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"


def _view_queues(report: Report) -> Table:
    table = Table("stage", box=None, pad_edge=False)
    minutes = int(report.rates.window.total_seconds() // 60)
    for heading in ("waiting", "at work", "delayed", "dead", "oldest", f"done / {minutes} min"):
        table.add_column(heading, justify="right")
    done = {
        INGEST: report.rates.ingest,
        PREFILTER: report.rates.prefilter,
        INFERENCE: report.rates.inference,
        RECONSTRUCT: report.rates.reconstruct,
    }
    for queue in report.queues:
        numbers = (queue.waiting, queue.claimed, queue.delayed, queue.dead)
        age = format_age(queue.oldest_waiting)
        table.add_row(queue.stage, *map(str, numbers), age, str(done.get(queue.stage, "")))
    return table


def _view_totals(report: Report) -> str:
    totals = report.totals
    return (
        f"{totals.sources} sources, {totals.articles} articles, {totals.kept} kept, "
        f"{totals.completions} completions, {totals.analyses} analyses\n{_view_build(report)}"
    )


def _view_build(report: Report) -> str:
    live = report.live
    if live is None:
        return f"build {escape(report.default_build)}, by its setting"
    reason = f": {live.reason}" if live.reason else ""
    return escape(f"build {live.name}, live since {live.deployed_at:%Y-%m-%d %H:%M}{reason}")


def _view_effort(report: Report) -> str:
    """Say at which effort articles are read, and what that leaves for later."""
    later = f", {report.back_fill} to be read in full later" if report.back_fill else ""
    if report.effort is Effort.FULL or report.pace is None:
        return f"effort: full{later}"
    since = f"{report.pace.since:%H:%M %Z}"
    reason = escape(report.pace.reason)
    return f"[yellow]effort: {report.effort} since {since}[/yellow]{later}: {reason}"


def _view_savings(report: Report) -> str:
    saved = report.savings
    age = format_age(timedelta(seconds=saved.cpu_s))
    return f"{saved.completions} completions saved, {age} of CPU: the same text was read before"


def _view_errors(report: Report) -> Table:
    table = make_table("last errors", "work", "attempts", "state", right={"attempts"})
    for error in report.errors:
        work = ":".join(filter(None, (error.stage, str(error.subject_id), error.lens)))
        table.add_row(
            escape(shorten(error.error, ERROR_CHARS)), work, str(error.attempts), error.state
        )
    return table
