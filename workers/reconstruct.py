"""The task of the queue `reconstruct`: stored streams become validated rows."""

from __future__ import annotations

from store import analyses, work
from workers.app import app
from workers.attempts import attempt, take
from workers.journal import count, phase
from workers.mill import get_mill
from workers.queues import RECONSTRUCT, TASKS
from workers.rebuilding import rebuild_stored
from workers.sending import PORTION


@app.task(name=TASKS[RECONSTRUCT])
def rebuild(completion_ids: list[int]) -> None:
    """Rebuild the analyses of those of the completions that still wait for it."""
    mill = get_mill()
    for claims in take(mill, RECONSTRUCT, completion_ids, limit=PORTION):
        with attempt(mill, claims):
            claimed_ids = [claim.subject_id for claim in claims]
            with phase("rebuild"):
                rebuilt = rebuild_stored(mill.database, claimed_ids, mill.lenses)
            with phase("store"), mill.database.begin() as session:
                analyses.save(session, rebuilt)
                work.finish(session, claims)
            count(rebuilt=len(rebuilt))
