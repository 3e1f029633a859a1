"""The task of the queue `ingest`: poll one source, keep what is new, send it to the prefilter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import cast

import structlog

from ingest.batches import Batch, Refused, SourceState
from ingest.languages import state_language
from ingest.reading_sources import read_source
from ingest.sources import SourceKind, SourceSpec
from store import articles, sources, work
from store.sources import StoredSource
from store.work import Claim
from workers.app import app
from workers.attempts import attempt, give_back, take
from workers.clustering import place_in_stories, sign_drafts
from workers.journal import count, phase
from workers.mill import Mill, get_mill
from workers.queues import INGEST, PREFILTER, TASKS
from workers.sending import send
from workers.slices import Slice

log = structlog.get_logger(__name__)


@app.task(name=TASKS[INGEST])
def poll_source(source_id: int) -> None:
    """Read what is new in a source, batch by batch, each stored with the place it reached."""
    mill = get_mill()
    claims = next(take(mill, INGEST, [source_id], limit=1), [])
    with attempt(mill, claims, on_failure=sources.record_failure):
        if claims:
            poll(mill, source_id, claims)


def poll(mill: Mill, source_id: int, claims: list[Claim]) -> None:
    """Poll one claimed source; when its time is up, the next message goes on from there."""
    within = Slice(mill.settings.queue.task_time_limit / 2)
    with mill.database.begin() as session:
        source = sources.load(session, source_id)
    for batch in _read(mill, source):
        _store_batch(mill, source, batch, claims)
        if within.is_over:
            give_back(mill, claims)
            send(mill.settings, {INGEST: [source_id]})
            return
    with mill.database.begin() as session:
        sources.record_success(session, source_id)
        work.finish(session, claims)


def _read(mill: Mill, source: StoredSource) -> Iterator[Batch]:
    with phase("fetch"):
        outcome = read_source(
            SourceSpec(cast(SourceKind, source.kind), source.location),
            SourceState(**source.cursor),
            now=datetime.now(UTC),
            client=mill.http,
            batch_drafts=mill.settings.ingest.batch,
        )
    return outcome.batches


def _store_batch(mill: Mill, source: StoredSource, batch: Batch, claims: list[Claim]) -> None:
    """Store a batch and how far it reaches in one transaction, then tell the prefilter."""
    source_id, ingest = source.source_id, mill.settings.ingest
    for note in batch.notes:
        log.info("source_note", source_id=source_id, note=note)
    with phase("sign"):
        drafts = [state_language(draft) for draft in batch.drafts]
        signed = sign_drafts(drafts) if ingest.stories and has_stories(source) else {}
    with phase("store"), mill.database.begin() as session:
        article_ids = articles.insert_new(session, source_id, drafts)
        told = place_in_stories(session, article_ids, signed, ingest.story_window)
        sources.save_cursor(session, source_id, asdict(batch.state))
        work.extend(session, claims, mill.settings.queue.lease)
    count(new=len(article_ids), known=len(batch.drafts) - len(article_ids))
    count(refused=len(batch.refused), told_again=told)
    (mill.on_refused or _log_refused)(source_id, batch.refused)
    send(mill.settings, {PREFILTER: article_ids})


def _log_refused(source_id: int, refused: Sequence[Refused]) -> None:
    for item in refused:
        log.warning("item_refused", source_id=source_id, where=item.where, reason=item.reason)


def has_stories(source: StoredSource) -> bool:
    """Whether a source's articles are compared with others; its settings may say no."""
    return bool(source.settings.get("stories", True))
