"""The task of the queue `ingest`: poll one source, keep what is new, send it to the prefilter."""

from __future__ import annotations

from store import sources, work
from store.work import Claim
from workers.app import app
from workers.attempts import attempt, give_back, take
from workers.journal import count
from workers.mill import Mill, get_mill
from workers.polling import Reading, close_source, open_source, store_batch
from workers.queues import INGEST, TASKS
from workers.sending import send
from workers.slices import Slice
from workers.visits import let_go, name_host


@app.task(name=TASKS[INGEST])
def poll_source(source_id: int) -> None:
    """Read what is new in a source, batch by batch, each stored with the place it reached."""
    mill = get_mill()
    claims = next(take(mill, INGEST, [source_id], limit=1), [])
    with attempt(mill, claims, on_failure=sources.record_failure):
        if claims:
            poll(mill, source_id, claims)


def poll(mill: Mill, source_id: int, claims: list[Claim]) -> None:
    """Poll one claimed source, unless its host is in use; then its turn comes later."""
    source, wait = open_source(mill, source_id)
    if wait is not None:
        with mill.database.begin() as session:
            work.release(session, claims, delay=wait)
        count(postponed=1)
        return
    reading, new_items, is_over = Reading(mill, source), 0, False
    within = Slice(mill.settings.queue.task_time_limit / 2)
    try:
        for batch in reading.batches():
            new_items += store_batch(mill, source, batch, claims)
            if is_over := within.is_over:
                break
        else:
            close_source(mill, source, reading, new_items, claims)
    except BaseException:
        let_go(mill, name_host(source.location))
        raise
    if is_over:
        # The next message goes on from where this one has stopped.
        give_back(mill, claims)
        let_go(mill, name_host(source.location))
        send(mill.settings, {INGEST: [source_id]})
