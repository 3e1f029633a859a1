"""Sources: what is polled, when it is due, and where the last poll stopped.

Knows nothing about how a source is read; `cursor` and `settings` are ingest's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.errors import PermanentError
from schemas.tables import Article, Source
from store.clean import clean_json, clean_text
from store.statements import execute
from store.work import enqueue

OUT = ("removed", "retired")
"""States of sources that are polled no more."""


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
    interval: timedelta | None
    rhythm: timedelta | None
    state: str
    paused: bool


def upsert(
    session: Session,
    *,
    kind: str,
    location: str,
    name: str | None = None,
    interval: timedelta | None = None,
    settings: dict[str, Any] | None = None,
    folder: str | None = None,
) -> int:
    """Add a source, or give a known one (by kind and location) new settings; returns its id.

    Settings of a known one that are not named stay as they are, and so does an interval that a
    person has fixed, which the setting `adapted: false` says.

    With an `interval` it is polled again and again, for the first time at the next tick.
    Without one it is read when somebody asks for it. One that was removed or retired is back.
    """
    given = {
        "interval": interval,
        "settings": clean_json(settings or {}),
        "next_due_at": None if interval is None else func.now(),
    }
    given |= {"name": clean_text(name)} if name else {}
    given |= {"folder": clean_text(folder)} if folder else {}
    was_out = Source.state.in_(OUT)
    back = {
        "state": case((was_out, "new"), else_=Source.state),
        "paused": Source.paused & ~was_out,
        "failures": case((was_out, 0), else_=Source.failures),
    }
    added = insert(Source).values(kind=kind, location=location, **{"name": location, **given})
    back["settings"] = Source.settings.op("||")(added.excluded.settings)
    if "adapted" not in (settings or {}):
        is_fixed = Source.settings["adapted"].as_boolean().is_(False)
        back["interval"] = case((is_fixed, Source.interval), else_=added.excluded.interval)
    statement = added.on_conflict_do_update(
        index_elements=["kind", "location"], set_={**given, **back}
    ).returning(Source.id)
    return session.execute(statement).scalar_one()


_CLAIM_DUE = """
WITH due AS (
    SELECT id, next_due_at FROM source
    WHERE NOT paused AND next_due_at <= now()
    ORDER BY next_due_at
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE source
    SET next_due_at = now() + coalesce(source.rhythm, source.interval)
    FROM due
    WHERE source.id = due.id
    RETURNING source.id, due.next_due_at
)
SELECT id FROM claimed ORDER BY next_due_at, id
"""

MOST_DUE = 1_000
"""Sources that one tick puts to work: with a tick every 20 s, 15,000 of them every 5 minutes. What
is due beyond that waits for the next tick, which begins with what has been due longest."""

_FORGET_FAILED = """
DELETE FROM work
WHERE stage = 'ingest' AND subject_id = ANY(:source_ids) AND state = 'dead'
    AND traceback IS NOT NULL
"""


def enqueue_due(session: Session, *, limit: int = MOST_DUE) -> list[int]:
    """Make ingest work of the sources that are due, and set when each is due again.

    Both in one transaction: two ticks at once, or none for an hour, poll each source once. A
    poll that was given up gets its next chance here, or a feed that was away for a minute would
    be silent for good; one that killed each of its workers (it has no traceback) stays dead until
    a person has looked. Returns the ids for which a message is to be sent after the commit, those
    that have been due longest first.
    """
    source_ids = list(execute(session, _CLAIM_DUE, limit=limit).scalars())
    execute(session, _FORGET_FAILED, source_ids=source_ids)
    enqueue(session, "ingest", source_ids)
    return source_ids


def load(session: Session, source_id: int) -> StoredSource:
    """Read one source; PermanentError when it is gone."""
    found = load_all(session, [source_id])
    if not found:
        raise PermanentError("the source does not exist any more", source_id=source_id)
    return found[0]


def load_of_article(session: Session, article_id: int) -> StoredSource | None:
    """Read the source of an article; None when they are gone."""
    source_ids = session.scalars(select(Article.source_id).where(Article.id == article_id)).all()
    return next(iter(load_all(session, source_ids)), None)


def load_all(session: Session, source_ids: Sequence[int]) -> list[StoredSource]:
    """Read sources, in the order of their ids; those that are gone are left out."""
    query = select(Source).where(Source.id.in_(source_ids)).order_by(Source.id)
    return [
        StoredSource(
            source_id=source.id,
            kind=source.kind,
            location=source.location,
            name=source.name,
            settings=source.settings,
            cursor=source.cursor,
            last_polled_at=source.last_polled_at,
            failures=source.failures,
            last_error=source.last_error,
            interval=source.interval,
            rhythm=source.rhythm,
            state=source.state,
            paused=source.paused,
        )
        for source in session.execute(query).scalars()
    ]


def save_cursor(session: Session, source_id: int, cursor: dict[str, Any]) -> bool:
    """Remember how far a source is read, in the transaction that stores what was read.

    False: it was removed, and is to be read no further. Until the end, it is not removed.
    """
    return _update(session, source_id, cursor=clean_json(cursor))


def record_success(
    session: Session,
    source_id: int,
    *,
    next_in: timedelta | None = None,
    rhythm: timedelta | None = None,
    has_news: bool = False,
    notes: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """Note a poll that went well, whether it found anything new or not.

    next_in: until the next one; None leaves that as it is. notes: None keeps those of the poll
    before. title: what the source calls itself, for one that nobody has named.
    """
    changes: dict[str, Any] = {"last_success_at": func.now(), "failures": 0, "last_error": None}
    changes |= {"state": "healthy", "rhythm": rhythm, "last_polled_at": func.now()}
    if next_in is not None:
        changes["next_due_at"] = func.now() + next_in
    if has_news:
        changes["last_item_at"] = func.now()
    if notes is not None:
        changes["notes"] = clean_json(list(notes))
    if title:
        is_unnamed = Source.name == Source.location
        changes["name"] = case((is_unnamed, clean_text(title)), else_=Source.name)
    _update(session, source_id, **changes)


_UNCHANGED = """
UPDATE source
SET last_polled_at = now(), last_success_at = now(), failures = 0, last_error = NULL,
    state = 'healthy', rhythm = given.rhythm,
    next_due_at = coalesce(now() + given.next_in, source.next_due_at)
FROM unnest(
    CAST(:source_ids AS bigint[]), CAST(:next_ins AS interval[]), CAST(:rhythms AS interval[])
) AS given (source_id, next_in, rhythm)
WHERE source.id = given.source_id AND source.state <> 'removed'
"""


@dataclass(frozen=True)
class Unchanged:
    """A poll that went well and found nothing: see `record_success`."""

    source_id: int
    next_in: timedelta | None
    rhythm: timedelta | None


def record_unchanged(session: Session, polls: Sequence[Unchanged]) -> None:
    """Note polls that found nothing, all in one statement: most polls do."""
    if polls:
        execute(
            session,
            _UNCHANGED,
            source_ids=[poll.source_id for poll in polls],
            next_ins=[poll.next_in for poll in polls],
            rhythms=[poll.rhythm for poll in polls],
        )


def record_failure(
    session: Session, source_id: int, error: str, *, next_in: timedelta | None = None
) -> None:
    """Note a poll that failed; without `next_in`, when it is due again does not change."""
    changes: dict[str, Any] = {"last_polled_at": func.now(), "last_error": clean_text(error)}
    changes |= {"state": "failing", "failures": Source.failures + 1}
    if next_in is not None:
        changes["next_due_at"] = func.now() + next_in
    _update(session, source_id, **changes)


def retire(session: Session, source_id: int, reason: str) -> None:
    """Poll a source no more: it is gone for good. A person can bring it back."""
    _update(
        session,
        source_id,
        state="retired",
        paused=True,
        next_due_at=None,
        last_polled_at=func.now(),
        last_error=clean_text(reason),
    )


def move(session: Session, source_id: int, location: str) -> int | None:
    """Give a source the address to which it has moved for good.

    Returns None, or the id of the source that already has that address; then nothing changes.
    """
    location = clean_text(location)
    mine = select(Source.kind).where(Source.id == source_id).scalar_subquery()
    taken = select(Source.id).where(Source.kind == mine, Source.location == location)
    other = session.execute(taken.where(Source.id != source_id)).scalar_one_or_none()
    if other is None:
        is_unnamed = Source.name == Source.location
        name = case((is_unnamed, location), else_=Source.name)
        _update(session, source_id, location=location, name=name)
    return other


def find(session: Session, typed: str) -> list[int]:
    """Find sources by id, location or name; by the first of these that fits any."""
    fitting = [Source.location == typed, Source.name == typed]
    if typed.isascii() and typed.isdigit() and len(typed) < 19:
        fitting.insert(0, Source.id == int(typed))
    for condition in fitting:
        query = select(Source.id).where(condition, Source.state != "removed")
        if found := list(session.execute(query).scalars()):
            return found
    return []


def pause(session: Session, source_ids: Sequence[int]) -> None:
    """Poll sources no more until they are resumed."""
    session.execute(update(Source).where(Source.id.in_(source_ids)).values(paused=True))


def resume(session: Session, source_ids: Sequence[int]) -> None:
    """Poll sources again, at the next tick: those that were paused, retired or failing."""
    due = case((Source.interval.is_not(None), func.now()), else_=None)
    state = case((Source.state.in_(("retired", "failing")), "new"), else_=Source.state)
    changes = {"paused": False, "failures": 0, "next_due_at": due, "state": state}
    session.execute(update(Source).where(Source.id.in_(source_ids)).values(**changes))


_DELETE_WORK = "DELETE FROM work WHERE stage = 'ingest' AND subject_id = ANY(:source_ids)"

_DELETE = """
DELETE FROM source
WHERE id = ANY(:source_ids) AND NOT EXISTS (SELECT FROM article WHERE source_id = source.id)
"""


def remove(session: Session, source_ids: Sequence[int]) -> None:
    """Forget sources and their waiting polls; a source of articles stays, unseen, for them."""
    given = list(source_ids)
    # First, as all do who write to both: sources before their work. A poll that stores its first
    # articles at this moment is waited for, and then seen.
    locked = select(Source.id).where(Source.id.in_(given)).order_by(Source.id)
    session.execute(locked.with_for_update())
    execute(session, _DELETE_WORK, source_ids=given)
    execute(session, _DELETE, source_ids=given)
    changes = {"state": "removed", "paused": True, "next_due_at": None}
    session.execute(update(Source).where(Source.id.in_(given)).values(**changes))


def _update(session: Session, source_id: int, **changes: Any) -> bool:
    """Note what came of a poll; a source that was removed in the meantime stays as it is."""
    one = (Source.id == source_id, Source.state != "removed")
    statement = update(Source).where(*one).values(**changes).returning(Source.id)
    return session.execute(statement).scalar_one_or_none() is not None


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
