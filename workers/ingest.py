"""The task of the queue `ingest`: poll sources, keep what is new, send it to the prefilter."""

from __future__ import annotations

from workers.app import app
from workers.attempts import take
from workers.mill import get_mill
from workers.queues import INGEST, TASKS
from workers.rounds import Round


@app.task(name=TASKS[INGEST])
def poll_source(*source_ids: int) -> None:
    """Read what is new in sources, batch by batch, each stored with the place it reached."""
    mill = get_mill()
    for claims in take(mill, INGEST, source_ids, limit=len(source_ids)):
        if Round(mill, claims).run():
            return  # What goes on has a message of its own, and would be claimed again here.
