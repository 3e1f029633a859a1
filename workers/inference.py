"""The task of the queue `inference`: wake up, and read together all that waits.

The ids of a message only say that there is work. What is read is claimed from Postgres, most
urgent first, while sequences of the batch are free.
"""

from __future__ import annotations

from contextlib import closing

from workers.app import app
from workers.mill import get_mill
from workers.queues import INFERENCE, TASKS
from workers.sending import send
from workers.slices import Slice
from workers.stretch import Stretch, gather


@app.task(name=TASKS[INFERENCE])
def analyse(article_ids: list[int]) -> None:
    """Read articles for a slice of time; if more wait then, a new message asks for the next."""
    mill = get_mill()
    within = Slice(mill.settings.inference.slice)
    while not within.is_over:
        analyst = mill.live.take()
        stretch = Stretch(mill, within)
        # The answers end before the attempt does, which may close the analyst.
        with (
            stretch.attempt(),
            closing(
                analyst.analyse(stretch.requests(), stretch.keep_leases, stretch.refuse_request)
            ) as answers,
        ):
            for done in gather(answers):
                stretch.save(done)
                mill.live.pass_trial()
        if stretch.is_empty:
            mill.live.rest()
            return
    send(mill.settings, {INFERENCE: article_ids})
