"""Sources: what is polled, when it is due, and where the last poll stopped.

Knows nothing about how a source is read; `cursor` and `settings` are ingest's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.errors import PermanentError
from schemas.tables import Source
from store.clean import clean_json, clean_text
from store.statements import execute
from store.work import enqueue


@dataclass(frozen=True)
class StoredSource:
    """One source as a poll needs it."""

    source_id: int
    kind: str
    location: str
    name: str
    settings: dict[str, Any]
    cursor: dict[str, Any]
    last_polled_at: datetime | None
    failures: int
    last_error: str | None


def upsert(
    session: Session,
    *,
    kind: str,
    location: str,
    name: str | None = None,
    interval: timedelta | None = None,
    settings: dict[str, Any] | None = None,
) -> int:
    """Add a source, or give a known one (by kind and location) its new settings; returns its id.

    With an `interval` it is polled again and again, for the first time at the next tick.
    Without one it is read when somebody asks for it.
    """
    given = {
        "name": name or location,
        "interval": interval,
        "settings": clean_json(settings or {}),
        "next_due_at": None if interval is None else func.now(),
    }
    statement = (
        insert(Source)
        .values(kind=kind, location=location, **given)
        .on_conflict_do_update(index_elements=["kind", "location"], set_=given)
        .returning(Source.id)
    )
    return session.execute(statement).scalar_one()


_CLAIM_DUE = """
WITH due AS (
    SELECT id FROM source
    WHERE NOT paused AND next_due_at <= now()
    ORDER BY next_due_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE source
SET next_due_at = now() + source.interval
FROM due
WHERE source.id = due.id
RETURNING source.id
"""


_FORGET_FAILED = """
DELETE FROM work
WHERE stage = 'ingest' AND subject_id = ANY(:source_ids) AND state = 'dead'
    AND traceback IS NOT NULL
"""


def enqueue_due(session: Session, *, limit: int = 100) -> list[int]:
    """Make ingest work of the sources that are due, and set when each is due again.

    Both in one transaction: two ticks at once, or none for an hour, poll each source once. A
    poll that was given up gets its next chance here, or a feed that was away for a minute would
    be silent for good; one that killed its workers (it has no traceback) stays dead until a
    person has looked. Returns the ids for which a message is to be sent after the commit.
    """
    source_ids = list(execute(session, _CLAIM_DUE, limit=limit).scalars())
    execute(session, _FORGET_FAILED, source_ids=source_ids)
    enqueue(session, "ingest", source_ids)
    return source_ids


def load(session: Session, source_id: int) -> StoredSource:
    """Read one source; PermanentError when it is gone."""
    source = session.get(Source, source_id)
    if source is None:
        raise PermanentError("the source does not exist any more", source_id=source_id)
    return StoredSource(
        source_id=source.id,
        kind=source.kind,
        location=source.location,
        name=source.name,
        settings=source.settings,
        cursor=source.cursor,
        last_polled_at=source.last_polled_at,
        failures=source.failures,
        last_error=source.last_error,
    )


def save_cursor(session: Session, source_id: int, cursor: dict[str, Any]) -> None:
    """Remember how far a source is read, in the transaction that stores what was read."""
    _update(session, source_id, cursor=clean_json(cursor))


def record_success(session: Session, source_id: int) -> None:
    """Note a poll that went well, whether it found anything new or not."""
    _update(
        session,
        source_id,
        last_polled_at=func.now(),
        last_success_at=func.now(),
        failures=0,
        last_error=None,
    )


def record_failure(session: Session, source_id: int, error: str) -> None:
    """Note a poll that failed; when it is due again does not change."""
    _update(
        session,
        source_id,
        last_polled_at=func.now(),
        failures=Source.failures + 1,
        last_error=clean_text(error),
    )


def _update(session: Session, source_id: int, **changes: Any) -> None:
    session.execute(update(Source).where(Source.id == source_id).values(**changes))


_PROGRESS = """
SELECT source.id, coalesce(CAST(source.cursor ->> 'position' AS bigint), 0),
    (SELECT count(*) FROM article WHERE article.source_id = source.id)
FROM source
WHERE source.id = ANY(:source_ids)
"""


def read_progress(session: Session, source_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Read how far sources are: the position that was reached, and the articles that are stored."""
    rows = execute(session, _PROGRESS, source_ids=list(source_ids))
    return {source_id: (position, articles) for source_id, position, articles in rows}
