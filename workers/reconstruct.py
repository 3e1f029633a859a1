"""The task of the queue `reconstruct`: stored streams become validated rows.

As in the prefilter, the ids of a message only say that there is work.
"""

from __future__ import annotations

from store import analyses, work
from workers.app import app
from workers.attempts import attempt, take
from workers.journal import count, phase
from workers.mill import get_mill
from workers.queues import RECONSTRUCT, TASKS
from workers.rebuilding import rebuild_stored
from workers.sending import PORTION, send
from workers.slices import TURN, Slice


@app.task(name=TASKS[RECONSTRUCT])
def rebuild(completion_ids: list[int]) -> None:
    """Rebuild what waits for it; if more waits at the end of a turn, ask for the next one."""
    mill = get_mill()
    within = Slice(TURN)
    for claims in take(mill, RECONSTRUCT, None, limit=PORTION, within=within):
        with attempt(mill, claims):
            claimed_ids = [claim.subject_id for claim in claims]
            with phase("rebuild"):
                rebuilt = rebuild_stored(mill.database, claimed_ids, mill.lenses, mill.leaves_out)
            with phase("store"), mill.database.begin() as session:
                ours = work.finish(session, claims)
                analyses.save(session, [each for each in rebuilt if each.completion_id in ours])
            count(rebuilt=len(rebuilt))
    if within.is_over:
        send(mill.settings, {RECONSTRUCT: completion_ids})
