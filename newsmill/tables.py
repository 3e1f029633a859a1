"""How tables look: plain columns, numbers to the right, and nothing that is cut off.

On a terminal, long cells go on in the next line. Without one (a pipe, a file) every row is one
line, as long as it is, so that `grep` and a script find whole rows. Knows no command.
"""

from __future__ import annotations

import os
from collections.abc import Collection

import typer
from rich.console import Console, RenderableType
from rich.table import Table

UNBOUNDED = 10_000
"""Columns of an output that nobody looks at through a window."""


def make_table(*headings: str, right: Collection[str] = ()) -> Table:
    """Make an empty table; `right` names the columns of numbers."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        justify = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def shorten(text: str, chars: int) -> str:
    """Cut a text that is longer, and show that it was."""
    return text if len(text) <= chars else f"{text[:chars]}…"


def show(*parts: RenderableType) -> None:
    """Print on standard output; COLUMNS in the environment sets its width, as on a terminal."""
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS"):
        console.print(*parts, sep="\n")
        return
    console.width = UNBOUNDED
    with console.capture() as capture:
        console.print(*parts, sep="\n")
    for line in capture.get().splitlines():
        typer.echo(line.rstrip())
