"""The names that a message can be sent to: one queue and one task for each stage."""

from __future__ import annotations

INGEST = "ingest"
PAGE = "page"
PREFILTER = "prefilter"
INFERENCE = "inference"
RECONSTRUCT = "reconstruct"
TICK = "tick"

STAGES = (INGEST, PREFILTER, INFERENCE, RECONSTRUCT)
"""In the order in which an article passes them; each has a worker of its own."""

WORK = (INGEST, PAGE, PREFILTER, INFERENCE, RECONSTRUCT)
"""The values of `work.stage`. Pages are read by the worker of `ingest`."""

KEPT = 1
"""Priority of what a lens kept."""
AUDIT = 0
"""Of what no rule keeps and that is read to learn what the rules miss."""
BACK_FILL = -10
"""Of what was read in haste, and is read in full when nothing else waits."""

QUEUES = (*WORK, TICK)

TASKS = {
    INGEST: "ingest.poll_source",
    PAGE: "page.read_page",
    PREFILTER: "prefilter.screen",
    INFERENCE: "inference.analyse",
    RECONSTRUCT: "reconstruct.rebuild",
    TICK: "tick.sweep",
}
"""The task that each queue carries. The name's first part is its queue."""


def consumed_by(stage: str) -> tuple[str, ...]:
    """Return the queues that the worker of a stage listens to.

    The tick rides along with the stages whose tasks are short, so that no worker is needed for
    it alone and one dead worker does not stop it. Inference is left out: a tick would wait there
    for minutes.
    """
    if stage == INGEST:
        return INGEST, PAGE, TICK
    return (stage,) if stage == INFERENCE else (stage, TICK)
