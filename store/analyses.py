"""Analyses: the validated rows, one per article and lens version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from schemas import tables
from schemas.analyses import Analysis
from store.clean import clean_optional, to_json
from store.statements import execute


@dataclass(frozen=True)
class Rebuilt:
    """An analysis, the article it is of, and the completion it was rebuilt from."""

    article_id: int
    completion_id: int | None
    """None where the values came from a label."""
    analysis: Analysis
    read_at: datetime | None = None
    """The completion's time; with it, the analysis gives way to that of a later completion."""


_SAVE = """
INSERT INTO analysis (article_id, lens, lens_version, completion_id, status, reason,
                      values, confidences, notes, score, tier, effort, postponed)
SELECT article_id, lens, lens_version, completion_id, status, reason,
       CAST(given.values AS jsonb), CAST(confidences AS jsonb), CAST(notes AS jsonb), score, tier,
       effort, ARRAY(SELECT jsonb_array_elements_text(CAST(postponed AS jsonb)))
FROM unnest(
    CAST(:article_ids AS bigint[]), CAST(:lenses AS text[]), CAST(:lens_versions AS int[]),
    CAST(:completion_ids AS bigint[]), CAST(:statuses AS text[]), CAST(:reasons AS text[]),
    CAST(:values AS text[]), CAST(:confidences AS text[]), CAST(:notes AS text[]),
    CAST(:scores AS float[]), CAST(:tiers AS text[]), CAST(:efforts AS text[]),
    CAST(:postponed AS text[]), CAST(:read_ats AS timestamptz[])
) AS given (article_id, lens, lens_version, completion_id, status, reason, values, confidences,
            notes, score, tier, effort, postponed, read_at)
WHERE NOT EXISTS (
    SELECT FROM completion AS later
    WHERE (later.article_id, later.lens) = (given.article_id, given.lens)
        AND (later.created_at, later.id) > (given.read_at, given.completion_id)
)
ON CONFLICT (article_id, lens, lens_version) DO UPDATE
SET completion_id = excluded.completion_id, status = excluded.status, reason = excluded.reason,
    values = excluded.values, confidences = excluded.confidences, notes = excluded.notes,
    score = excluded.score, tier = excluded.tier, effort = excluded.effort,
    postponed = excluded.postponed, updated_at = now()
"""


def save(session: Session, rebuilt: Iterable[Rebuilt]) -> None:
    """Store analyses in one statement; each replaces what was there for its lens version.

    One whose article has been read again through the same lens since its completion is passed
    over: rebuilding all of history takes long, and must not bring back what was read before.
    """
    by_key = {
        (each.article_id, each.analysis.lens, each.analysis.lens_version): each
        for each in sorted(rebuilt, key=_age)
    }
    if not by_key:
        return
    keys = sorted(by_key)
    rows = [by_key[key].analysis for key in keys]
    execute(
        session,
        _SAVE,
        article_ids=[article_id for article_id, _, _ in keys],
        lenses=[row.lens for row in rows],
        lens_versions=[row.lens_version for row in rows],
        completion_ids=[by_key[key].completion_id for key in keys],
        statuses=[row.status for row in rows],
        reasons=[clean_optional(row.reason) for row in rows],
        values=[to_json(row.values) for row in rows],
        confidences=[to_json(row.confidences) for row in rows],
        notes=[to_json(row.notes) for row in rows],
        scores=[row.score for row in rows],
        tiers=[row.tier for row in rows],
        efforts=[row.effort for row in rows],
        postponed=[to_json(row.postponed) for row in rows],
        read_ats=[by_key[key].read_at for key in keys],
    )


def _age(rebuilt: Rebuilt) -> tuple[datetime, int]:
    return rebuilt.read_at or datetime.min.replace(tzinfo=UTC), rebuilt.completion_id or 0


@dataclass(frozen=True)
class ShownAnalysis:
    """An analysis with what a person needs to recognise its article."""

    article_id: int
    title: str
    url: str | None
    lens: str
    lens_version: int
    status: str
    reason: str | None
    values: dict[str, Any]
    confidences: dict[str, float]
    notes: dict[str, str]
    score: float | None
    tier: str | None
    build: str | None
    updated_at: datetime
    effort: str = "full"
    """Below `full`, the article is read again, and the values of `postponed` are yet to come."""
    postponed: tuple[str, ...] = ()


def list_latest(
    session: Session, *, lens: str | None = None, limit: int = 100
) -> list[ShownAnalysis]:
    """Read the analyses made last, the very last one first."""
    statement = (
        select(tables.Analysis)
        .options(
            joinedload(tables.Analysis.article).load_only(
                tables.Article.title, tables.Article.url, raiseload=True
            ),
            joinedload(tables.Analysis.completion).load_only(
                tables.Completion.build, raiseload=True
            ),
        )
        .order_by(tables.Analysis.updated_at.desc(), tables.Analysis.id.desc())
        .limit(limit)
    )
    if lens is not None:
        statement = statement.where(tables.Analysis.lens == lens)
    return [_show(row) for row in session.scalars(statement)]


def _show(row: tables.Analysis) -> ShownAnalysis:
    return ShownAnalysis(
        article_id=row.article_id,
        title=row.article.title,
        url=row.article.url,
        lens=row.lens,
        lens_version=row.lens_version,
        status=row.status,
        reason=row.reason,
        values=row.values,
        confidences=row.confidences,
        notes=row.notes,
        score=row.score,
        tier=row.tier,
        build=None if row.completion is None else row.completion.build,
        updated_at=row.updated_at,
        effort=row.effort,
        postponed=tuple(row.postponed),
    )
