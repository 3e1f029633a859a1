"""Completions: the streams as a build gave them."""

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
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import ArticleId, Base, JsonObject, Now, RowId


class Completion(Base):
    """A stored stream: what one build answered about one article through one lens."""

    __tablename__ = "completion"
    __table_args__ = (
        UniqueConstraint("article_id", "lens", "contract_version", "build"),
        CheckConstraint("effort IN ('full', 'short', 'closed', 'gate')", name="effort"),
        Index(None, "read_as_article_id", postgresql_where=sql("read_as_article_id IS NOT NULL")),
        Index(None, "text_key", postgresql_where=sql("read_as_article_id IS NULL")),
        Index(None, "created_at", postgresql_using="brin"),
    )

    id: Mapped[RowId]
    article_id: Mapped[ArticleId]
    lens: Mapped[str]
    contract_version: Mapped[str]
    """8 hex digits over the asked fields."""
    build: Mapped[str]
    """The build's name; a completion outlives the build's row."""
    stream: Mapped[str]
    readings: Mapped[JsonObject]
    """Field name → how it was decoded: text, confidence, probabilities, note."""
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    timings_ms: Mapped[JsonObject]
    """Phase → wall-clock milliseconds."""
    cpu_s: Mapped[float]
    """CPU seconds, this article's share of its batch."""
    prompt_hash: Mapped[str]
    """16 hex digits over the prompt's bytes."""
    left_out: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    """Fields that were not asked, on purpose or because the build does not know them."""
    effort: Mapped[str] = mapped_column(server_default=sql("'full'"))
    """How much of the article was read; below full effort, it is read in full later."""
    postponed: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    """Of the fields left out, those that are read later."""
    text_key: Mapped[str | None]
    """32 hex digits over the title and text that were read, the same where they agree."""
    read_as_article_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("article.id", ondelete="SET NULL")
    )
    """The article of the same title and text that was read instead; null: this one was read."""
    created_at: Mapped[Now]
