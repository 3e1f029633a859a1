"""The task of the queue `prefilter`: screen articles for every lens, send on what is kept.

The ids of a message only say that there is work; all that is due is claimed. So a backlog whose
messages were lost or have expired goes as fast as any other.
"""

from __future__ import annotations

from ingest.screening import Decision
from store import articles, screenings, work
from workers.app import app
from workers.attempts import attempt, give_back, take
from workers.journal import count, phase
from workers.mill import get_mill
from workers.queues import AUDIT, INFERENCE, KEPT, PREFILTER, TASKS
from workers.sending import send
from workers.slices import TURN, Slice


@app.task(name=TASKS[PREFILTER])
def screen(article_ids: list[int]) -> None:
    """Screen what waits for it; if more waits at the end of a turn, ask for the next one."""
    mill = get_mill()
    within = Slice(TURN)
    for claims in take(mill, PREFILTER, None, limit=mill.settings.prefilter.batch, within=within):
        with attempt(mill, claims):
            claimed_ids = [claim.subject_id for claim in claims]
            with phase("load"), mill.database.begin() as session:
                found = articles.load(session, claimed_ids, opening=mill.settings.prefilter.chars)
            with phase("screen"):
                decided = [
                    (each.article_id, one) for each in found for one in mill.screener.screen(each)
                ]
            kept = [(article_id, one.lens) for article_id, one in decided if is_kept(one)]
            audits = [(article_id, one.lens) for article_id, one in decided if one.audit]
            # Only what was screened before may wait already, to be read for what it said then.
            edited_ids = {each.article_id for each in found if each.revision > 1}
            edited = {(each_id, one.lens) for each_id, one in decided if each_id in edited_ids}
            with phase("store"), mill.database.begin() as session:
                screenings.save(session, decided)
                # It may wait as back-fill.
                work.renew(session, INFERENCE, kept, priority=KEPT)
                work.renew(session, INFERENCE, audits, priority=AUDIT)
                work.withdraw(session, INFERENCE, edited - {*kept, *audits})
                # Last, as a poll that stores an edit takes the article before its work.
                if is_outdated := work.finish(session, claims) != set(claimed_ids):
                    session.rollback()
            if is_outdated:
                # Some were edited and are another's work now; the rest comes again at once.
                give_back(mill, claims)
                continue
            kept_ids = sorted({article_id for article_id, _ in (*kept, *audits)})
            count(screened=len(found), kept=len(kept_ids))
            send(mill.settings, {INFERENCE: kept_ids})
    if within.is_over:
        send(mill.settings, {PREFILTER: article_ids})


def is_kept(decision: Decision) -> bool:
    """Whether the lens wants the article. An audit of the drops goes on too, but after those."""
    return decision.decision == "keep"
