"""The task of the queue `ingest`: poll one source, keep what is new, send it to the prefilter."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import cast

import structlog

from ingest.batches import Batch, SourceState
from ingest.reading_sources import read_source
from ingest.sources import SourceKind, SourceSpec
from store import articles, sources, work
from store.sources import StoredSource
from store.work import Claim
from workers.app import app
from workers.attempts import attempt, give_back, take
from workers.journal import count, phase
from workers.mill import Mill, get_mill
from workers.queues import INGEST, PREFILTER, TASKS
from workers.sending import send
from workers.shutdown import stop_sign

log = structlog.get_logger(__name__)


@app.task(name=TASKS[INGEST])
def poll_source(source_id: int) -> None:
    """Read what is new in a source, batch by batch, each stored with the place it reached."""
    mill = get_mill()
    for claims in take(mill, INGEST, [source_id], limit=1):
        with attempt(mill, claims, on_failure=sources.record_failure):
            poll(mill, source_id, claims)


def poll(mill: Mill, source_id: int, claims: list[Claim]) -> None:
    """Poll one claimed source; a stop between two batches gives the claim back."""
    with mill.database.begin() as session:
        source = sources.load(session, source_id)
    with phase("fetch"):
        outcome = read_source(
            SourceSpec(cast(SourceKind, source.kind), source.location),
            SourceState(**source.cursor),
            now=datetime.now(UTC),
            client=mill.http,
            batch_drafts=mill.settings.ingest.batch,
        )
    for batch in outcome.batches:
        _store_batch(mill, source, batch, claims)
        if stop_sign.is_raised:
            give_back(mill, claims)
            return
    with mill.database.begin() as session:
        sources.record_success(session, source_id)
        work.finish(session, claims)


def _store_batch(mill: Mill, source: StoredSource, batch: Batch, claims: list[Claim]) -> None:
    """Store a batch and how far it reaches in one transaction, then tell the prefilter."""
    for item in batch.refused:
        log.warning(
            "item_refused", source_id=source.source_id, where=item.where, reason=item.reason
        )
    with phase("store"), mill.database.begin() as session:
        article_ids = articles.insert_new(session, source.source_id, batch.drafts)
        sources.save_cursor(session, source.source_id, asdict(batch.state))
        work.extend(session, claims, mill.settings.queue.lease)
    count(new=len(article_ids), known=len(batch.drafts) - len(article_ids))
    count(refused=len(batch.refused))
    send(mill.settings, {PREFILTER: article_ids})
