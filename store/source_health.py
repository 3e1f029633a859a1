"""How sources do: their state, and what came of them. Reads only; judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.tables import Source
from store.statements import execute

WINDOW = timedelta(days=7)
"""Over which articles are counted."""


@dataclass(frozen=True)
class SourceHealth:
    """One source as it stands."""

    source_id: int
    kind: str
    location: str
    name: str
    folder: str | None
    state: str
    paused: bool
    interval: timedelta | None
    rhythm: timedelta | None
    next_due_at: datetime | None
    last_polled_at: datetime | None
    last_success_at: datetime | None
    last_item_at: datetime | None
    created_at: datetime
    failures: int
    last_error: str | None
    notes: tuple[str, ...]


def list_sources(session: Session, *, with_removed: bool = False) -> list[SourceHealth]:
    """Read the state of every source, by folder and name."""
    query = select(Source).order_by(Source.folder.nulls_first(), Source.name, Source.id)
    if not with_removed:
        query = query.where(Source.state != "removed")
    return [
        SourceHealth(
            source_id=source.id,
            kind=source.kind,
            location=source.location,
            name=source.name,
            folder=source.folder,
            state=source.state,
            paused=source.paused,
            interval=source.interval,
            rhythm=source.rhythm,
            next_due_at=source.next_due_at,
            last_polled_at=source.last_polled_at,
            last_success_at=source.last_success_at,
            last_item_at=source.last_item_at,
            created_at=source.created_at,
            failures=source.failures,
            last_error=source.last_error,
            notes=tuple(str(note) for note in source.notes),
        )
        for source in session.execute(query).scalars()
    ]


@dataclass(frozen=True)
class Traffic:
    """What came of one source."""

    articles: int = 0
    per_day: float = 0.0
    """Articles a day, over the last week or since the source was added."""
    screened: int = 0
    """Articles of the last week that the rules have looked at."""
    kept: int = 0
    """Of those, the ones that at least one lens kept."""

    @property
    def kept_share(self) -> float | None:
        """Share kept by the prefilter; None where it has seen nothing."""
        return self.kept / self.screened if self.screened else None


_TRAFFIC = """
WITH recent AS (
    SELECT article.id, article.source_id,
        (SELECT bool_or(decision = 'keep') FROM screening WHERE article_id = article.id) AS kept
    FROM article WHERE article.created_at > now() - :window
), counted AS (
    SELECT source_id, count(*) AS arrived, count(kept) AS screened,
        count(*) FILTER (WHERE kept) AS kept
    FROM recent GROUP BY source_id
), total AS (
    SELECT source_id, count(*) AS articles FROM article GROUP BY source_id
)
SELECT source.id, total.articles,
    coalesce(counted.arrived, 0) / greatest(
        1, least(extract(epoch FROM CAST(:window AS interval)),
                 extract(epoch FROM now() - source.created_at)) / 86400),
    coalesce(counted.screened, 0), coalesce(counted.kept, 0)
FROM source
JOIN total ON total.source_id = source.id
LEFT JOIN counted ON counted.source_id = source.id
"""


def count_traffic(session: Session) -> dict[int, Traffic]:
    """Count what came of each source; those without an article are left out."""
    rows = execute(session, _TRAFFIC, window=WINDOW)
    return {
        source_id: Traffic(articles, float(per_day), screened, kept)
        for source_id, articles, per_day, screened, kept in rows
    }
