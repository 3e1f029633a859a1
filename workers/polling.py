"""One poll of one source: read it, store what is new, note how it went.

What is wrong with a source is a fact about the source, noted in its row with the time of the next
try; only a source that is read once, when somebody asks, becomes a dead letter for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

import structlog
from sqlalchemy.orm import Session

from ingest.batches import Batch, Refused, SourceState
from ingest.languages import state_language
from ingest.reading_sources import FeedFacts, read_source
from ingest.revisions import Plan, sort_drafts
from ingest.scheduling import (
    NextPoll,
    Pace,
    Yield,
    decide_after_failure,
    decide_after_success,
)
from ingest.sources import SourceKind, SourceSpec
from ingest.teasers import is_teaser
from schemas.errors import PermanentError, TransientError
from store import articles, pages, revisions, sources, work
from store.sources import StoredSource, Unchanged
from store.work import Claim
from workers.clustering import is_compared, place_in_stories, sign_drafts
from workers.journal import count, phase
from workers.mill import Mill
from workers.queues import PAGE, PREFILTER
from workers.sending import send
from workers.slices import Slice

log = structlog.get_logger(__name__)

MAX_NOTES = 20
"""Of one poll, kept with its source."""


class Reading:
    """A source being read. Its errors are kept apart from those of the database."""

    def __init__(self, mill: Mill, source: StoredSource) -> None:
        self._mill = mill
        self._source = source
        self.now = mill.clock()
        self.facts = FeedFacts()
        self.notes: list[str] | None = None
        """None: it was unchanged."""
        self.error: TransientError | PermanentError | None = None

    def batches(self) -> Iterator[Batch]:
        """Give the batches as they are read, until the end or the source's error."""
        self._mill.tape.begin_poll(self._source, self.now)
        try:
            with phase("fetch"):
                location = self._mill.locate(self._source.location)
                outcome = read_source(
                    SourceSpec(cast(SourceKind, self._source.kind), location),
                    SourceState(**self._source.cursor),
                    now=self.now,
                    client=self._mill.http,
                    mail=self._mill.mail,
                    parse=self._mill.feed_parser,
                    batch_drafts=self._mill.settings.ingest.batch,
                    split_newsletters=self._mill.settings.ingest.split_newsletters,
                )
            self.facts = outcome.facts
            if outcome.is_modified:
                self.notes = []
            for batch in outcome.batches:
                self._note(batch)
                yield batch
        except (TransientError, PermanentError) as error:
            self.error = error

    def _note(self, batch: Batch) -> None:
        if self.notes is not None:
            self.notes += batch.notes
            self.notes += [f"{item.where} was refused: {item.reason}" for item in batch.refused]
            del self.notes[MAX_NOTES:]


@dataclass(frozen=True)
class Poll:
    """A source that was read, and is to be noted."""

    source: StoredSource
    claim: Claim
    reading: Reading
    new_items: int
    is_partial: bool = False
    """Its time was up, or its source is gone: the next message goes on where this one stopped."""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to note but the time of the next poll."""
        reading = self.reading
        return not (reading.error or reading.facts.moved_to) and reading.notes is None


def read_and_store(mill: Mill, source: StoredSource, claim: Claim) -> Poll:
    """Read a source and store what is new in it, batch by batch.

    Raises the error of a source that is read once: nobody will come back to it.
    """
    within = Slice(mill.settings.queue.task_time_limit / 2)
    reading, new_items = Reading(mill, source), 0
    for batch in reading.batches():
        stored = store_batch(mill, source, batch, claim)
        new_items += stored or 0
        if stored is None or within.is_over:
            return Poll(source, claim, reading, new_items, is_partial=True)
    if reading.error and source.interval is None:
        raise reading.error
    return Poll(source, claim, reading, new_items)


def note_polls(mill: Mill, session: Session, polls: Sequence[Poll]) -> None:
    """Note how polls went and when the next ones are due."""
    plain = []
    for poll in polls:
        if poll.is_plain:
            decision = _decide(mill, poll)
            next_in = None if poll.source.interval is None else decision.delay
            plain.append(Unchanged(poll.source.source_id, next_in, decision.rhythm))
        elif poll.reading.error:
            _note_failure(mill, session, poll, poll.reading.error)
        else:
            _note_success(mill, session, poll)
    sources.record_unchanged(session, plain)


def store_batch(mill: Mill, source: StoredSource, batch: Batch, claim: Claim) -> int | None:
    """Store a batch and how far it reaches in one transaction, then tell the prefilter.

    An edited entry of a feed changes its article, which is then read anew. Both come into their
    stories. Returns how many articles are new; None if the source was removed meanwhile: then
    nothing is stored.
    """
    ingest = mill.settings.ingest
    with phase("sign"):
        drafts = [state_language(draft) for draft in batch.drafts]
        signed = sign_drafts(drafts) if is_compared(source, ingest) else {}
    with phase("store"), mill.database.begin() as session:
        if not sources.save_cursor(session, source.source_id, asdict(batch.state)):
            return None
        work.extend(session, [claim], mill.settings.queue.lease)
        plan, edited_ids = Plan(new=drafts), []
        if source.kind == "feed":
            versions = revisions.find_versions(session, source.source_id, drafts)
            plan = sort_drafts(drafts, versions)
            edited_ids = revisions.revise(session, plan.edits)
            work.enqueue(session, PREFILTER, edited_ids, again=True)
        new_ids = articles.insert_new(session, source.source_id, plan.new)
        window = ingest.story_window
        told = place_in_stories(session, new_ids, signed, window, edited_ids=edited_ids)
        paged_ids = pages.hold(session, new_ids, edited_ids, find_teasers(mill, source, batch))
    known = len(drafts) - len(new_ids) - len(edited_ids)
    count(new=len(new_ids), known=known, refused=len(batch.refused), told_again=told)
    if edited_ids:
        count(edited=len(edited_ids))
    (mill.on_refused or _log_refused)(source.source_id, batch.refused)
    waiting_ids = set(paged_ids)
    ready_ids = [each for each in (*new_ids, *edited_ids) if each not in waiting_ids]
    send(mill.settings, {PAGE: paged_ids, PREFILTER: ready_ids})
    return len(new_ids)


def _log_refused(source_id: int, refused: Sequence[Refused]) -> None:
    for item in refused:
        log.warning("item_refused", source_id=source_id, where=item.where, reason=item.reason)


def find_teasers(mill: Mill, source: StoredSource, batch: Batch) -> list[str]:
    """Give the content keys of the entries whose page is to be read."""
    is_wanted = mill.settings.ingest.full_text and source.settings.get("full_text", True)
    if source.kind != "feed" or not is_wanted:
        return []
    return [draft.content_key for draft in batch.drafts if is_teaser(draft.text, draft.url)]


def _decide(mill: Mill, poll: Poll) -> NextPoll:
    now, facts = poll.reading.now, poll.reading.facts
    found = Yield(poll.new_items, facts.dates, facts.wish)
    seed = _seed(poll.source, now)
    return decide_after_success(_pace(mill, poll.source), found, now=now, seed=seed)


def _note_success(mill: Mill, session: Session, poll: Poll) -> None:
    source, facts, decision = poll.source, poll.reading.facts, _decide(mill, poll)
    sources.record_success(
        session,
        source.source_id,
        next_in=None if source.interval is None else decision.delay,
        rhythm=decision.rhythm,
        has_news=poll.new_items > 0,
        notes=poll.reading.notes,
        title=facts.title,
    )
    if facts.moved_to:
        other_id = sources.move(session, source.source_id, facts.moved_to)
        if other_id is not None:
            reason = f"it has moved to {facts.moved_to}, which is source {other_id}"
            sources.retire(session, source.source_id, reason)
        log.info("source_moved", source_id=source.source_id, other_id=other_id)


def _note_failure(
    mill: Mill, session: Session, poll: Poll, error: TransientError | PermanentError
) -> None:
    source = poll.source
    seed = _seed(source, poll.reading.now)
    # A long mailbox on a line that breaks now and then gets on with every poll.
    failures = 1 if poll.new_items else source.failures + 1
    decision = decide_after_failure(_pace(mill, source), error, failures, seed=seed)
    reason = error.message.removeprefix(f"{source.location}: ")
    log.warning("poll_failed", source_id=source.source_id, reason=reason)
    if decision.delay is None:
        sources.retire(session, source.source_id, reason)
    else:
        sources.record_failure(session, source.source_id, reason, next_in=decision.delay)


def _pace(mill: Mill, source: StoredSource) -> Pace:
    ingest = mill.settings.ingest
    return Pace(
        interval=source.interval or ingest.poll_every,
        floor=ingest.poll_floor,
        ceiling=ingest.poll_ceiling,
        rhythm=source.rhythm,
        is_adapted=source.kind == "feed" and source.settings.get("adapted", True),
    )


def _seed(source: StoredSource, now: datetime) -> str:
    return f"{source.source_id}:{now.isoformat()}"
