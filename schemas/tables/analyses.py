"""Analyses: the validated rows that readers see."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    text as sql,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from schemas.tables.articles import Article
from schemas.tables.base import ArticleId, Base, JsonObject, Now, RowId
from schemas.tables.completions import Completion


class Analysis(Base):
    """The validated row of one article under one lens version."""

    __tablename__ = "analysis"
    __table_args__ = (
        UniqueConstraint("article_id", "lens", "lens_version"),
        CheckConstraint("status IN ('complete', 'partial', 'rejected')", name="status"),
        CheckConstraint("effort IN ('full', 'short', 'closed', 'gate')", name="effort"),
        Index(None, "lens", "lens_version", "score"),
        Index(None, "updated_at"),
    )

    id: Mapped[RowId]
    article_id: Mapped[ArticleId]
    lens: Mapped[str]
    lens_version: Mapped[int]
    completion_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("completion.id", ondelete="SET NULL"), index=True
    )
    """Null where the values came from a label."""
    status: Mapped[str]
    reason: Mapped[str | None]
    """What is to be said of the whole row: why it was rejected, how it was read and scored."""
    values: Mapped[JsonObject]
    """Field name → value; a field that could not be read is absent or null."""
    confidences: Mapped[JsonObject]
    """Field name → 0 to 1."""
    notes: Mapped[JsonObject]
    """Field name → why the value is null or was mended."""
    score: Mapped[float | None]
    """0 to 10, over the lens's weights."""
    tier: Mapped[str | None]
    effort: Mapped[str] = mapped_column(server_default=sql("'full'"))
    """Of the completion. Below full effort, the row is made whole later."""
    postponed: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    """Fields that are null by choice, for the time being; any other null is a failure."""
    created_at: Mapped[Now]
    updated_at: Mapped[Now]

    article: Mapped[Article] = relationship(lazy="raise")
    completion: Mapped[Completion | None] = relationship(lazy="raise")
