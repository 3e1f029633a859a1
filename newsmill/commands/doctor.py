"""`newsmill doctor`: look at everything the mill needs, and say how to mend what is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from newsmill.doctor.check import Check

EXIT_CODES = {"ok": 0, "warn": 3, "fail": 1}

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check settings, machine, servers and model, and say how to mend what is wrong.

    Exit code 0: all is well; 3: it works, but something needs attention; 1: it cannot work.
    """
    from rich.console import Console

    from newsmill.doctor.check import find_worst
    from newsmill.doctor.examination import examine

    with Console(stderr=True).status("Looking at everything …"):
        checks = list(examine())
    worst = find_worst(checks)
    if as_json:
        report = {"status": worst, "checks": [asdict(check) for check in checks]}
        typer.echo(json.dumps(report, indent=2))
    else:
        _print_table(checks)
    raise typer.Exit(EXIT_CODES[worst])


def _print_table(checks: list[Check]) -> None:
    from rich.text import Text

    from newsmill.tables import make_table, show

    table = make_table("check", "", "found", "to mend it")
    for check in checks:
        status = Text(check.status, style=COLOURS[check.status])
        table.add_row(check.name, status, Text(check.detail), Text(check.mend))
    show(table)
