"""A replay's progress: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsmill.replay.player import Played

LINE_EVERY_S = 5.0


class ReplayProgress:
    """Shows a replay; use as a context manager and hand it each state."""

    def __init__(self, console: Console, visits: int) -> None:
        self._console = console
        self._visits = visits
        self._next_line_at = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("replay", total=visits)

    def __enter__(self) -> ReplayProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, played: Played) -> None:
        """Show one state."""
        told = f"{played.at:%Y-%m-%d %H:%M:%S}" if played.at else ""
        if played.behind_s > 1:
            told += f", {played.behind_s:.0f} s behind"
        self._bar.update(self._task, completed=played.visits, description=told)
        if not self._console.is_terminal and time.monotonic() >= self._next_line_at:
            self._next_line_at = time.monotonic() + LINE_EVERY_S
            self._console.print(f"{told}: {played.visits} of {self._visits}", soft_wrap=True)
