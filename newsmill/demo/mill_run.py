"""One run of the mill from start to end: real servers, real workers, until nothing waits.

    add the sources → start workers and beat → watch until all is through → stop everything

It prints nothing; whoever calls it is shown the progress.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ingest.sources import SourceSpec
from newsmill.processes import plan_beat, plan_workers, to_environment
from newsmill.running import look_after
from newsmill.supervisor import ProcessState, Supervisor
from newsmill.workplace import Workplace
from schemas.errors import TransientError
from schemas.settings import Settings
from store import counts, sources, work
from store.counts import Totals
from workers.queues import INGEST, STAGES

POLL_S = 0.5

MAX_RESTARTS = 3
"""Of one process: what dies again and again will not get better by waiting."""

BRISK = {"tick_every": timedelta(seconds=2), "resend_after": timedelta(seconds=10)}
"""Queue settings with which a run of a minute is not spent waiting for the next tick."""

LOCAL = {
    "allowed_hosts": ("127.0.0.0/8",),
    "host_delay": timedelta(milliseconds=50),
    "full_text": False,
}
"""Ingest settings for feeds that this machine serves to itself, of pages that nobody serves."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    totals: Totals
    pending: dict[str, int]
    """Stage → work that waits, is delayed or is being done."""
    dead: int
    """Work that failed for good."""

    @property
    def is_done(self) -> bool:
        return not any(self.pending.values())


def brisk(settings: Settings, home: Path) -> Settings:
    """Give the settings of a short run in a home of its own."""
    queue = settings.queue.model_copy(update=BRISK)
    ingest = settings.ingest.model_copy(update=LOCAL)
    return settings.model_copy(update={"home": home, "queue": queue, "ingest": ingest})


def add_sources(place: Workplace, specs: Iterable[SourceSpec]) -> None:
    """Add the sources, and the work to read them, in one transaction."""
    with place.database.begin() as session:
        source_ids = [
            sources.upsert(session, kind=spec.kind, location=spec.location) for spec in specs
        ]
        work.enqueue(session, INGEST, source_ids, again=True)


def run_until_done(
    place: Workplace, *, timeout_s: float, show: Callable[[Progress], None]
) -> Progress:
    """Run workers and beat until nothing waits any more; all of them are stopped at the end.

    Raises:
        TransientError: it was not done in time, or a process keeps dying; the message names the
            log to look at.
    """
    logs = place.settings.home / "logs"
    plan = [*plan_workers(place.settings), plan_beat(place.settings.home)]
    supervisor = Supervisor(plan, to_environment(place.settings), logs)
    deadline = time.monotonic() + timeout_s
    supervisor.start()
    try:
        while not (progress := look(place)).is_done:
            show(progress)
            if time.monotonic() > deadline:
                raise TransientError(f"not done after {timeout_s:.0f} s; see the logs in {logs}")
            give_up_on_the_dying(look_after(supervisor, place))
            time.sleep(POLL_S)
        show(progress)
        return progress
    finally:
        supervisor.stop()


def give_up_on_the_dying(states: Iterable[ProcessState]) -> None:
    """Raise TransientError when a process has died too often."""
    for state in states:
        if state.restarts >= MAX_RESTARTS:
            raise TransientError(
                f"the process {state.name} has died {state.restarts} times; its log says why: "
                f"{state.log_path}"
            )


def look(place: Workplace) -> Progress:
    """Count how far the run is."""
    with place.database.begin() as session:
        queues: Sequence[counts.StageQueue] = counts.count_queues(session)
        pending = dict.fromkeys(STAGES, 0)
        pending |= {each.stage: each.waiting + each.delayed + each.claimed for each in queues}
        return Progress(
            totals=counts.count_totals(session),
            pending=pending,
            dead=sum(each.dead for each in queues),
        )
