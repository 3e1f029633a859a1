"""The demo's progress: a bar for each stage on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from newsmill.demo.mill_run import Progress as RunProgress

LINE_EVERY_S = 5.0


class ProgressDisplay:
    """Shows a run; use as a context manager and hand it each state."""

    def __init__(self, console: Console, sources: int) -> None:
        self._console = console
        self._sources = sources
        self._last_line_at = 0.0
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks = {
            stage: self._bars.add_task(stage, total=None)
            for stage in ("ingest", "prefilter", "inference", "reconstruct")
        }

    def __enter__(self) -> ProgressDisplay:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, progress: RunProgress) -> None:
        """Show one state."""
        done = {
            "ingest": self._sources - progress.pending["ingest"],
            "prefilter": progress.totals.screened,
            "inference": progress.totals.completions,
            "reconstruct": progress.totals.analyses,
        }
        for stage, count in done.items():
            total = count + progress.pending[stage]
            self._bars.update(self._tasks[stage], completed=count, total=total or None)
        if not self._console.is_terminal and time.monotonic() - self._last_line_at > LINE_EVERY_S:
            self._last_line_at = time.monotonic()
            parts = [f"{stage} {done[stage]}, {progress.pending[stage]} waiting" for stage in done]
            self._console.print(" · ".join(parts), soft_wrap=True)
