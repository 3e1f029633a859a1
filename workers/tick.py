"""The task of the queue `tick`: what is due is put to work, what is stuck is sent again.

Beat only ticks; what is due is claimed from Postgres. So two beats, a doubled tick or an hour
without any do no harm.
"""

from __future__ import annotations

from store import articles, hosts, pages, signatures, sources
from store.sweep import sweep as sweep_work
from workers.app import app
from workers.journal import count, phase
from workers.mill import Mill, get_mill
from workers.queues import INGEST, PREFILTER, TASKS, TICK
from workers.sending import list_roomy, send


@app.task(name=TASKS[TICK])
def sweep() -> None:
    """Enqueue due sources, end expired leases, send what waits, thin out old signatures.

    An article goes on without the page that was given up for it. To a queue that nobody reads
    nothing is added; what waits for it is sent once there is room.
    """
    mill = get_mill()
    queue = mill.settings.queue
    roomy = list_roomy()
    with phase("sweep"), mill.database.begin() as session:
        due = sources.enqueue_due(session)
        hosts.forget_idle(session)
    with phase("sweep"), mill.database.begin() as session:
        swept = sweep_work(
            session,
            stages=roomy,
            max_attempts=queue.max_attempts,
            resend_after=queue.resend_after,
        )
    passed_on = _pass_on_dead_pages(mill)
    with phase("thin"), mill.database.begin() as session:
        signatures.thin(session, mill.settings.ingest.story_window)
    count(due=len(due), rescued=swept.rescued, buried=swept.buried)
    with phase("send"):
        # First what waits already: if there is more than can be done, all of it has its turn.
        send(mill.settings, swept.to_send)
        send(mill.settings, {INGEST: due, PREFILTER: passed_on})


def _pass_on_dead_pages(mill: Mill) -> list[int]:
    """Let articles go on whose page killed its worker, or met a fault of ours."""
    with phase("sweep"), mill.database.begin() as session:
        if not pages.has_dead(session):
            return []
        # Before any row is written: whoever has this turn may write to the same articles.
        articles.lock_inserts(session)
        return pages.pass_on_dead(session)
