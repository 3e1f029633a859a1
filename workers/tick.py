"""The task of the queue `tick`: what is due is put to work, what is stuck is sent again.

Beat only ticks; what is due is claimed from Postgres. So two beats, a doubled tick or an hour
without any do no harm.
"""

from __future__ import annotations

from store import hosts, signatures, sources
from store.sweep import sweep as sweep_work
from workers.app import app
from workers.journal import count, phase
from workers.mill import get_mill
from workers.queues import INGEST, TASKS, TICK, WORK
from workers.sending import send


@app.task(name=TASKS[TICK])
def sweep() -> None:
    """Enqueue due sources, end expired leases, send what waits, thin out old signatures."""
    mill = get_mill()
    queue = mill.settings.queue
    with phase("sweep"), mill.database.begin() as session:
        due = sources.enqueue_due(session)
        hosts.forget_idle(session)
    with phase("sweep"), mill.database.begin() as session:
        swept = sweep_work(
            session,
            stages=WORK,
            max_attempts=queue.max_attempts,
            resend_after=queue.resend_after,
        )
    with phase("thin"), mill.database.begin() as session:
        signatures.thin(session, mill.settings.ingest.story_window)
    count(due=len(due), rescued=swept.rescued, buried=swept.buried)
    with phase("send"):
        send(mill.settings, {INGEST: due})
        send(mill.settings, swept.to_send)
