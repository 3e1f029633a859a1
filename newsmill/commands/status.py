"""`newsmill status`: what waits, how fast it goes, what went wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from newsmill.report import Report
    from newsmill.workplace import Workplace

WATCH_EVERY_S = 2.0

NEEDS_ATTENTION = 3


def command(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show queues, oldest waiting work, rates over 5 minutes, last errors and the workers.

    Exit code 3 when something needs attention, such as dead letters or a silent worker.
    """
    from newsmill.report import find_concerns, to_json
    from newsmill.report_view import view_report
    from newsmill.tables import show
    from newsmill.workplace import open_workplace
    from schemas.settings import load_settings

    with open_workplace(load_settings()) as place:
        if watch:
            _watch(place)
            return
        report = _read(place)
    if as_json:
        typer.echo(json.dumps(to_json(report), indent=2))
    else:
        show(view_report(report))
    if find_concerns(report):
        raise typer.Exit(NEEDS_ATTENTION)


def _read(place: Workplace) -> Report:
    from newsmill.report import read_report
    from newsmill.workplace import is_up

    return read_report(place, is_up=is_up(place.settings.home))


def _watch(place: Workplace) -> None:
    import time
    from contextlib import suppress
    from dataclasses import replace

    from rich.live import Live

    from newsmill.report import ping_workers, read_report, rest_after
    from newsmill.report_view import view_report
    from newsmill.workplace import is_up

    with suppress(KeyboardInterrupt), Live(refresh_per_second=4) as live:
        while True:
            began = time.monotonic()
            report = read_report(place, is_up=is_up(place.settings.home), with_workers=False)
            rest_s = rest_after(time.monotonic() - began, WATCH_EVERY_S)
            # Waiting for the workers' answers costs the database nothing.
            workers, redis_error = ping_workers(place.settings)
            live.update(view_report(replace(report, workers=workers, redis_error=redis_error)))
            time.sleep(rest_s)
