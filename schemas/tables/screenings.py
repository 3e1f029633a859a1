"""Screenings: what the prefilter decided about an article."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, text as sql
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import ArticleId, Base, Now


class Screening(Base):
    """The prefilter's decision on one article for one lens."""

    __tablename__ = "screening"
    __table_args__ = (
        PrimaryKeyConstraint("article_id", "lens", "lens_version"),
        CheckConstraint("decision IN ('keep', 'drop')", name="decision"),
        Index(None, "created_at", postgresql_using="brin"),
    )

    article_id: Mapped[ArticleId]
    lens: Mapped[str]
    lens_version: Mapped[int]
    decision: Mapped[str]
    rule_id: Mapped[str | None]
    """The rule that decided; null where none matched and the lens's default did."""
    span_start: Mapped[int | None]
    """Where the match begins in what the rules were shown, in characters."""
    span_end: Mapped[int | None]
    matched: Mapped[str | None]
    """The text of the span."""
    audit: Mapped[bool] = mapped_column(server_default=sql("false"))
    """Dropped, but drawn by chance to go on, so that the rules' misses can be seen."""
    created_at: Mapped[Now]
