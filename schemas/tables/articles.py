"""Articles: one row for each item of a source, and what an edit replaced."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text as sql,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import ArticleId, Base, JsonList, JsonObject, Moment, Now, RowId


class Article(Base):
    """One item of a source. Kept for good, also when every lens drops it."""

    __tablename__ = "article"
    __table_args__ = (
        UniqueConstraint("content_key"),
        UniqueConstraint("address_key"),
        Index(None, "source_id", "external_id"),
        Index(None, "story_id", postgresql_where=sql("story_id IS NOT NULL")),
        Index(None, "created_at", postgresql_using="brin"),
    )

    id: Mapped[RowId]
    source_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("source.id"))
    external_id: Mapped[str]
    """The source's own id: entry id, Message-ID, corpus id."""
    title: Mapped[str]
    text: Mapped[str]
    """Plain text; paragraphs are parted by one blank line."""
    url: Mapped[str | None]
    """Canonical address, or a redirector's; null where none leads to the article alone."""
    address_key: Mapped[str | None]
    """The same for all forms of the address: http or https, mobile, AMP; null for a redirector."""
    content_key: Mapped[str]
    """32 hex digits over the title and text that the source gave, normalised."""
    revision: Mapped[int] = mapped_column(server_default=sql("1"))
    """Counts the source's edits; what they replaced is in `revision`."""
    story_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("story.id", ondelete="SET NULL")
    )
    """Null while no other article tells the same news."""
    story_similarity: Mapped[float | None]
    """To its nearest neighbour in the story, when it joined: 0 to 1."""
    published_at: Mapped[Moment | None]
    author: Mapped[str | None]
    language: Mapped[str | None]
    """ISO 639-1, as the source states it or, noted in `metadata`, as its text shows."""
    links: Mapped[JsonList]
    """`[{"url": …, "text": …}]`, in the order of the page."""
    details: Mapped[JsonObject] = mapped_column("metadata", JSONB, server_default=sql("'{}'"))
    """The draft's `metadata`, a name that the mapped base keeps for itself."""
    notes: Mapped[JsonList]
    """What was mended on the way in, one sentence each."""
    created_at: Mapped[Now]


class Revision(Base):
    """What an article said before its source edited it."""

    __tablename__ = "revision"
    __table_args__ = (PrimaryKeyConstraint("article_id", "number"),)

    article_id: Mapped[ArticleId]
    number: Mapped[int]
    """1 for the article as it first came."""
    title: Mapped[str]
    text: Mapped[str]
    content_key: Mapped[str]
    replaced_at: Mapped[Now]
